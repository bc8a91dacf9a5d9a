import { expect, test } from "vitest";
import type { Call, CallPeerStats } from "@/client/types";
import { callsEvent, currentCall, INITIAL_CALLS, qualityOf, reduceCalls, ringingCalls, type CallsState } from "@/state/calls";

const call = (more: Partial<Call> = {}): Call => ({
  callId: "c1", roomId: "shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1,
  participants: [{ userId: "bo", deviceId: "bo-1", mic: true, speaking: false, camera: false, screen: false, since: 1, path: "direct" }], ...more,
});

const told = (state: CallsState, it: Call): CallsState => callsEvent(state, { type: "call.changed", call: it });

const figures = (framesDecoded: number, framesConcealed: number, rttMs = 10): CallPeerStats => ({
  userId: "bo", deviceId: "bo-1",
  audio: { packetsReceived: 0, packetsLost: 0, framesDecoded, framesRecovered: 0, framesConcealed, jitterMs: 0, delayMs: 20, rttMs, bitsPerSecond: 0, packetsRefused: 0, level: 0, speaking: true },
});

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

test("sound that was made up lately is heard, not what was an hour ago", () => {
  let state = reduceCalls(INITIAL_CALLS, { type: "list", calls: [call()] });
  const tell = (...peers: CallPeerStats[]): void => void (state = callsEvent(state, { type: "call.stats", callId: "c1", peers }));
  const quality = (it: Call = call()): string => qualityOf(it, "bo-1", state.sounds);
  tell(figures(1_000, 500));
  expect(quality()).toBe("good");
  tell(figures(1_045, 505));
  expect(quality()).toBe("breaking");
  tell(figures(1_095, 505));
  expect(quality()).toBe("good");
  tell(figures(1_145, 505, 600));
  expect(quality()).toBe("slow");
  expect(quality(call({ participants: [{ userId: "bo", deviceId: "bo-1", mic: true, speaking: false, camera: false, screen: false, since: 1, path: "relay" }] }))).toBe("unheard");
});
