import { act, fireEvent } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";
import type { Room } from "@/client/types";
import { useStartingRoom } from "@/app/starting-room";
import { fakeClient, message, renderWith, room, signedIn, type Rendered } from "../../tests/unit/world.js";

const WIDE = window.innerWidth;
afterEach(() => {
  window.innerWidth = WIDE;
});

const spoken = (roomId: string, sentAt = 1_000): Room => room({ roomId, lastMessage: message(`${roomId}-last`, { roomId, sentAt }) });

function Start() {
  useStartingRoom();
  return null;
}

function open(rooms: readonly Room[]): Rendered & { comes: (room: Room) => void; openRoomId: () => string | null } {
  const client = fakeClient({ "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }) });
  const rendered = renderWith(<Start />, client, signedIn(rooms));
  return { ...rendered, comes: (each) => act(() => client.emit({ type: "room.changed", room: each })), openRoomId: () => rendered.store.getState().openRoomId };
}

test("the newest room is open at once; when it is taken away none is, and none opens by itself", () => {
  const { client, comes, openRoomId } = open([spoken("old", 1_000), spoken("new", 2_000)]);
  expect(openRoomId()).toBe("new");
  act(() => client.emit({ type: "room.removed", roomId: "new" }));
  expect(openRoomId()).toBeNull();
  comes(spoken("another", 3_000));
  expect(openRoomId()).toBeNull();
});

test("after signing in on a new device the first room with something in it opens when it comes", () => {
  const { comes, openRoomId } = open([]);
  comes(room({ roomId: "silent" }));
  expect(openRoomId()).toBeNull();
  comes(spoken("shed"));
  expect(openRoomId()).toBe("shed");
});

test.each([
  ["presses a key", () => fireEvent.keyDown(document.body, { key: "Tab" })],
  ["points at something", () => fireEvent.pointerDown(document.body)],
])("nothing opens by itself once somebody %s", (_, does) => {
  const { comes, openRoomId } = open([]);
  does();
  comes(spoken("shed"));
  expect(openRoomId()).toBeNull();
});

test("a narrow window begins with the list, and stays there when it is made wider", () => {
  window.innerWidth = 719;
  const { comes, openRoomId } = open([spoken("shed")]);
  expect(openRoomId()).toBeNull();
  window.innerWidth = 720;
  comes(spoken("tides"));
  expect(openRoomId()).toBeNull();
});
