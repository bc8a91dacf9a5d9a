import { expect, test } from "vitest";
import type { Call, CallListening } from "@/client/types";
import { callsEvent, INITIAL_CALLS, reduceCalls, type CallsState } from "@/state/calls";
import { fileOf, isAnswered, isAtEnd, listeningOf, NOTHING_TOGETHER, playedIn, positionAt, versionOf } from "@/state/listening";

const played = (more: Partial<CallListening> = {}): CallListening => ({ deviceId: "bo-1", userId: "bo", title: "Low water", lengthMs: 60_000, state: "playing", positionMs: 10_000, at: 1_000, ...more });
const call = (listening?: CallListening): Call => ({
  callId: "c1", roomId: "shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1, participants: [], ...(listening === undefined ? {} : { listening }),
});
const told = (state: CallsState, it: Call): CallsState => callsEvent(state, { type: "call.changed", call: it });

test.each([
  ["plays on by the clock", {}, 6_000, 15_000],
  ["stands where it is paused", { state: "paused" }, 6_000, 10_000],
  ["stands where it ended", { state: "stopped" }, 6_000, 10_000],
  ["does not pass its end", {}, 900_000, 60_000],
  ["runs on where nobody knows its end", { lengthMs: "unknown" }, 900_000, 909_000],
  ["does not go back with a clock that is set back", {}, 500, 10_000],
] as const)("it %s", (_, more, now, positionMs) => {
  const { lengthMs, ...rest } = { ...played(), ...more };
  expect(positionAt(typeof lengthMs === "number" ? { ...rest, lengthMs } : rest, now)).toBe(positionMs);
});

test("its end is where it is paused with nothing after", () => {
  expect([isAtEnd(played({ state: "paused", positionMs: 60_000 })), isAtEnd(played({ state: "paused" })), isAtEnd(played({ positionMs: 60_000 }))]).toEqual([true, false, false]);
});

test("an answer to an older wish of one's own takes no later one's place, and what others do counts at once", () => {
  const wished = { of: versionOf(played()), file: fileOf(played()), by: "ada", state: "playing", positionMs: 40_000, at: 2_000 } as const;
  const says = (more: Partial<CallListening>): boolean => isAnswered(played({ changedBy: "ada", at: 2_500, ...more }), wished);
  expect(says({ positionMs: 20_000 })).toBe(false);
  expect(says({ positionMs: 40_400, state: "paused" })).toBe(false);
  expect(says({ positionMs: 40_400 })).toBe(true);
  expect(says({ positionMs: 20_000, changedBy: "bo" })).toBe(true);
  expect([says({ title: "Another" }), says({ state: "stopped" }), says({ deviceId: "ada-1" })]).toEqual([true, true, true]);
});

test("what was wished is shown until the engine says something new of it", () => {
  const wish = { type: "together", together: { wished: { of: versionOf(played()), file: fileOf(played()), by: "ada", state: "paused", positionMs: 30_000, at: 2_000 } } } as const;
  const wished = reduceCalls(told(INITIAL_CALLS, call(played())), wish);
  expect(listeningOf(call(played()), wished.together)).toMatchObject({ title: "Low water", state: "paused", positionMs: 30_000 });
  // Somebody speaks: that says nothing of the file.
  const speaks = told(wished, { ...call(played()), speaking: true });
  expect(speaks.together.wished).not.toBeNull();
  const moved = told(speaks, call(played({ positionMs: 31_000, at: 2_100 })));
  expect(moved.together.wished).toBeNull();
  expect(listeningOf(call(played({ positionMs: 31_000, at: 2_100 })), moved.together)).toMatchObject({ state: "playing", positionMs: 31_000 });
  expect(told(wished, call()).together.wished).toBeNull();
});

test("what is over is told until it is put away, and is not played", () => {
  const left = call(played({ state: "left" }));
  expect(listeningOf(left, NOTHING_TOGETHER)?.state).toBe("left");
  expect(playedIn(left, NOTHING_TOGETHER)).toBeNull();
  const away = { ...NOTHING_TOGETHER, putAway: versionOf(played({ state: "left" })) };
  expect(listeningOf(left, away)).toBeNull();
  expect(listeningOf(call(played({ title: "Another" })), away)?.title).toBe("Another");
});

test("another call knows nothing of it", () => {
  const state = reduceCalls(told(INITIAL_CALLS, call(played())), { type: "together", together: { opening: true, putAway: "x" } });
  expect(told(state, { ...call(), part: "ended" }).together).toEqual(NOTHING_TOGETHER);
  expect(reduceCalls(state, { type: "list", calls: [{ ...call(), callId: "c2" }] }).together).toEqual(NOTHING_TOGETHER);
  expect(reduceCalls(state, { type: "list", calls: [call(played())] }).together.opening).toBe(true);
});
