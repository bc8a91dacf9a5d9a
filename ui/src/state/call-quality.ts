// How a call gets through, in terms that a person can be told: what each report of figures adds to the one before. Pure.
import type { Call, CallPeerStats, PictureSource, VideoStats } from "@/client/types";

/** Pictures of one kind over the last second. */
export type VideoQuality = {
  framesPerSecond: number;
  /** Share of their packets that never came. */
  lost: number;
  /** For how many reports in a row nothing new was to be seen, while they were sent. */
  stillFor: number;
  width: number;
  height: number;
  bitsPerSecond: number;
};

/** How what one device sends came through over the last second. */
export type LinkQuality = {
  rttMs: number | null;
  /** Share of the sound that was lost and had to be made up. */
  madeUp: number;
  /** For how many reports in a row the camera was on, and the screen shown. */
  cameraFor: number;
  screenFor: number;
  camera: VideoQuality | null;
  screen: VideoQuality | null;
};

export function linkQualityOf(now: CallPeerStats, before: CallPeerStats | undefined, held: LinkQuality | undefined, sends: { camera: boolean; screen: boolean }): LinkQuality {
  const made = now.audio.framesConcealed - (before?.audio.framesConcealed ?? 0);
  const played = now.audio.framesDecoded - (before?.audio.framesDecoded ?? 0);
  return {
    rttMs: now.audio.rttMs ?? null,
    madeUp: before === undefined ? 0 : share(made, made + played),
    cameraFor: sends.camera ? (held?.cameraFor ?? 0) + 1 : 0,
    screenFor: sends.screen ? (held?.screenFor ?? 0) + 1 : 0,
    camera: videoQualityOf(now.video, before?.video, held?.camera ?? null, sends.camera),
    screen: videoQualityOf(now.screen, before?.screen, held?.screen ?? null, sends.screen),
  };
}

function videoQualityOf(now: VideoStats | undefined, before: VideoStats | undefined, held: VideoQuality | null, on: boolean): VideoQuality | null {
  if (now === undefined) return null;
  const lost = now.packetsLost - (before?.packetsLost ?? 0);
  const came = now.packetsReceived - (before?.packetsReceived ?? 0);
  const { framesPerSecond, width, height, bitsPerSecond } = now;
  const stands = before?.framesDecoded === now.framesDecoded;
  return { framesPerSecond, width, height, bitsPerSecond, lost: before === undefined ? 0 : share(lost, lost + came), stillFor: on && stands ? (held?.stillFor ?? 0) + 1 : 0 };
}

/** Figures that run backwards are of a device that began anew: they say nothing yet. */
function share(part: number, whole: number): number {
  return part < 0 || whole <= 0 ? 0 : Math.min(1, part / whole);
}

/** What can be wrong, the worst first. */
export const CALL_PROBLEMS = ["unheard", "breaking", "unseen", "still", "jerky", "lossy", "slow"] as const;
export type CallProblem = (typeof CALL_PROBLEMS)[number];

/** Above this a pause before every answer is felt. */
const SLOW_MS = 400;
/** One frame in twelve made up is heard as a stutter. */
const BREAKING = 0.08;
/** A face below this moves in steps. A screen may stand still for minutes. */
const JERKY_FRAMES = 12;
/** Beyond this the codec cannot hide it. */
const LOSSY = 0.05;
/** One report may fall between two pictures, and the first of a camera is of less than a second. */
const REPORTS_MIN = 2;
/** So many reports after a camera was turned on there is something to be seen. */
const REPORTS_UNSEEN = 5;

/** What a person would say of how somebody, or their screen, comes through. Sound and pictures take the link alone, never the server's relay. */
export function problemsOf(call: Call, deviceId: string, source: PictureSource, links: ReadonlyMap<string, LinkQuality>): readonly CallProblem[] {
  const participant = call.participants.find((each) => each.deviceId === deviceId);
  const linked = participant?.path === "direct" || participant?.path === "turn";
  const link = links.get(deviceId);
  // That there is no link is said of the person, once.
  if (source === "screen") return linked && participant.screen && link !== undefined ? problemsOfScreen(link) : [];
  if (!linked) return ["unheard"];
  if (link === undefined) return [];
  const problems: CallProblem[] = [];
  if (link.madeUp > BREAKING) problems.push("breaking");
  if (participant.camera) problems.push(...problemsOfCamera(link));
  if ((link.rttMs ?? 0) > SLOW_MS) problems.push("slow");
  return problems;
}

function problemsOfCamera({ camera, cameraFor }: LinkQuality): readonly CallProblem[] {
  const problems: CallProblem[] = [];
  // What came before the camera was turned on is of another time.
  const nothingSince = camera === null || camera.stillFor >= cameraFor;
  if (nothingSince) {
    if (cameraFor >= REPORTS_UNSEEN) problems.push("unseen");
  } else if (camera.stillFor >= REPORTS_MIN) problems.push("still");
  else if (cameraFor > REPORTS_MIN && camera.stillFor === 0 && camera.framesPerSecond > 0 && camera.framesPerSecond < JERKY_FRAMES) problems.push("jerky");
  if ((camera?.lost ?? 0) > LOSSY) problems.push("lossy");
  return problems;
}

function problemsOfScreen({ screen, screenFor }: LinkQuality): readonly CallProblem[] {
  const problems: CallProblem[] = [];
  // A screen that stands still sends nothing new: only one of which nothing ever came is missed.
  if (screen === null && screenFor >= REPORTS_UNSEEN) problems.push("unseen");
  if ((screen?.lost ?? 0) > LOSSY) problems.push("lossy");
  return problems;
}
