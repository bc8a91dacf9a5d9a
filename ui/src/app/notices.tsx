import { useEffect } from "react";
import { toast } from "sonner";
import { useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

/** Says what happened elsewhere. What happens where one is looking is said there, not here. */
export function Notices() {
  const notice = useAppState((state) => state.notice);
  useEffect(() => {
    switch (notice?.kind) {
      case undefined:
        break;
      case "roomGone":
        toast(strings.notices.roomGone(notice.roomName));
        break;
      case "messageAway":
        toast(strings.notices.messageAway);
        break;
      case "failed":
        toast.error(notice.error.message);
        break;
    }
  }, [notice]);
  return null;
}
