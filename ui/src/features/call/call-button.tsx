import { Phone, PhoneCall, Video } from "lucide-react";
import type { Room } from "@/client/types";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { useActions, useAppState } from "@/state/context";
import { currentCall } from "@/state/calls";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** In a room's head: calls the room, or joins the call that goes on in it. Nothing while one is in that call. */
export function CallButton({ room }: { room: Room }) {
  const actions = useActions();
  const call = useAppState((state) => state.calls.byRoom.get(room.roomId) ?? null);
  const busy = useAppState((state) => currentCall(state.calls) !== null);
  if (!mayPost(room)) return null;
  if (call === null) {
    return (
      <>
        <IconButton label={words.start} disabled={busy} className="disabled:opacity-50" onClick={() => actions.startCall(room.roomId, "audio")}>
          <Phone aria-hidden="true" />
        </IconButton>
        <IconButton label={words.startVideo} disabled={busy} className="disabled:opacity-50" onClick={() => actions.startCall(room.roomId, "video")}>
          <Video aria-hidden="true" />
        </IconButton>
      </>
    );
  }
  if (call.part !== "out") return null;
  const Icon = call.media === "video" ? Video : PhoneCall;
  return (
    <Button disabled={busy} aria-label={words.join(call.participants.length)} onClick={() => actions.joinCall(room.roomId, call.callId)}>
      <Icon aria-hidden="true" className="size-4 stroke-[1.75] text-ok" />
      <span className="tabular-nums">{call.participants.length}</span>
    </Button>
  );
}
