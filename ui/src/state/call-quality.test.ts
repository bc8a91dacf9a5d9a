import { beforeEach, describe, expect, test } from "vitest";
import type { Call, CallParticipant, CallPeerStats, PictureSource, VideoStats } from "@/client/types";
import { linkQualityOf, problemsOf, type LinkQuality } from "@/state/call-quality";

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
let held: LinkQuality | undefined;
beforeEach(() => {
  before = undefined;
  held = undefined;
});

function after(now: CallPeerStats, of: Call = call(), source: PictureSource = "camera"): readonly string[] {
  held = linkQualityOf(now, before, held, of.participants[0] ?? BO);
  before = now;
  return problemsOf(of, "bo-1", source, new Map([["bo-1", held]]));
}

test("sound that was made up lately is heard, not what was an hour ago", () => {
  expect(after(figures(1_000, 500))).toEqual([]);
  expect(after(figures(1_045, 505))).toEqual(["breaking"]);
  expect(after(figures(1_095, 505))).toEqual([]);
  expect(after(figures(1_145, 505, { rttMs: 600 }))).toEqual(["slow"]);
});

test("sound and pictures take the link alone", () => {
  expect(problemsOf(call({ path: "relay" }), "bo-1", "camera", new Map())).toEqual(["unheard"]);
  expect(problemsOf(call({ path: "turn" }), "bo-1", "camera", new Map())).toEqual([]);
  expect(problemsOf(call(), "gone", "camera", new Map())).toEqual(["unheard"]);
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
    for (const report of [1, 2]) after(figures(50 * report, 0, { video: video(30 * report) }), seen);
    expect(after(figures(150, 0, { video: video(68, { framesPerSecond: 8 }) }), seen)).toEqual(["jerky"]);
    expect(after(figures(200, 0, { video: video(98, { packetsLost: 60 }) }), seen)).toEqual(["lossy"]);
    // Figures that run backwards are of a device that began anew.
    expect(after(figures(10, 0, { video: video(5) }), seen)).toEqual([]);
  });

  test("of a camera that comes on in the middle of a call have as long to come as any", () => {
    for (let report = 1; report <= 20; report += 1) after(figures(50 * report, 0), call());
    for (let report = 21; report < 25; report += 1) expect(after(figures(50 * report, 0), seen)).toEqual([]);
    expect(after(figures(1_250, 0), seen)).toEqual(["unseen"]);
    // The first second of a camera is not a whole one.
    expect(after(figures(1_300, 0, { video: video(3, { framesPerSecond: 3 }) }), call({ camera: false }))).toEqual([]);
    expect(after(figures(1_350, 0, { video: video(7, { framesPerSecond: 4 }) }), seen)).toEqual([]);
  });

  test("of a camera that was off and is on again did not stand still in between", () => {
    for (const report of [1, 2, 3]) after(figures(50 * report, 0, { video: video(30 * report) }), seen);
    for (let report = 4; report < 10; report += 1) after(figures(50 * report, 0, { video: video(90, { framesPerSecond: 0 }) }), call());
    for (let report = 10; report < 14; report += 1) expect(after(figures(50 * report, 0, { video: video(90, { framesPerSecond: 0 }) }), seen)).toEqual([]);
    expect(after(figures(700, 0, { video: video(90, { framesPerSecond: 0 }) }), seen)).toEqual(["unseen"]);
    expect(after(figures(750, 0, { video: video(120) }), seen)).toEqual([]);
  });

  describe("of a screen", () => {
    const sharing = call({ screen: true });

    test("may stand still for as long as it does", () => {
      for (let report = 1; report < 8; report += 1) expect(after(figures(50 * report, 0, { screen: video(3, { framesPerSecond: 0 }) }), sharing, "screen")).toEqual([]);
    });

    test("are missed where none comes", () => {
      for (let report = 1; report < 5; report += 1) expect(after(figures(50 * report, 0), sharing, "screen")).toEqual([]);
      expect(after(figures(250, 0), sharing, "screen")).toEqual(["unseen"]);
    });

    test("are said to lose parts, whatever is wrong with the sound or the camera", () => {
      const both = call({ screen: true, camera: true });
      after(figures(50, 0, { video: video(30), screen: video(3) }), both);
      expect(after(figures(60, 40, { rttMs: 900, video: video(60), screen: video(6, { packetsLost: 20 }) }), both, "screen")).toEqual(["lossy"]);
      expect(after(figures(110, 40, { rttMs: 900, video: video(90, { packetsLost: 60 }), screen: video(9, { packetsLost: 20 }) }), both, "screen")).toEqual([]);
    });
  });

  test("the worst comes first", () => {
    for (const report of [1, 2]) after(figures(25 * report, 0, { video: video(15 * report) }), seen);
    expect(after(figures(60, 40, { video: video(36, { framesPerSecond: 6, packetsLost: 30 }), rttMs: 900 }), seen)).toEqual(["breaking", "jerky", "lossy", "slow"]);
  });
});
