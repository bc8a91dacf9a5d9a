import { clearMocks, mockIPC } from "@tauri-apps/api/mocks";
import { afterEach, expect, test, vi } from "vitest";
import type { Method } from "@/client/methods";
import type { Call, CallListening } from "@/client/types";
import { createCallActions } from "@/state/call-actions";
import { listeningOf } from "@/state/listening";
import { createAppStore } from "@/state/store";
import { fakeClient } from "../../tests/unit/world.js";

const CALL: Call = { callId: "c1", roomId: "shed", media: "video", part: "in", mic: true, speaking: false, camera: false, screen: false, since: 1, participants: [] };

/** In a call, with an engine that answers nothing until it is told to. */
function stand(more: Partial<Call> = {}) {
  const client = fakeClient();
  const waiting: (() => void)[] = [];
  client.call = ((method: Method, params: unknown) => {
    client.calls.push({ method, params });
    return new Promise((resolve) => waiting.push(() => resolve({})));
  });
  const store = createAppStore();
  store.dispatch({ type: "event", event: { type: "call.changed", call: { ...CALL, ...more } }, now: 1 });
  const answer = async (): Promise<void> => {
    for (const each of waiting.splice(0)) each();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { client, store, answer, actions: createCallActions(client, store) };
}

test("while a camera is under way one mutes, stops showing and leaves all the same", () => {
  const { client, actions } = stand({ screen: true });
  actions.toggleCamera();
  actions.toggleMicrophone();
  actions.toggleScreen();
  actions.leaveCall("shed", "c1");
  expect(client.calls).toEqual([
    { method: "calls.setMedia", params: { callId: "c1", camera: true } },
    { method: "calls.setMedia", params: { callId: "c1", mic: false } },
    { method: "calls.setMedia", params: { callId: "c1", screen: false } },
    { method: "calls.leave", params: { callId: "c1" } },
  ]);
});

test("who presses twice means it once, and may press again once it is done", async () => {
  const { client, actions, answer } = stand();
  actions.toggleCamera();
  actions.toggleCamera();
  expect(client.calls.length).toBe(1);
  await answer();
  actions.toggleCamera();
  expect(client.calls.length).toBe(2);
});

test("to show a screen it is asked first which, but not under something else that is asked", () => {
  const { client, store, actions } = stand();
  actions.toggleScreen();
  expect([client.calls, store.getState().overlay]).toEqual([[], { kind: "shareScreen" }]);
  store.dispatch({ type: "overlay", overlay: { kind: "shortcuts" } });
  actions.toggleScreen();
  expect(store.getState().overlay).toEqual({ kind: "shortcuts" });
});

const PLAYED: CallListening = { deviceId: "bo-1", title: "Low water", lengthMs: 60_000, state: "paused", positionMs: 10_000, at: 1 };

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  clearMocks();
});

test("what is wished of a file is shown at once, and every moment goes out although one is under way", () => {
  const { client, store, actions } = stand({ listening: PLAYED });
  actions.listen({ action: "seek", positionMs: 20_000 });
  actions.listen({ action: "seek", positionMs: 30_000 });
  actions.listen({ action: "play" });
  expect(client.calls.map(({ params }) => params)).toEqual([
    { callId: "c1", action: "seek", positionMs: 20_000 },
    { callId: "c1", action: "seek", positionMs: 30_000 },
    { callId: "c1", action: "play" },
  ]);
  expect(listeningOf({ ...CALL, listening: PLAYED }, store.getState().calls.together)).toMatchObject({ state: "playing", positionMs: 30_000 });
});

test("a wish of which nothing comes is not shown for long", () => {
  vi.useFakeTimers();
  const { store, actions } = stand({ listening: PLAYED });
  actions.listen({ action: "play" });
  vi.advanceTimersByTime(1_000);
  actions.listen({ action: "pause" });
  vi.advanceTimersByTime(1_500);
  expect(store.getState().calls.together.wished?.state).toBe("paused");
  vi.advanceTimersByTime(600);
  expect(store.getState().calls.together.wished).toBeNull();
});

test("a refused wish is said in the room, and no longer shown", async () => {
  const { client, store, actions } = stand({ listening: PLAYED });
  client.call = () => Promise.reject(new Error("Nothing is played in this call."));
  actions.listen({ action: "play" });
  await new Promise((resolve) => setTimeout(resolve));
  const { refused, together } = store.getState().calls;
  expect([refused?.roomId, refused?.error.message, together.wished]).toEqual(["shed", "Nothing is played in this call.", null]);
});

