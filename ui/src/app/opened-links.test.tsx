import { act } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Room } from "@/client/types";
import { ROOM_WAIT_MS, useOpenedLinks } from "@/app/opened-links";
import { fakeClient, renderWith, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function stand(rooms: readonly Room[]) {
  let onLink: (link: string) => void = () => undefined;
  const watch = (listener: (link: string) => void) => {
    onLink = listener;
    return () => undefined;
  };
  function Links() {
    useOpenedLinks(watch);
    return null;
  }
  const client = fakeClient({ "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }) });
  const { store } = renderWith(<Links />, client, signedIn(rooms));
  const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
  return { store, client, pass, opens: (link: string) => act(() => onLink(link)) };
}

test("a link to a room opens it", async () => {
  const { store, opens, pass } = stand([room({ roomId: "shed" })]);
  opens("momoland://room/shed");
  await pass(1);
  expect(store.getState().openRoomId).toBe("shed");
});

test("an invite asks before anything is joined", async () => {
  const { store, opens, pass } = stand([]);
  opens("momoland://join/abc");
  await pass(1);
  expect(store.getState().overlay).toEqual({ kind: "joinByInvite", invite: "momoland://join/abc" });
});

test("a link waits for a room that is still on its way", async () => {
  const { store, client, opens, pass } = stand([]);
  opens("momoland://room/late");
  await pass(ROOM_WAIT_MS / 2);
  expect(store.getState().notice).toBeNull();
  act(() => client.emit({ type: "room.changed", room: room({ roomId: "late" }) }));
  await pass(1);
  expect(store.getState().openRoomId).toBe("late");
});

test("a link to a room that never comes is said to lead nowhere", async () => {
  const { store, opens, pass } = stand([]);
  opens("momoland://room/elsewhere");
  await pass(ROOM_WAIT_MS);
  expect(store.getState().openRoomId).toBeNull();
  expect(store.getState().notice).toEqual({ kind: "messageAway" });
});
