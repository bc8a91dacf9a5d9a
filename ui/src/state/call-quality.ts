// How a call gets through, in terms that a person can be told: what each report of figures adds to the one before. Pure.
import type { Call, CallPeerStats, VideoStats } from "@/client/types";

/** Pictures of one kind over the last second. */
export type Sight = {
  framesPerSecond: number;
  /** Share of their packets that never came. */
  lost: number;
  /** For how many reports in a row nothing new was to be seen. */
  stillFor: number;
  width: number;
  height: number;
  bitsPerSecond: number;
};

/** How what one device sends came through over the last second. */
export type Passage = {
  rttMs: number | null;
  /** Share of the sound that was lost and had to be made up. */
  madeUp: number;
  /** For how many reports the device has been heard of. */
  reports: number;
  camera: Sight | null;
  screen: Sight | null;
};

export function passageOf(now: CallPeerStats, before: CallPeerStats | undefined, held: Passage | undefined): Passage {
  const made = now.audio.framesConcealed - (before?.audio.framesConcealed ?? 0);
  const played = now.audio.framesDecoded - (before?.audio.framesDecoded ?? 0);
  return {
    rttMs: now.audio.rttMs ?? null,
    madeUp: before === undefined ? 0 : share(made, made + played),
    reports: (held?.reports ?? 0) + 1,
    camera: sightOf(now.video, before?.video, held?.camera ?? null),
    screen: sightOf(now.screen, before?.screen, held?.screen ?? null),
  };
}

function sightOf(now: VideoStats | undefined, before: VideoStats | undefined, held: Sight | null): Sight | null {
  if (now === undefined) return null;
  const lost = now.packetsLost - (before?.packetsLost ?? 0);
  const came = now.packetsReceived - (before?.packetsReceived ?? 0);
  const { framesPerSecond, width, height, bitsPerSecond } = now;
  const stands = before?.framesDecoded === now.framesDecoded;
  return { framesPerSecond, width, height, bitsPerSecond, lost: before === undefined ? 0 : share(lost, lost + came), stillFor: stands ? (held?.stillFor ?? 0) + 1 : 0 };
}

/** Figures that run backwards are of a device that began anew: they say nothing yet. */
function share(part: number, whole: number): number {
  return part < 0 || whole <= 0 ? 0 : Math.min(1, part / whole);
}

/** What is wrong, the worst first as it stands here. */
export type Problem = "unheard" | "breaking" | "unseen" | "still" | "jerky" | "lossy" | "slow";

/** Above this a pause before every answer is felt. */
const SLOW_MS = 400;
/** One frame in twelve made up is heard as a stutter. */
const BREAKING = 0.08;
/** A face below this moves in steps. A screen may stand still for minutes. */
const JERKY_FRAMES = 12;
/** Beyond this the codec cannot hide it. */
const LOSSY = 0.05;
/** One report may fall between two pictures. */
const REPORTS_MIN = 2;
/** So many reports after a camera was turned on there is something to be seen. */
const REPORTS_UNSEEN = 5;

/** What a person would say of how somebody comes through. Sound and pictures take the link alone, never the server's relay. */
export function problemsOf(call: Call, deviceId: string, passages: ReadonlyMap<string, Passage>): readonly Problem[] {
  const participant = call.participants.find((each) => each.deviceId === deviceId);
  if (participant?.path !== "direct" && participant?.path !== "turn") return ["unheard"];
  const passage = passages.get(deviceId);
  if (passage === undefined) return [];
  const problems: Problem[] = [];
  if (passage.madeUp > BREAKING) problems.push("breaking");
  const { camera, screen } = passage;
  if (participant.camera) {
    if (camera === null) {
      if (passage.reports >= REPORTS_UNSEEN) problems.push("unseen");
    } else if (camera.stillFor >= REPORTS_MIN) problems.push("still");
    else if (camera.stillFor === 0 && camera.framesPerSecond > 0 && camera.framesPerSecond < JERKY_FRAMES) problems.push("jerky");
  }
  if ((participant.camera && (camera?.lost ?? 0) > LOSSY) || (participant.screen && (screen?.lost ?? 0) > LOSSY)) problems.push("lossy");
  if ((passage.rttMs ?? 0) > SLOW_MS) problems.push("slow");
  return problems;
}
