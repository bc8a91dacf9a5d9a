import { Maximize2 } from "lucide-react";
import { IconButton } from "@/components/icon-button";
import { CallControls, Face, Lasting } from "@/features/call/call-bar";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call;
/** More faces than this say no more. */
const FACES_MAX = 4;

/** The call that one is in, small, while one reads elsewhere. */
export function FloatingCall() {
  const actions = useActions();
  const call = useAppState((state) => currentCall(state.calls));
  const room = useAppState((state) => (call === null ? undefined : state.rooms?.get(call.roomId)));
  const people = useAppState((state) => state.people);
  const there = useAppState((state) => state.openRoomId === call?.roomId && state.openDocId === null && !state.inboxOpen && !state.feedOpen);
  if (call === null || room === undefined || there) return null;
  return (
    // Over the foot of the rooms, where nothing is typed; in a narrow window under the head.
    <section
      aria-label={words.elsewhere(room.name)}
      className="fixed z-20 bottom-[66px] start-3 w-[calc(var(--size-rooms)-24px)] touch:bottom-auto touch:top-[60px] touch:inset-x-3 touch:w-auto grid gap-1.5 p-2 ps-3 rounded-large border border-line bg-raised shadow-2 [--under:var(--raised)]"
    >
      <div className="flex items-center gap-2">
        <p className="flex-1 min-w-0 truncate foreign font-medium">{room.name}</p>
        <p className="text-small text-ink-3 tabular-nums">{call.part === "calling" ? words.calling : <Lasting since={call.since} />}</p>
        <IconButton label={words.goTo} onClick={() => actions.openRoom(room.roomId)}>
          <Maximize2 aria-hidden="true" />
        </IconButton>
      </div>
      <div className="flex items-center gap-2">
        <div className="flex flex-1 gap-2 min-w-0 p-1 -m-1">
          {call.participants.slice(0, FACES_MAX).map((participant) => (
            <Face key={participant.deviceId} userId={participant.userId} name={people.get(participant.userId)?.displayName ?? ""} speaking={participant.mic && participant.speaking} size={26} />
          ))}
        </div>
        <CallControls call={call} devices={false} />
      </div>
    </section>
  );
}
