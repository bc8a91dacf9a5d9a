import { expect, test } from "vitest";
import { ApiError } from "@/client/error";
import type { Call } from "@/client/types";
import { callsEvent, coversRoom, currentCall, hasPictures, INITIAL_CALLS, reduceCalls, ringingCalls, type CallsState } from "@/state/calls";

const call = (more: Partial<Call> = {}): Call => ({
  callId: "c1", roomId: "shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1,
  participants: [{ userId: "bo", deviceId: "bo-1", mic: true, speaking: false, camera: false, screen: false, since: 1, path: "direct" }], ...more,
});

const told = (state: CallsState, it: Call): CallsState => callsEvent(state, { type: "call.changed", call: it });

test("a room has one call; the end of another one is not its end", () => {
  const rings = told(INITIAL_CALLS, call({ part: "ringing" }));
  expect(ringingCalls(rings).map((each) => each.callId)).toEqual(["c1"]);
  expect(currentCall(rings)).toBeNull();
  expect(told(rings, call({ callId: "c0", part: "ended" }))).toBe(rings);
  const answered = told(rings, call());
  expect([currentCall(answered)?.callId, ringingCalls(answered).length]).toEqual(["c1", 0]);
  expect(told(answered, call({ part: "ended" })).byRoom.size).toBe(0);
});

test("why the own call ended is told, and not why one ended that was never joined", () => {
  const calling = told(INITIAL_CALLS, call({ part: "calling", participants: [] }));
  expect(told(calling, call({ part: "ended", ended: "declined" })).ended).toEqual({ callId: "c1", roomId: "shed", why: "declined" });
  const rings = told(INITIAL_CALLS, call({ part: "ringing" }));
  expect(told(rings, call({ part: "ended", ended: "elsewhere" })).ended).toBeNull();
});

const bo = (deviceId: string, more: Partial<Call["participants"][number]> = {}): Call["participants"][number] => ({ userId: "bo", deviceId, mic: true, speaking: false, camera: false, screen: false, since: 1, path: "direct", ...more });

test("who speaks stays the speaker until somebody else does", () => {
  let state = told(INITIAL_CALLS, call({ participants: [bo("a"), bo("b")] }));
  expect(state.speaker).toBe("a");
  const speak = (...speaking: string[]): string | null => {
    state = told(state, call({ participants: ["a", "b"].map((deviceId) => bo(deviceId, { speaking: speaking.includes(deviceId) })) }));
    return state.speaker;
  };
  expect([speak("b"), speak("a", "b"), speak(), speak("a")]).toEqual(["b", "b", "b", "a"]);
  // A muted microphone speaks for nobody, and who left is no speaker.
  expect(told(state, call({ participants: [bo("a"), bo("b", { speaking: true, mic: false })] })).speaker).toBe("a");
  expect(told(state, call({ participants: [bo("b")] })).speaker).toBe("b");
  expect(told(state, call({ part: "ended" })).speaker).toBeNull();
  // A window that opens in the middle of a call knows it, too.
  expect(reduceCalls(INITIAL_CALLS, { type: "list", calls: [call({ participants: [bo("a"), bo("b", { speaking: true })] })] }).speaker).toBe("b");
});

test("how a call is shown ends with it; whether one sees oneself does not", () => {
  let state = told(INITIAL_CALLS, call({ media: "video" }));
  state = reduceCalls(state, { type: "look", look: { large: true, self: false, pinned: "camera a", arranged: "speaker" } });
  expect([coversRoom(state, "shed"), coversRoom(state, "elsewhere")]).toEqual([true, false]);
  const over = told(state, call({ part: "ended" }));
  expect(over.look).toEqual({ large: false, self: false, pinned: null, arranged: "auto" });
  expect(coversRoom(over, "shed")).toBe(false);
});

test("without pictures nothing lies over the conversation", () => {
  const state = reduceCalls(told(INITIAL_CALLS, call()), { type: "look", look: { large: true } });
  expect([hasPictures(call()), coversRoom(state, "shed")]).toEqual([false, false]);
  for (const more of [{ camera: true }, { screen: true }, { media: "video" as const }, { participants: [bo("a", { camera: true })] }, { participants: [bo("a", { screen: true })] }]) {
    expect(hasPictures(call(more))).toBe(true);
  }
});

test("what lay over the conversation gives it back once there is nothing to be seen", () => {
  const look = { type: "look", look: { large: true, self: false, pinned: "camera a" } } as const;
  const seen = reduceCalls(told(INITIAL_CALLS, call({ camera: true })), look);
  const unseen = told(seen, call());
  expect([coversRoom(unseen, "shed"), unseen.look.large]).toEqual([false, false]);
  // And does not take it back, while one writes, as soon as somebody's camera comes on.
  expect(coversRoom(told(unseen, call({ participants: [bo("a", { camera: true })] })), "shed")).toBe(false);
  expect(coversRoom(reduceCalls(seen, { type: "list", calls: [call()] }), "shed")).toBe(false);
});

test("a call that is gone when the engine is back takes with it what was known of it", () => {
  let state = told(INITIAL_CALLS, call({ media: "video" }));
  state = reduceCalls(state, { type: "look", look: { large: true, pinned: "camera bo-1", self: false } });
  const audio = { packetsReceived: 0, packetsLost: 0, framesDecoded: 0, framesRecovered: 0, framesConcealed: 0, jitterMs: 0, delayMs: 20, bitsPerSecond: 0, packetsRefused: 0, level: 0, speaking: false };
  state = callsEvent(state, { type: "call.stats", callId: "c1", peers: [{ userId: "bo", deviceId: "bo-1", audio }] });
  expect([state.links.size, state.figures.size]).toEqual([1, 1]);
  const kept = reduceCalls(state, { type: "list", calls: [call({ media: "video" })] });
  expect([kept.links.size, kept.look.large]).toEqual([1, true]);
  for (const calls of [[], [call({ callId: "c2", media: "video" })], [call({ part: "out", media: "video" })]]) {
    const after = reduceCalls(state, { type: "list", calls });
    expect([after.links.size, after.figures.size, after.look]).toEqual([0, 0, { arranged: "auto", pinned: null, self: false, large: false }]);
  }
});

test("a refusal stays until its call is another, or one has another part in it", () => {
  const error = new ApiError("conflict", "The camera is used by another program.");
  const refused = reduceCalls(told(INITIAL_CALLS, call()), { type: "refused", roomId: "shed", error });
  expect(told(refused, call({ speaking: true })).refused?.error).toBe(error);
  expect(told(refused, call({ callId: "c2", roomId: "elsewhere", part: "ringing" })).refused?.error).toBe(error);
  expect(told(refused, call({ part: "ended" })).refused).toBeNull();
  expect(told(refused, call({ callId: "c2" })).refused).toBeNull();
});

test("what was tried out over one link to the engine is not shown over the next", () => {
  const sound = { microphone: "Headset", speakers: "Built-in speakers" };
  const tried = callsEvent(INITIAL_CALLS, { type: "call.test", level: 0.4, speaking: true, sound });
  expect(tried.trial).toEqual({ level: 0.4, speaking: true, sound });
  expect(reduceCalls(tried, { type: "list", calls: [] }).trial).toBeNull();
});
