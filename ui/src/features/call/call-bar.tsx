import type { Call, CallParticipant, Room } from "@/client/types";
import { PathBadge } from "@/components/path-badge";
import { CallControls } from "@/features/call/controls";
import { Face, Lasting, Muted, Problem, Refused } from "@/features/call/parts";
import { CallStage } from "@/features/call/stage";
import { problemsOf } from "@/state/call-quality";
import { hasPictures } from "@/state/calls";
import { useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** Under a room's head while one is in its call: who is in it, who speaks, how they come through, and what one sends oneself. */
export function CallBar({ room }: { room: Room }) {
  const call = useAppState((state) => state.calls.byRoom.get(room.roomId) ?? null);
  const refused = useAppState((state) => (state.calls.refused?.roomId === room.roomId ? state.calls.refused.error : null));
  const isIn = call?.part === "in" || call?.part === "calling";
  if (!isIn) return refused === null ? null : <Refused error={refused} />;
  if (hasPictures(call)) return <CallStage room={room} call={call} />;
  return (
    <section aria-label={words.region(room.name)} className="flex-none border-b border-line bg-bg [--under:var(--bg)]">
      <div className="flex flex-wrap items-center justify-end gap-x-3 min-h-[52px] ps-6 pe-3 py-1.5 touch:ps-3">
        <ul aria-label={words.people} className="flex flex-wrap items-center gap-x-4 gap-y-1.5 flex-1 min-w-[200px]">
          <Own call={call} />
          {call.participants.map((participant) => (
            <Other key={participant.deviceId} call={call} participant={participant} />
          ))}
        </ul>
        <CallControls call={call} />
      </div>
      {call.sound?.problem !== undefined && <Problem sentence={call.sound.problem} />}
      {call.picture?.problem !== undefined && <Problem sentence={call.picture.problem} />}
      {refused !== null && <Refused error={refused} />}
    </section>
  );
}

function Own({ call }: { call: Call }) {
  const own = useAppState(ownAccount);
  return (
    <li className="flex items-center gap-2 min-w-0">
      <Face userId={own?.userId ?? ""} name={own?.displayName ?? ""} speaking={call.mic && call.speaking} />
      <span className="truncate font-medium">{words.you}</span>
      {!call.mic && <Muted />}
      <span role="status" className="text-small text-ink-3 tabular-nums">
        {call.part === "calling" ? words.calling : call.participants.length === 0 ? words.alone : <Lasting since={call.since} />}
      </span>
    </li>
  );
}

function Other({ call, participant }: { call: Call; participant: CallParticipant }) {
  const name = useAppState((state) => state.people.get(participant.userId)?.displayName ?? strings.somebody);
  const problem = useAppState((state) => problemsOf(call, participant.deviceId, "camera", state.calls.links)[0]);
  const rttMs = useAppState((state) => state.calls.links.get(participant.deviceId)?.rttMs ?? null);
  return (
    <li data-person={participant.userId} className="flex items-center gap-2 min-w-0">
      <Face userId={participant.userId} name={name} speaking={participant.mic && participant.speaking} />
      <span className="truncate foreign font-medium">{name}</span>
      {!participant.mic && <Muted />}
      {problem !== "unheard" && participant.path !== undefined && <PathBadge path={participant.path} word={strings.paths[participant.path]} title={strings.details.pathTitle(participant.path)} rttMs={rttMs} />}
      {problem !== undefined && <span className="text-small text-notice">{words.problems[problem]}</span>}
    </li>
  );
}
