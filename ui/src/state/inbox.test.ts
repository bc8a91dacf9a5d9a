import { expect, test } from "vitest";
import type { Notification } from "@/client/types";
import { reduce, type Action } from "@/state/reduce";
import { favouriteRooms, listedRooms, unreadTotal } from "@/state/selectors";
import type { State } from "@/state/state";
import { room, signedIn } from "../../tests/unit/world.js";

const note = (notificationId: string, more: Partial<Notification> = {}): Notification => ({ notificationId, kind: "mention", title: notificationId, body: "", level: "info", at: 1, read: false, ...more });
const after = (state: State, ...actions: readonly Action[]): State => actions.reduce(reduce, state);
const comes = (notification: Notification): Action => ({ type: "event", event: { type: "notification.new", notification }, now: 1 });
const start = (...notifications: Notification[]): State => after(signedIn([room()]).getState(), { type: "inbox", list: { notifications, unreadCount: notifications.filter((each) => !each.read).length } });

test("the count is what is unread, whatever is told twice or read twice, and never below nothing", () => {
  let state = after(start(note("a")), comes(note("b")), comes(note("b")), comes(note("c", { read: true })));
  expect(state.inbox?.unread).toBe(2);
  state = after(state, { type: "notificationRead", notificationId: "a" }, { type: "notificationRead", notificationId: "a" }, { type: "notificationRead", notificationId: "unheard of" });
  expect(state.inbox?.unread).toBe(1);
  state = after(state, { type: "notificationRead", notificationId: null }, { type: "notificationRead", notificationId: "b" });
  expect(state.inbox?.unread).toBe(0);
  expect(state.inbox?.notifications.every((each) => each.read)).toBe(true);
});

test("what is read elsewhere already is no arrival", () => {
  expect(after(start(), comes(note("a", { read: true }))).arrival).toBeNull();
  expect(after(start(), comes(note("a"))).arrival?.notificationId).toBe("a");
});

test("older ones come behind, without those that are held", () => {
  const state = after(start(note("b")), { type: "inboxLoading" }, { type: "inboxOlder", list: { notifications: [note("b"), note("a")], unreadCount: 2, next: "x" } });
  expect(state.inbox).toMatchObject({ unread: 2, next: "x", older: "idle" });
  expect(state.inbox?.notifications.map((each) => each.notificationId)).toEqual(["b", "a"]);
});

test("an announcement that is told again is one, and is gone when it is put away", () => {
  const tell: Action = { type: "event", event: { type: "announcement.new", announcement: { announcementId: "x", message: "hello", level: "info", at: 1 } }, now: 1 };
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
