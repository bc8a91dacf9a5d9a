import { describe, expect, test } from "vitest";
import { ApiError } from "@/client/error";
import type { DeliveryState, Event, Message } from "@/client/types";
import { reduce, TYPING_MS, type Action } from "@/state/reduce";
import { unreadOf, typingIn } from "@/state/selectors";
import type { State } from "@/state/state";
import { ADA, member, message, room, signedIn } from "../../tests/unit/world.js";

const NOW = 1_000_000;

function after(state: State, ...actions: readonly Action[]): State {
  return actions.reduce(reduce, state);
}

function told(...events: readonly Event[]): Action[] {
  return events.map((event) => ({ type: "event", event, now: NOW }));
}

function texts(state: State, roomId = "shed"): string[] {
  const timeline = state.timelines.get(roomId);
  return timeline?.kind === "ready" ? timeline.messages.map((each) => each.messageId) : [];
}

function start(messages: Message[] = [], next?: string): State {
  const state = signedIn([room()], [member("mateo", "Mateo Ruiz"), member("ada", "Ada Okafor")]).getState();
  return after(state, { type: "timeline", roomId: "shed", page: { messages, ...(next === undefined ? {} : { next }) } });
}

const arrives = (each: Message): Event => ({ type: "message.new", roomId: "shed", message: each });
const changes = (each: Message): Event => ({ type: "message.changed", roomId: "shed", message: each });

describe("timelines", () => {
  test("a message that is told twice is shown once", () => {
    expect(texts(after(start(), ...told(arrives(message("a")), arrives(message("a")))))).toEqual(["a"]);
  });

  test("a late arrival goes where its time puts it", () => {
    const state = start([message("a", { sentAt: 10 }), message("c", { sentAt: 30 })]);
    expect(texts(after(state, ...told(arrives(message("b", { sentAt: 20 })))))).toEqual(["a", "b", "c"]);
  });

  test("a message older than the page that is held waits for its page", () => {
    const state = start([message("c", { sentAt: 30 })], "cursor");
    expect(texts(after(state, ...told(arrives(message("a", { sentAt: 10 })))))).toEqual(["c"]);
  });

  test.each<[DeliveryState, DeliveryState, DeliveryState]>([
    ["delivered", "stored", "delivered"],
    ["stored", "relayed", "relayed"],
    ["read", "delivered", "read"],
  ])("a delivery state never goes back: %s then %s is %s", (first, second, shown) => {
    const state = after(start(), ...told(arrives(message("a", { state: first })), changes(message("a", { state: second }))));
    const timeline = state.timelines.get("shed");
    expect(timeline?.kind === "ready" && timeline.messages[0]?.state).toBe(shown);
  });

  test("nor does the first page, whatever comes while it is asked for", () => {
    const asked = after(signedIn([room()], [member("ada", "Ada Okafor")]).getState(), { type: "timelineLoading", roomId: "shed" });
    const a = message("a", { sentAt: 10, state: "stored" });
    const b = message("b", { sentAt: 20 });
    const page = (messages: Message[]): Action => ({ type: "timeline", roomId: "shed", page: { messages } });
    expect(texts(after(asked, ...told(arrives(b)), page([])))).toEqual(["b"]);
    expect(texts(after(asked, ...told(arrives(b)), page([a])))).toEqual(["a", "b"]);
    expect(texts(after(asked, ...told(arrives(b)), page([a, b])))).toEqual(["a", "b"]);
    const timeline = after(asked, ...told(changes({ ...a, state: "delivered" })), page([a])).timelines.get("shed");
    expect(timeline?.kind === "ready" && timeline.messages[0]?.state).toBe("delivered");
  });

  test("a page that was asked for before an event does not undo it", () => {
    const state = after(start([message("a", { sentAt: 10 })]), ...told(arrives(message("b", { sentAt: 20 }))), {
      type: "timeline",
      roomId: "shed",
      page: { messages: [message("a", { sentAt: 10 })] },
    });
    expect(texts(state)).toEqual(["a", "b"]);
  });

  test("older messages come in front, without those that are held", () => {
    const state = after(start([message("c"), message("d")], "cursor"), { type: "olderLoading", roomId: "shed" }, { type: "older", roomId: "shed", page: { messages: [message("a"), message("b"), message("c")] } });
    expect(texts(state)).toEqual(["a", "b", "c", "d"]);
    expect(state.timelines.get("shed")).toMatchObject({ next: null, older: "idle" });
  });

  test("an empty page with more behind it is not asked for again by itself", () => {
    const state = after(start([message("c")], "cursor"), { type: "olderLoading", roomId: "shed" }, { type: "older", roomId: "shed", page: { messages: [], next: "cursor" } });
    expect(texts(state)).toEqual(["c"]);
    expect(state.timelines.get("shed")).toMatchObject({ next: "cursor", older: "failed" });
  });

  test("reading the newest page again keeps the older ones that touch it", () => {
    const held = [message("a", { sentAt: 1 }), message("b", { sentAt: 2 }), message("c", { sentAt: 3 })];
    const state = after(start(held, "before-a"), { type: "timeline", roomId: "shed", page: { messages: [message("b", { sentAt: 2 }), message("c", { sentAt: 3 }), message("d", { sentAt: 4 })], next: "before-b" } });
    expect(texts(state)).toEqual(["a", "b", "c", "d"]);
    expect(state.timelines.get("shed")).toMatchObject({ next: "before-a" });
  });

  test("a page that leaves a hole replaces what was held", () => {
    const state = after(start([message("a", { sentAt: 1 })], "x"), { type: "timeline", roomId: "shed", page: { messages: [message("m", { sentAt: 50 })], next: "before-m" } });
    expect(texts(state)).toEqual(["m"]);
    expect(state.timelines.get("shed")).toMatchObject({ next: "before-m" });
  });

  test("a page that cannot be read again takes nothing away", () => {
    const state = after(start([message("a")]), { type: "timelineFailed", roomId: "shed", error: new ApiError("internal", "no") });
    expect(texts(state)).toEqual(["a"]);
  });
});

