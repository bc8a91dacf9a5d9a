import type { Call, CallParticipant } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Dialog } from "@/components/dialog";
import { PathBadge } from "@/components/path-badge";
import { CALL_PROBLEMS, problemsOf } from "@/state/call-quality";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.call.passage;

/** How everybody in the call comes through: in words first, then in figures. */
export function CallPassageDialog() {
  const actions = useActions();
  const call = useAppState((state) => currentCall(state.calls));
  return (
    <Dialog title={words.title} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      {call === null || call.participants.length === 0 ? (
        <p className="text-ink-2">{words.nobody}</p>
      ) : (
        <ul className="grid gap-4">
          {call.participants.map((participant) => (
            <Person key={participant.deviceId} call={call} participant={participant} />
          ))}
        </ul>
      )}
    </Dialog>
  );
}

function Person({ call, participant }: { call: Call; participant: CallParticipant }) {
  const { userId, deviceId, path } = participant;
  const name = useAppState((state) => state.people.get(userId)?.displayName ?? strings.somebody);
  const problems = useAppState((state) => {
    const found = new Set([...problemsOf(call, deviceId, "camera", state.calls.links), ...problemsOf(call, deviceId, "screen", state.calls.links)]);
    return CALL_PROBLEMS.filter((problem) => found.has(problem));
  });
  const link = useAppState((state) => state.calls.links.get(deviceId));
  const sent = useAppState((state) => state.calls.figures.get(deviceId)?.sent);
  // Without a way to each other there are no figures, but those of before.
  const linked = path === "direct" || path === "turn";
  const lines = !linked ? [] : [
    link === undefined ? null : words.sound(link.madeUp),
    link === undefined || !participant.camera ? null : videoLine(words.picture, link.camera),
    link === undefined || !participant.screen ? null : videoLine(words.screen, link.screen),
    call.camera ? videoLine(words.yourPicture, sent?.video ?? null) : null,
    call.screen ? videoLine(words.yourScreen, sent?.screen ?? null) : null,
  ].filter((line) => line !== null);
  return (
    <li data-person={userId} className="flex gap-3 min-w-0">
      <Avatar userId={userId} name={name} size={30} />
      <div className="flex-1 min-w-0">
        <p className="flex items-center gap-2">
          <span className="truncate foreign font-medium">{name}</span>
          {path !== undefined && <PathBadge path={path} word={strings.paths[path]} title={strings.details.pathTitle(path)} rttMs={link?.rttMs ?? null} />}
        </p>
        {problems.length === 0 ? (
          <p className="text-ink-2">{words.well}</p>
        ) : (
          problems.map((problem) => (
            <p key={problem} className="text-ink-2">
              <span className="font-medium text-notice">{strings.call.problems[problem]}.</span> {words.advice[problem]}
            </p>
          ))
        )}
        {path !== undefined && <p className="text-small text-ink-3">{words.paths[path]}</p>}
        {lines.map((line) => (
          <p key={line} className="text-small text-ink-3 tabular-nums">
            {line}
          </p>
        ))}
      </div>
    </li>
  );
}

type Sized = { width: number; height: number; framesPerSecond: number; bitsPerSecond: number };

function videoLine(word: (width: number, height: number, frames: number, bits: number) => string, video: Sized | null): string | null {
  return video === null ? null : word(video.width, video.height, video.framesPerSecond, video.bitsPerSecond);
}
