import { useEffect } from "react";
import { toast } from "sonner";
import { useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

/** Says what happened elsewhere. What happens where one is looking is said there, not here. */
export function Notices() {
  const notice = useAppState((state) => state.notice);
  useEffect(() => {
    if (notice !== null) toast(strings.notices.roomGone(notice.roomName));
  }, [notice]);
  return null;
}