describe("reading", () => {
  const unread = (): State => {
    const state = after(signedIn([room({ unreadCount: 2, readUpTo: "a" })]).getState(), { type: "openRoom", roomId: "shed" });
    return after(state, { type: "timeline", roomId: "shed", page: { messages: [message("a"), message("mine", { author: "ada" }), message("b"), message("c")] } });
  };

  test("the rule stands above the first unread message of others, and stays when it was read", () => {
    expect(unread().marker?.firstNew).toBe("b");
    expect(after(unread(), { type: "readLocally", roomId: "shed", messageId: "c" }).marker?.firstNew).toBe("b");
  });

  test("the rule goes when the room is left", () => {
    const state = after(unread(), { type: "readLocally", roomId: "shed", messageId: "c" }, { type: "openRoom", roomId: null }, { type: "openRoom", roomId: "shed" });
    expect(state.marker?.firstNew).toBeNull();
  });

  test("what arrives before somebody's eyes is not new, what arrives behind their back is", () => {
    const open = after(start([message("a")]), { type: "openRoom", roomId: "shed" }, { type: "readLocally", roomId: "shed", messageId: "a" });
    const seen = after(open, { type: "attending", attending: true }, ...told(arrives(message("b"))));
    expect(seen.marker?.firstNew).toBeNull();
    const unseen = after(seen, { type: "attending", attending: false }, ...told(arrives(message("c"))));
    expect(unseen.marker?.firstNew).toBe("c");
  });

  test("somebody's first look at a room shows no rule", () => {
    const state = after(start([message("a"), message("b")]), { type: "openRoom", roomId: "shed" });
    expect(state.marker?.firstNew).toBeNull();
  });

  test("a room that is being read shows no count", () => {
    const state = after(start(), { type: "openRoom", roomId: "shed" }, { type: "attending", attending: true }, ...told({ type: "room.changed", room: room({ unreadCount: 3 }) }));
    expect(unreadOf(state, room({ unreadCount: 3 }))).toBe(0);
    expect(unreadOf({ ...state, attending: false }, room({ unreadCount: 3 }))).toBe(3);
  });
});

describe("people", () => {
  test("typing ends with the message, with the word of it, and with time", () => {
    const typing = after(start(), ...told({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: true }));
    expect(typingIn(typing, "shed")).toEqual(["Mateo Ruiz"]);
    expect(typingIn(after(typing, ...told(arrives(message("a")))), "shed")).toEqual([]);
    expect(typingIn(after(typing, ...told({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: false })), "shed")).toEqual([]);
    expect(typingIn(after(typing, { type: "typingExpired", now: NOW + TYPING_MS - 1 }), "shed")).toEqual(["Mateo Ruiz"]);
    expect(typingIn(after(typing, { type: "typingExpired", now: NOW + TYPING_MS }), "shed")).toEqual([]);
  });

  test("one's own typing on another device is not news", () => {
    expect(typingIn(after(start(), ...told({ type: "typing.changed", roomId: "shed", userId: "ada", typing: true })), "shed")).toEqual([]);
  });

  test("presence keeps the last time seen where a word of it says none", () => {
    const state = after(
      start(),
      ...told(
        { type: "presence.changed", userId: "mateo", displayName: "Mateo Ruiz", status: "offline", lastSeen: 5 },
        { type: "presence.changed", userId: "mateo", displayName: "Mateo Ruiz", status: "away" },
      ),
    );
    expect(state.people.get("mateo")).toMatchObject({ status: "away", lastSeen: 5 });
  });

  test("a name that comes after its person is shown", () => {
    const state = after(
      start(),
      ...told(
        { type: "member.joined", roomId: "shed", member: member("yuki", "yuki") },
        { type: "presence.changed", userId: "yuki", displayName: "Yuki Tanabe", status: "online" },
      ),
    );
    expect(state.people.get("yuki")?.displayName).toBe("Yuki Tanabe");
  });

  test("members come and go with their roles", () => {
    const state = after(start(), ...told({ type: "member.joined", roomId: "shed", member: member("yuki", "Yuki Tanabe", { role: "reader" }) }, { type: "member.left", roomId: "shed", userId: "mateo" }));
    expect(Object.fromEntries(state.rosters.get("shed") ?? [])).toEqual({ ada: "member", yuki: "reader" });
  });

  test("a peer is replaced by device and goes when it is gone", () => {
    const peer = { userId: "mateo", deviceId: "m1", path: "direct" as const, rttMs: 3, bytesIn: 0, bytesOut: 0 };
    const up = after(start(), ...told({ type: "peer.changed", userId: "mateo", deviceId: "m1", peer }, { type: "peer.changed", userId: "mateo", deviceId: "m1", peer: { ...peer, path: "relay" } }));
    expect(up.net?.peers).toEqual([{ ...peer, path: "relay" }]);
    expect(after(up, ...told({ type: "peer.changed", userId: "mateo", deviceId: "m1" })).net?.peers).toEqual([]);
  });
});