test("a refused wish takes no later one with it", async () => {
  const { client, store, actions } = stand({ listening: PLAYED });
  const refusals: ((reason: Error) => void)[] = [];
  client.call = () => new Promise((_, refuse) => refusals.push(refuse));
  actions.listen({ action: "seek", positionMs: 20_000 });
  actions.listen({ action: "seek", positionMs: 30_000 });
  refusals.shift()?.(new Error("Nothing is played in this call."));
  await new Promise((resolve) => setTimeout(resolve));
  expect(store.getState().calls.together.wished?.positionMs).toBe(30_000);
  refusals.shift()?.(new Error("Nothing is played in this call."));
  await new Promise((resolve) => setTimeout(resolve));
  expect(store.getState().calls.together.wished).toBeNull();
});

test("at its end it plays from the beginning, however it came there", async () => {
  const { client, actions, answer } = stand({ listening: { ...PLAYED, positionMs: 60_000 } });
  actions.listen({ action: "play" });
  await answer();
  expect(client.calls.map(({ params }) => params)).toEqual([{ callId: "c1", action: "seek", positionMs: 0 }, { callId: "c1", action: "play" }]);
});

test("nothing is wished of a file that is over, nor where there is none", () => {
  for (const listening of [{ ...PLAYED, state: "left" } as const, undefined]) {
    const { client, actions } = stand(listening === undefined ? {} : { listening });
    actions.listen({ action: "play" });
    expect(client.calls).toEqual([]);
  }
});

test("in a page it is asked for a file's path, but not under something else that is asked", () => {
  const { client, store, actions } = stand();
  actions.playTogether();
  expect([client.calls, store.getState().overlay]).toEqual([[], { kind: "playFile" }]);
  store.dispatch({ type: "overlay", overlay: { kind: "shortcuts" } });
  actions.playTogether();
  expect(store.getState().overlay).toEqual({ kind: "shortcuts" });
});

test("in the desktop window the system's dialog asks, once at a time, and who chooses nothing plays nothing", async () => {
  vi.stubGlobal("isTauri", true);
  const { client, store, actions, answer } = stand();
  const asked: string[] = [];
  const choices: ((path: string | null) => void)[] = [];
  mockIPC((command) => {
    asked.push(command);
    return new Promise((resolve) => choices.push(resolve));
  });
  actions.playTogether();
  actions.playTogether();
  await answer();
  expect([asked, client.calls, store.getState().overlay]).toEqual([["choose_sound"], [], null]);
  choices.shift()?.(null);
  await answer();
  expect(client.calls).toEqual([]);
  actions.playTogether();
  await answer();
  choices.shift()?.("/home/ada/low-water.mp3");
  await vi.waitFor(() => expect(client.calls).toEqual([{ method: "calls.play", params: { callId: "c1", path: "/home/ada/low-water.mp3" } }]));
  expect(store.getState().calls.together.opening).toBe(true);
  await answer();
  expect(store.getState().calls.together.opening).toBe(false);
});

test("a file goes to the call that it was chosen for, whichever one is in by then", async () => {
  vi.stubGlobal("isTauri", true);
  const { client, store, actions, answer } = stand();
  const choices: ((path: string | null) => void)[] = [];
  mockIPC(() => new Promise((resolve) => choices.push(resolve)));
  actions.playTogether();
  await answer();
  store.dispatch({ type: "event", event: { type: "call.changed", call: { ...CALL, part: "out" } }, now: 2 });
  store.dispatch({ type: "event", event: { type: "call.changed", call: { ...CALL, callId: "c2", roomId: "tides" } }, now: 3 });
  choices.shift()?.("/home/ada/low-water.mp3");
  await vi.waitFor(() => expect(client.calls).toEqual([{ method: "calls.play", params: { callId: "c1", path: "/home/ada/low-water.mp3" } }]));
});

test("what the dialog or the engine refuses is said in the room", async () => {
  vi.stubGlobal("isTauri", true);
  const { store, actions } = stand();
  mockIPC(() => {
    // eslint-disable-next-line @typescript-eslint/only-throw-error -- as Tauri does
    throw "The name of this file is not readable.";
  });
  actions.playTogether();
  await vi.waitFor(() => expect(store.getState().calls.refused?.error.message).toBe("The name of this file is not readable."));
});

test("a trial of devices says each time whether it can be, and nothing once it is stopped", async () => {
  const client = fakeClient();
  const actions = createCallActions(client, createAppStore());
  const outcomes: (string | null)[] = [];
  const trial = actions.tryDevices((refused) => outcomes.push(refused?.message ?? null));
  await vi.waitFor(() => expect(outcomes).toEqual(["the test gave no answer for calls.test"]));
  client.answers["calls.test"] = () => ({});
  trial.setCamera(true);
  await vi.waitFor(() => expect(outcomes.slice(1)).toEqual([null]));
  trial.setCamera(false);
  trial.stop();
  await vi.waitFor(() => expect(client.calls).toHaveLength(4));
  expect(outcomes).toHaveLength(2);
});
