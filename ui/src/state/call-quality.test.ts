import { beforeEach, describe, expect, test } from "vitest";
import type { Call, CallParticipant, CallPeerStats, VideoStats } from "@/client/types";
import { passageOf, problemsOf, type Passage } from "@/state/call-quality";

const BO: CallParticipant = { userId: "bo", deviceId: "bo-1", mic: true, speaking: false, camera: false, screen: false, since: 1, path: "direct" };
const call = (more: Partial<CallParticipant> = {}): Call => ({ callId: "c1", roomId: "shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1, participants: [{ ...BO, ...more }] });

const figures = (framesDecoded: number, framesConcealed: number, more: { rttMs?: number; video?: VideoStats; screen?: VideoStats } = {}): CallPeerStats => {
  const { rttMs = 10, ...pictures } = more;
  return {
    userId: "bo", deviceId: "bo-1", ...pictures,
    audio: { packetsReceived: 0, packetsLost: 0, framesDecoded, framesRecovered: 0, framesConcealed, jitterMs: 0, delayMs: 20, rttMs, bitsPerSecond: 0, packetsRefused: 0, level: 0, speaking: true },
  };
};
const video = (framesDecoded: number, more: Partial<VideoStats> = {}): VideoStats => ({ packetsReceived: framesDecoded * 10, packetsLost: 0, packetsRefused: 0, framesDecoded, framesDropped: 0, keyFramesAsked: 0, width: 640, height: 360, framesPerSecond: 30, bitsPerSecond: 800_000, delayMs: 20, ...more });

let before: CallPeerStats | undefined;
let held: Passage | undefined;
beforeEach(() => {
  before = undefined;
  held = undefined;
});

function after(now: CallPeerStats, of: Call = call()): readonly string[] {
  held = passageOf(now, before, held);
  before = now;
  return problemsOf(of, "bo-1", new Map([["bo-1", held]]));
}

test("sound that was made up lately is heard, not what was an hour ago", () => {
  expect(after(figures(1_000, 500))).toEqual([]);
  expect(after(figures(1_045, 505))).toEqual(["breaking"]);
  expect(after(figures(1_095, 505))).toEqual([]);
  expect(after(figures(1_145, 505, { rttMs: 600 }))).toEqual(["slow"]);
});

test("sound and pictures take the link alone", () => {
  expect(problemsOf(call({ path: "relay" }), "bo-1", new Map())).toEqual(["unheard"]);
  expect(problemsOf(call({ path: "turn" }), "bo-1", new Map())).toEqual([]);
  expect(problemsOf(call(), "gone", new Map())).toEqual(["unheard"]);
});

describe("pictures", () => {
  const seen = call({ camera: true });

  test("that stand still are said to, but not after one report between two of them", () => {
    expect(after(figures(50, 0, { video: video(30) }), seen)).toEqual([]);
    expect(after(figures(100, 0, { video: video(30, { framesPerSecond: 0 }) }), seen)).toEqual([]);
    expect(after(figures(150, 0, { video: video(30, { framesPerSecond: 0 }) }), seen)).toEqual(["still"]);
    expect(after(figures(200, 0, { video: video(60) }), seen)).toEqual([]);
  });

  test("that never come are missed after a while, and only where a camera is on", () => {
    for (let report = 1; report < 5; report += 1) expect(after(figures(50 * report, 0), seen)).toEqual([]);
    expect(after(figures(250, 0), seen)).toEqual(["unseen"]);
    expect(after(figures(300, 0), call())).toEqual([]);
  });

  test("that stutter, or lose parts, are said to", () => {
    after(figures(50, 0, { video: video(30) }), seen);
    expect(after(figures(100, 0, { video: video(38, { framesPerSecond: 8 }) }), seen)).toEqual(["jerky"]);
    expect(after(figures(150, 0, { video: video(68, { packetsLost: 60 }) }), seen)).toEqual(["lossy"]);
    // Figures that run backwards are of a device that began anew.
    expect(after(figures(10, 0, { video: video(5) }), seen)).toEqual([]);
  });

  test("of a screen may stand still for as long as it does", () => {
    const sharing = call({ screen: true });
    for (let report = 1; report < 8; report += 1) expect(after(figures(50 * report, 0, { screen: video(3, { framesPerSecond: 0 }) }), sharing)).toEqual([]);
  });

  test("the worst comes first", () => {
    after(figures(50, 0, { video: video(30) }), seen);
    expect(after(figures(60, 40, { video: video(36, { framesPerSecond: 6, packetsLost: 30 }), rttMs: 900 }), seen)).toEqual(["breaking", "jerky", "lossy", "slow"]);
  });
});
