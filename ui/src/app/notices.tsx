import { useEffect, useRef } from "react";
import { toast } from "sonner";
import { useActions, useAppState } from "@/state/context";
import { presenceOf, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

/** Nobody reads a longer one in five seconds; all of it is where it happened. */
const BODY_CHARACTERS_MAX = 140;

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

  // Whoever is looking at the place itself needs no toast, and who wants to be left alone gets none.
  const actions = useActions();
  const arrival = useAppState((state) => state.arrival);
  const quiet = useAppState((state) => presenceOf(state, ownAccount(state)?.userId ?? "") === "dnd" || state.inboxOpen || (state.attending && state.openRoomId !== null && state.openRoomId === state.arrival?.roomId));
  const quietly = useRef(quiet);
  useEffect(() => {
    quietly.current = quiet;
  }, [quiet]);
  useEffect(() => {
    if (arrival === null || quietly.current) return;
    const { title, body, level, roomId } = arrival;
    const show = { info: toast, success: toast.success, warning: toast.warning, error: toast.error }[level];
    show(title, { description: body.slice(0, BODY_CHARACTERS_MAX), ...(roomId === undefined ? {} : { action: { label: strings.inbox.open, onClick: () => actions.openNotification(arrival) } }) });
  }, [arrival, actions]);
  return null;
}
