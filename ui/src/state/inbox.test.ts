import { expect, test } from "vitest";
import type { Notification } from "@/client/types";
import { reduce, type Action } from "@/state/reduce";
import { favouriteRooms, listedRooms, unreadTotal } from "@/state/selectors";
import type { State } from "@/state/state";
import { room, signedIn } from "../../tests/unit/world.js";

const note = (notificationId: string, more: Partial<Notification> = {}): Notification => ({ notificationId, kind: "mention", title: notificationId, body: "", level: "info", at: 1, read: false, ...more });
const after = (state: State, ...actions: readonly Action[]): State => actions.reduce(reduce, state);
const comes = (notification: Notification, unreadCount: number, silent = false): Action => ({ type: "event", event: { type: "notification.new", notification, silent, unreadCount }, now: 1 });
const start = (...notifications: Notification[]): State => after(signedIn([room()]).getState(), { type: "inbox", list: { notifications, unreadCount: notifications.filter((each) => !each.read).length } });

test("the count is what is unread, whatever is told twice or read twice, and never below nothing", () => {
  let state = after(start(note("a")), comes(note("b"), 2), comes(note("b"), 2), comes(note("c", { read: true }), 2));
  expect(state.inbox?.unread).toBe(2);
  state = after(state, { type: "notificationRead", notificationId: "a" }, { type: "notificationRead", notificationId: "a" }, { type: "notificationRead", notificationId: "unheard of" });
  expect(state.inbox?.unread).toBe(1);
  state = after(state, { type: "notificationRead", notificationId: null }, { type: "notificationRead", notificationId: "b" });
  expect(state.inbox?.unread).toBe(0);
  expect(state.inbox?.notifications.every((each) => each.read)).toBe(true);
});

test("what is read elsewhere already is no arrival", () => {
  expect(after(start(), comes(note("a", { read: true }), 0)).arrival).toBeNull();
  expect(after(start(), comes(note("a"), 1)).arrival?.notificationId).toBe("a");
});

test("who is not to be disturbed has it in the list and nothing pops up, and a plain message is left to its room", () => {
  const silent = after(start(), comes(note("a"), 1, true));
  expect([silent.arrival, silent.inbox?.notifications.length, silent.inbox?.unread]).toEqual([null, 1, 1]);
  const plain = after(start(), comes(note("a", { kind: "message" }), 0));
  expect([plain.arrival, plain.inbox?.notifications.length]).toEqual([null, 0]);
});

test("what is read elsewhere, unread again or gone follows the engine", () => {
  const told = (state: "read" | "unread" | "gone", unreadCount: number): Action => ({ type: "event", event: { type: "notification.changed", notificationIds: ["a"], state, unreadCount }, now: 1 });
  const held = start(note("a"), note("b"));
  const read = after(held, told("read", 1));
  expect(read.inbox?.notifications.map((each) => each.read)).toEqual([true, false]);
  expect(read.inbox?.unread).toBe(1);
  expect(after(read, told("unread", 2)).inbox?.notifications.every((each) => !each.read)).toBe(true);
  expect(after(held, told("gone", 1)).inbox?.notifications.map((each) => each.notificationId)).toEqual(["b"]);
});

test("older ones come behind, without those that are held", () => {
  const state = after(start(note("b")), { type: "inboxLoading" }, { type: "inboxOlder", list: { notifications: [note("b"), note("a")], unreadCount: 2, next: "x" } });
  expect(state.inbox).toMatchObject({ unread: 2, next: "x", older: "idle" });
  expect(state.inbox?.notifications.map((each) => each.notificationId)).toEqual(["b", "a"]);
});

test("an announcement that is told again is one, and is gone when it is put away", () => {
  const tell: Action = { type: "event", event: { type: "announcement.new", announcement: { announcementId: "x", message: "hello", level: "info", userId: "ada", at: 1, expiresAt: 9e12 } }, now: 1 };
  const state = after(start(), tell, tell);
  expect(state.announcements).toHaveLength(1);
  expect(after(state, { type: "announcementGone", announcementId: "x" }).announcements).toEqual([]);
});

test("the inbox and a room are never open together", () => {
  const open = after(start(), { type: "openRoom", roomId: "shed" }, { type: "openInbox" });
  expect([open.openRoomId, open.inboxOpen]).toEqual([null, true]);
  expect(after(open, { type: "openRoom", roomId: null }).inboxOpen).toBe(false);
  expect(after(open, { type: "openRoom", roomId: "shed" })).toMatchObject({ openRoomId: "shed", inboxOpen: false });
});

test("favourites come first, once; a muted room counts by its mentions alone", () => {
  const state = signedIn([
    room({ roomId: "a", name: "a", unreadCount: 3 }),
    room({ roomId: "b", name: "b", favourite: true, unreadCount: 2 }),
    room({ roomId: "c", name: "c", notify: "none", unreadCount: 50, mentionsCount: 1 }),
    room({ roomId: "d", name: "d", kind: "direct", peerUserId: "bo", favourite: true }),
  ]).getState();
  expect(listedRooms(state).map((each) => each.roomId)).toEqual(["b", "d", "a", "c"]);
  expect(favouriteRooms(state)).toHaveLength(2);
  expect(unreadTotal(state)).toBe(6);
});
