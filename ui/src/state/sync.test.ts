import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Message } from "@/client/types";
import { createSync } from "@/state/sync";
import { createAppStore } from "@/state/store";
import { ADA, fakeClient, message, room, signedIn, type FakeClient } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function engine(): FakeClient {
  return fakeClient({
    "account.whoami": () => ({ account: ADA }),
    "net.status": () => ({ server: "online", peers: [], onlineCount: 1, serverBytesIn: 0, serverBytesOut: 0 }),
    "rooms.list": () => ({ rooms: [room()] }),
    "rooms.members": () => ({ members: [] }),
    "presence.list": () => ({ users: [], count: 0 }),
    "messages.list": () => ({ messages: [message("a", { sentAt: 1 }), message("b", { sentAt: 2 })] }),
  });
}

const methods = (client: FakeClient): string[] => client.calls.map(({ method }) => method);

test("everything is read when the way to the engine opens, and again after it broke", async () => {
  const client = engine();
  const store = createAppStore();
  createSync(client, store).start();
  client.link("open");
  await vi.runAllTimersAsync();
  expect(store.getState()).toMatchObject({ link: "open", session: { kind: "signedIn" } });
  expect(store.getState().rooms?.size).toBe(1);
  client.calls.length = 0;
  client.link("closed");
  client.link("open");
  await vi.runAllTimersAsync();
  expect(methods(client)).toEqual(expect.arrayContaining(["account.whoami", "net.status", "rooms.list", "presence.list"]));
});

test("an engine that answers with a refusal is said to be so", async () => {
  const client = fakeClient();
  const store = createAppStore();
  createSync(client, store).start();
  client.link("open");
  await vi.runAllTimersAsync();
  expect(store.getState().session.kind).toBe("failed");
});

test("after dropped events the lists and the open room are read again", async () => {
  const client = engine();
  const store = signedIn([room()]);
  createSync(client, store).start();
  store.dispatch({ type: "openRoom", roomId: "shed" });
  client.emit({ type: "resync" });
  await vi.runAllTimersAsync();
  expect(methods(client)).toEqual(expect.arrayContaining(["rooms.list", "rooms.members", "messages.list"]));
});

test("a message that arrives out of order has its page read again, once for many", async () => {
  const client = engine();
  const store = signedIn([room()]);
  createSync(client, store).start();
  store.dispatch({ type: "timeline", roomId: "shed", page: { messages: [message("z", { sentAt: 100 })] } });
  client.emit({ type: "message.new", roomId: "shed", message: message("x", { sentAt: 50 }) });
  client.emit({ type: "message.new", roomId: "shed", message: message("y", { sentAt: 60 }) });
  await vi.runAllTimersAsync();
  expect(methods(client).filter((method) => method === "messages.list")).toHaveLength(1);
});

test("a room with much unread is opened with all of it, within bounds", async () => {
  const client = engine();
  const store = signedIn([room({ unreadCount: 130 }), room({ roomId: "huge", unreadCount: 90_000 })]);
  const sync = createSync(client, store);
  await sync.readTimeline("shed");
  await sync.readTimeline("huge");
  expect(client.calls.map(({ params }) => (params as { limit?: number }).limit)).toEqual([280, 400]);
});

test("a list that was asked for before an event and answered after it does not undo the event", async () => {
  const client = engine();
  const store = signedIn([room()]);
  const sync = createSync(client, store);
  sync.start();
  const answers = { old: { locations: [] }, now: { locations: [{ roomId: "shed", userId: "bo", lat: 5, lng: 6, at: 100 }] } };
  let asked = 0;
  client.answers["location.list"] = () => {
    asked += 1;
    if (asked > 1) return answers.now;
    // The answer is ready, and the event overtakes it.
    client.emit({ type: "location.changed", roomId: "shed", userId: "bo", lat: 5, lng: 6, at: 100 });
    return answers.old;
  };
  await sync.readPlaces("shed");
  const places = store.getState().places.get("shed");
  expect(places?.kind === "ready" && places.byPerson.has("bo")).toBe(true);

  let listed = 0;
  client.answers["docs.list"] = () => {
    listed += 1;
    // It changes for ever; the list is taken as it is after a while.
    client.emit({ type: "doc.removed", roomId: "shed", docId: "plan" });
    return { docs: [] };
  };
  await sync.readDocs("shed");
  expect(store.getState().docs.get("shed")).toEqual({ kind: "ready", docs: [] });
  expect(listed).toBe(5);
});

test("who reads further and further back is given more at once", async () => {
  const client = engine();
  const store = signedIn([room()]);
  const sync = createSync(client, store);
  const many = (from: number, count: number): Message[] => Array.from({ length: count }, (_, at) => message(`m${from + at}`, { sentAt: from + at }));
  let oldest = 10_000;
  client.answers["messages.list"] = ({ limit = 0 }: { limit?: number }) => {
    oldest -= limit;
    return { messages: many(oldest, limit), next: "further" };
  };
  store.dispatch({ type: "timeline", roomId: "shed", page: { messages: many(oldest, 50), next: "cursor" } });
  for (let page = 0; page < 6; page += 1) await sync.readOlder("shed");
  expect(client.calls.map(({ params }) => (params as { limit: number }).limit)).toEqual([100, 150, 300, 600, 1_000, 1_000]);
});

test("older messages are asked for once at a time, and not beyond the beginning", async () => {
  const client = engine();
  const store = signedIn([room()]);
  const sync = createSync(client, store);
  store.dispatch({ type: "timeline", roomId: "shed", page: { messages: [message("z", { sentAt: 100 })], next: "cursor" } });
  await Promise.all([sync.readOlder("shed"), sync.readOlder("shed")]);
  expect(client.calls).toEqual([{ method: "messages.list", params: { roomId: "shed", before: "cursor", limit: 100 } }]);
  await sync.readOlder("shed");
  expect(client.calls).toHaveLength(1);
});
