import { useEffect, useRef } from "react";
import type { Call, CallParticipant, Room } from "@/client/types";
import { useBox } from "@/components/box";
import { PathBadge } from "@/components/path-badge";
import { ASPECT } from "@/features/call/arrange";
import { CallControls } from "@/features/call/controls";
import { Listening } from "@/features/call/listening";
import { Face, Lasting, Muted, Problems, Refused } from "@/features/call/parts";
import { CallStage, useArrangement } from "@/features/call/stage";
import { problemsOf } from "@/state/call-quality";
import { hasPictures, isIn } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { listeningOf } from "@/state/listening";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call;

/** The controls, and what stands around the pictures. */
const BELOW = 64;
/** What all listen to, under them. */
const LISTENING = 44;
const BESIDE = 16;
const EDGES = "ps-6 pe-3 touch:ps-3";

/** Under a room's head while one is in its call: who is in it, how they come through, and what one sends oneself. */
export function CallBar({ room }: { room: Room }) {
  const call = useAppState((state) => state.calls.byRoom.get(room.roomId));
  const refused = useAppState((state) => (state.calls.refused?.roomId === room.roomId ? state.calls.refused.error : null));
  if (isIn(call)) return <OwnCall room={room} call={call} />;
  return refused === null ? null : (
    <div className={`flex-none py-1 ${EDGES}`}>
      <Refused error={refused} />
    </div>
  );
}

/** One section with pictures and without: what has the focus keeps it when the first camera comes on. */
function OwnCall({ room, call }: { room: Room; call: Call }) {
  const actions = useActions();
  const pictures = hasPictures(call);
  const large = useAppState((state) => state.calls.look.large) && pictures;
  const section = useRef<HTMLElement>(null);
  const box = useBox(section);
  const listens = useAppState((state) => listeningOf(call, state.calls.together) !== null);
  // One picture alone, in a window that is higher than wide, leaves the rest of the height to the conversation.
  const { arranged } = useArrangement(call);
  const alone = pictures && !large && box.width > 0 && arranged.rest.length + (arranged.large === null ? 0 : 1) === 1;

  // Esc takes it off the conversation, as long as what has the focus is not something beside it or over it.
  useEffect(() => {
    if (!large) return undefined;
    function onKeyDown(event: KeyboardEvent): void {
      const here = event.target === document.body || (event.target instanceof Node && section.current?.contains(event.target) === true);
      if (event.key === "Escape" && here && !event.defaultPrevented) actions.setCallLook({ large: false });
    }
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [actions, large]);

  const shape = !pictures ? "border-b border-line" : large ? "absolute z-10 inset-x-0 bottom-0 top-[52px]" : "h-[46%] min-h-[240px] max-h-[calc(100%-230px)] border-b border-line";
  return (
    <section
      ref={section}
      aria-label={words.region(room.name)}
      style={alone ? { maxHeight: `min(calc(100% - 230px), ${Math.ceil((box.width - BESIDE) / ASPECT) + BELOW + (listens ? LISTENING : 0)}px)` } : undefined}
      className={`flex flex-col flex-none bg-bg [--under:var(--bg)] ${shape}`}
    >
      {pictures && <CallStage call={call} />}
      {pictures && <Problems call={call} className={`pt-2 ${EDGES}`} />}
      <div className={pictures ? "flex items-center gap-2 flex-none min-h-[46px] px-3 touch:px-2" : "flex flex-wrap items-center justify-end gap-x-3 min-h-[52px] ps-6 pe-3 py-1.5 touch:ps-3"}>
        {pictures ? (
          <p role="status" className="flex-1 min-w-0 truncate text-small text-ink-3 tabular-nums">
            {call.screen ? words.showing : <Standing call={call} />}
          </p>
        ) : (
          <ul aria-label={words.people} className="flex flex-wrap items-center gap-x-3 gap-y-1.5 flex-1 min-w-[200px]">
            <Own call={call} />
            {call.participants.map((participant) => (
              <Other key={participant.deviceId} call={call} participant={participant} />
            ))}
          </ul>
        )}
        <CallControls call={call} pictures={pictures} />
        {pictures && <span className="flex-1 touch:hidden" />}
      </div>
      <Listening call={call} className={`pb-2 pe-3 touch:pe-2 touch:ps-0.5 ${pictures ? "ps-1.5" : "ps-[18px]"}`} />
      {!pictures && <Problems call={call} className={`pb-2 ${EDGES}`} />}
    </section>
  );
}

/** How far it is: how long it has lasted, unless nobody else is in it. */
function Standing({ call }: { call: Call }) {
  if (call.part === "calling") return words.calling;
  return call.participants.length === 0 ? words.alone : <Lasting since={call.since} />;
}

function Own({ call }: { call: Call }) {
  const own = useAppState(ownAccount);
  return (
    <li className="flex items-center gap-2 min-w-0">
      <Face userId={own?.userId ?? ""} name={own?.displayName ?? ""} speaking={call.mic && call.speaking} />
      <span className="truncate font-medium">{words.you}</span>
      {!call.mic && <Muted />}
      <span role="status" className="text-small text-ink-3 tabular-nums">
        <Standing call={call} />
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
