import { CallPassageDialog } from "@/features/call/passage";
import { PlayFileDialog } from "@/features/call/play-file";
import { ShareScreenDialog } from "@/features/call/share-screen";
import { TryDevicesDialog } from "@/features/call/try-devices";
import { useAppState } from "@/state/context";

/** What is asked and told of a call over everything else. */
export function CallDialogs() {
  const kind = useAppState((state) => state.overlay?.kind);
  if (kind === "shareScreen") return <ShareScreenDialog />;
  if (kind === "tryDevices") return <TryDevicesDialog />;
  if (kind === "playFile") return <PlayFileDialog />;
  return kind === "callPassage" ? <CallPassageDialog /> : null;
}