describe("accounts", () => {
  test("signing out leaves nothing behind", () => {
    const state = after(start([message("a")]), { type: "draft", roomId: "shed", text: "secret" }, { type: "whoami", whoami: { account: null } });
    expect(state).toMatchObject({ session: { kind: "signedOut" }, rooms: null });
    expect([state.timelines.size, state.people.size, state.drafts.size]).toEqual([0, 0, 0]);
  });

  test("somebody else on the same window sees nothing of the one before", () => {
    const state = after(start([message("a")]), { type: "whoami", whoami: { account: { ...ADA, userId: "bo" } } });
    expect(state.timelines.size).toBe(0);
  });

  test("the same person again keeps everything", () => {
    expect(texts(after(start([message("a")]), { type: "whoami", whoami: { account: { ...ADA, displayName: "Ada O." } } }))).toEqual(["a"]);
  });
});

test("a room that is gone is closed and forgotten", () => {
  const state = after(start([message("a")]), { type: "openRoom", roomId: "shed" }, ...told({ type: "room.removed", roomId: "shed" }));
  expect(state.openRoomId).toBeNull();
  expect(state.rooms?.has("shed")).toBe(false);
  expect(state.timelines.has("shed")).toBe(false);
});

test("a text that was not taken stays until it was sent or thrown away", () => {
  const unsent = { id: "u", roomId: "shed", text: "hello", at: 1, error: new ApiError("offline", "no"), retrying: false };
  const state = after(start(), { type: "unsent", unsent }, { type: "retrying", id: "u" });
  expect(state.unsent).toEqual([{ ...unsent, retrying: true }]);
  expect(after(state, { type: "unsentGone", id: "u" }).unsent).toEqual([]);
});

test("being taken out of a room is worth a word, leaving it oneself is not", () => {
  expect(after(start(), ...told({ type: "room.removed", roomId: "shed" })).notice).toEqual({ kind: "roomGone", roomName: "boat-shed" });
  const left = after(start(), { type: "left", roomId: "shed" }, ...told({ type: "room.removed", roomId: "shed" }));
  expect(left.notice).toBeNull();
  expect(left.rooms?.has("shed")).toBe(false);
});

test("a mark further back than what is held is found by counting from the end", () => {
  const far = after(signedIn([room({ unreadCount: 2, readUpTo: "long-ago" })]).getState(), { type: "openRoom", roomId: "shed" });
  const page = { messages: [message("a"), message("b"), message("mine", { author: "ada" }), message("c")], next: "older" };
  expect(after(far, { type: "timeline", roomId: "shed", page }).marker?.firstNew).toBe("b");
  const more = after(far, ...told(arrives(message("d", { sentAt: 9_000 }))), { type: "timeline", roomId: "shed", page: { ...page, messages: [...page.messages, message("d", { sentAt: 9_000 })] } });
  expect(more.marker?.firstNew).toBe("b");
  const short = after(far, { type: "timeline", roomId: "shed", page: { messages: [message("c")], next: "older" } });
  expect(short.marker?.firstNew).toBeNull();
  expect(after(short, { type: "older", roomId: "shed", page: { messages: [message("long-ago"), message("b")] } }).marker?.firstNew).toBe("b");
});

test("a room that was scrolled through far is forgotten when it is left, a short one is not", () => {
  const far = Array.from({ length: 1_001 }, (_, n) => message(`m${n}`, { sentAt: n }));
  const leave: Action[] = [{ type: "openRoom", roomId: "shed" }, { type: "openRoom", roomId: null }];
  expect(after(start(far), ...leave).timelines.has("shed")).toBe(false);
  expect(texts(after(start(far.slice(1)), ...leave))).toHaveLength(1_000);
});
