import { useEffect, useRef } from "react";
import { toast } from "sonner";
import type { CallEnd } from "@/client/types";
import { headingOf } from "@/features/inbox/heading";
import { useActions, useAppState } from "@/state/context";
import { presenceOf, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

/** Nobody reads a longer one in five seconds; all of it is where it happened. */
const BODY_CHARACTERS_MAX = 140;

/** Says what happened elsewhere. What happens where one is looking is said there, not here, but for the end of a call. */
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
  const heading = useAppState((state) => (state.arrival === null ? "" : headingOf(state.arrival, state.arrival.userId === undefined ? undefined : state.people.get(state.arrival.userId)?.displayName)));
  const quiet = useAppState((state) => presenceOf(state, ownAccount(state)?.userId ?? "") === "dnd" || state.inboxOpen || (state.attending && state.openRoomId !== null && state.openRoomId === state.arrival?.roomId));
  const quietly = useRef(quiet);
  // A name that changes is no news.
  const headed = useRef(heading);
  useEffect(() => {
    quietly.current = quiet;
    headed.current = heading;
  }, [quiet, heading]);
  useEffect(() => {
    if (arrival === null || quietly.current) return;
    const { body, level, roomId } = arrival;
    const show = { info: toast, success: toast.success, warning: toast.warning, error: toast.error }[level];
    show(headed.current, { description: body.slice(0, BODY_CHARACTERS_MAX), ...(roomId === undefined ? {} : { action: { label: strings.inbox.open, onClick: () => actions.openNotification(arrival) } }) });
  }, [arrival, actions]);

  // The one thing that is said here wherever one looks: what would say it in the room ended with the call.
  const ended = useAppState((state) => state.calls.ended);
  const place = useAppState((state) => (state.calls.ended === null ? "" : (state.rooms?.get(state.calls.ended.roomId)?.name ?? "")));
  const placed = useRef(place);
  useEffect(() => {
    placed.current = place;
  }, [place]);
  useEffect(() => {
    const sentence = ended === null ? null : endedSentence(ended.why, placed.current);
    if (sentence !== null) toast(sentence);
  }, [ended]);
  return null;
}

/** Why a call ended, where others' doing needs a word: who hung up, or answered on another device, knows. */
function endedSentence(why: CallEnd, room: string): string | null {
  const { declined, busy, unanswered, removed } = strings.call.ended;
  switch (why) {
    case "declined":
      return declined(room);
    case "busy":
      return busy(room);
    case "unanswered":
      return unanswered(room);
    case "removed":
      return removed;
    case "left":
    case "elsewhere":
      return null;
  }
}
