import { act, fireEvent } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IDLE_MS, usePresence } from "@/app/presence";
import { fakeClient, member, renderWith, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function Watch() {
  usePresence();
  return null;
}

function open() {
  const client = fakeClient({ "presence.set": () => ({}) });
  const rendered = renderWith(<Watch />, client, signedIn([room()], [member("ada", "Ada Okafor")]));
  const told = (): unknown[] => client.calls.filter(({ method }) => method === "presence.set").map(({ params }) => params);
  return { ...rendered, told };
}

const pass = (ms: number): void => act(() => void vi.advanceTimersByTime(ms));

test("nobody at the window is told once, and somebody again at the first sign", () => {
  const { told } = open();
  pass(IDLE_MS - 1);
  fireEvent.pointerMove(document.body);
  pass(IDLE_MS - 1);
  expect(told()).toEqual([]);
  pass(1);
  pass(5 * IDLE_MS);
  expect(told()).toEqual([{ status: "away", text: "" }]);
  fireEvent.keyDown(document.body, { key: "a" });
  fireEvent.keyDown(document.body, { key: "b" });
  expect(told()).toEqual([{ status: "away", text: "" }, { status: "online", text: "" }]);
});

test("who chose to be left alone is not made away", () => {
  const { store, told } = open();
  act(() => store.dispatch({ type: "ownPresence", status: "dnd", text: "in a call" }));
  pass(3 * IDLE_MS);
  fireEvent.keyDown(document.body, { key: "a" });
  expect(told()).toEqual([]);
});

test("what one is doing is said again with it", () => {
  const { store, told } = open();
  act(() => store.dispatch({ type: "ownPresence", status: "online", text: "on the slip" }));
  pass(IDLE_MS);
  expect(told()).toEqual([{ status: "away", text: "on the slip" }]);
});
