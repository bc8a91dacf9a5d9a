import { CircleStop, Music, Pause, Play, RotateCcw, TriangleAlert, X } from "lucide-react";
import type { Call, CallListening } from "@/client/types";
import { playingTime, useSteps } from "@/components/clock";
import { IconButton } from "@/components/icon-button";
import { SeekBar } from "@/features/call/seek-bar";
import { useActions, useAppState } from "@/state/context";
import { isAtEnd, isOver, listeningOf, positionAt } from "@/state/listening";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.call.listening;
/** In so many steps the longest bar moves by a pixel each. */
const STEPS = 1_000;
const STEP_MS_MIN = 40;
const STEP_MS_MAX = 250;

export type ListeningProps = {
  call: Call;
  /** Only what it is, and whether it plays. */
  small?: boolean;
  className?: string;
};

/** The file that all in the call listen to: what it is, how far it is, and what anybody may do with it. Nothing where there is none. */
export function Listening({ call, small = false, className = "" }: ListeningProps) {
  const listening = useAppState((state) => listeningOf(call, state.calls.together));
  const opening = useAppState((state) => state.calls.together.opening);
  const own = useAppState(ownAccount)?.userId;
  // Who ended it knows.
  const shown = listening !== null && !(listening.state === "stopped" && listening.changedBy === own);
  if (!shown && !opening) return null;
  return (
    <div role="group" aria-label={words.region} className={`flex-none ${className}`}>
      {shown && (isOver(listening) ? <Over listening={listening} /> : <Player listening={listening} small={small} />)}
      {opening && (
        <p role="status" className="py-1 text-small text-ink-3">
          {words.opening}
        </p>
      )}
    </div>
  );
}

function Player({ listening, small }: { listening: CallListening; small: boolean }) {
  const actions = useActions();
  const { title, lengthMs, state } = listening;
  const plays = state === "playing";
  const atEnd = isAtEnd(listening);
  return (
    <div className="@container">
      <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5">
        <IconButton label={plays ? words.pause : atEnd ? words.again : words.play} onClick={() => actions.listen({ action: plays ? "pause" : "play" })}>
          {plays ? <Pause aria-hidden="true" /> : atEnd ? <RotateCcw aria-hidden="true" /> : <Play aria-hidden="true" />}
        </IconButton>
        <div className="flex-1 basis-[120px] min-w-0">
          <p title={title} className="truncate foreign font-medium">
            {title}
          </p>
          {!small && <Standing listening={listening} atEnd={atEnd} />}
        </div>
        {!small && (
          <>
            {lengthMs === undefined ? <Reached listening={listening} /> : <Moment listening={listening} lengthMs={lengthMs} />}
            <IconButton
              label={words.stop}
              onClick={(event) => {
                handFocusOn(event.currentTarget);
                actions.listen({ action: "stop" });
              }}
            >
              <CircleStop aria-hidden="true" />
            </IconButton>
          </>
        )}
      </div>
    </div>
  );
}

function Standing({ listening, atEnd }: { listening: CallListening; atEnd: boolean }) {
  const { userId, state } = listening;
  const own = useAppState((all) => ownAccount(all)?.userId === userId);
  const name = useAppState(({ people }) => people.get(userId ?? "")?.displayName ?? strings.somebody);
  return (
    <p role="status" className="truncate foreign text-small text-ink-3">
      {state === "playing" ? (own ? words.playedByYou : words.playedBy(name)) : atEnd ? (own ? words.atEndByYou : words.atEndBy(name)) : own ? words.pausedByYou : words.pausedBy(name)}
    </p>
  );
}

/** Between two words of the engine it goes on by the clock. */
function usePosition(listening: CallListening): number {
  const stepMs = Math.min(STEP_MS_MAX, Math.max(STEP_MS_MIN, Math.round((listening.lengthMs ?? Infinity) / STEPS)));
  return positionAt(listening, useSteps(stepMs, listening.state === "playing"));
}

function Moment({ listening, lengthMs }: { listening: CallListening; lengthMs: number }) {
  const actions = useActions();
  const positionMs = usePosition(listening);
  // What is held in one file is not let go in the next.
  return <SeekBar key={`${listening.deviceId} ${listening.title}`} positionMs={positionMs} lengthMs={lengthMs} onSeek={(to) => actions.listen({ action: "seek", positionMs: to })} className="flex-[2] basis-[200px] @max-[440px]:order-last @max-[440px]:basis-full" />;
}

/** Of a file whose length nobody knows. */
function Reached({ listening }: { listening: CallListening }) {
  const positionMs = usePosition(listening);
  return <span className="flex-none text-small text-ink-3 tabular-nums">{playingTime(positionMs)}</span>;
}

/** Why nothing is heard any more. */
function Over({ listening }: { listening: CallListening }) {
  const actions = useActions();
  const { title, state, changedBy, problem } = listening;
  const by = useAppState(({ people }) => people.get(changedBy ?? "")?.displayName);
  const sentence =
    state === "left" ? words.left(title) : state === "failed" ? (problem === undefined ? words.failed(title) : words.failedHere(title, problem)) : by === undefined ? words.stoppedBySomebody(title) : words.stopped(by, title);
  const Icon = state === "failed" ? TriangleAlert : Music;
  return (
    <div className={`flex items-center gap-2 text-small ${state === "failed" ? "text-notice" : "text-ink-2"}`}>
      <Icon aria-hidden="true" className="flex-none size-4 stroke-[1.75]" />
      <p role="status" className="flex-1 min-w-0 foreign">
        {sentence}
      </p>
      <IconButton
        label={strings.call.dismiss}
        className="size-7 [&_svg]:size-3.5 text-current"
        onClick={(event) => {
          handFocusOn(event.currentTarget);
          actions.putListeningAway();
        }}
      >
        <X aria-hidden="true" />
      </IconButton>
    </div>
  );
}

/** The button goes with what it ends: the focus, to where another file is begun, or to what the small call has instead. */
function handFocusOn(button: Element): void {
  button.closest("section")?.querySelector<HTMLElement>("[data-begins-listening], [data-grip]")?.focus();
}
