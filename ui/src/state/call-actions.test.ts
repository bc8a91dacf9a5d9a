import { expect, test } from "vitest";
import type { Method } from "@/client/methods";
import type { Call } from "@/client/types";
import { createCallActions } from "@/state/call-actions";
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
