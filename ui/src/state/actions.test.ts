import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "@/client/error";
import type { Room } from "@/client/types";
import { createActions } from "@/state/actions";
import { createSync } from "@/state/sync";
import { fakeClient, message, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function setup(more: readonly Room[] = []) {
  const client = fakeClient({ "typing.set": () => ({}), "messages.send": () => ({ messageId: "m", state: "stored" }), "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }), "rooms.direct": () => ({ roomId: "dm" }) });
  const store = signedIn([room(), room({ roomId: "dm-bo", kind: "direct", peerUserId: "bo" }), ...more]);
  const actions = createActions(client, store, createSync(client, store));
  const typing = (): unknown[] => client.calls.filter(({ method }) => method === "typing.set").map(({ params }) => (params as { typing: boolean }).typing);
  return { client, store, actions, typing };
}

test("typing is told at once, not with each key, and ends by itself", () => {
  const { actions, typing } = setup();
  for (let key = 0; key < 20; key += 1) {
    actions.typed("shed");
    vi.advanceTimersByTime(100);
  }
  expect(typing()).toEqual([true]);
  vi.advanceTimersByTime(1_100);
  actions.typed("shed");
  expect(typing()).toEqual([true, true]);
  vi.advanceTimersByTime(4_000);
  expect(typing()).toEqual([true, true, false]);
  vi.advanceTimersByTime(60_000);
  expect(typing()).toHaveLength(3);
});

test("sending ends typing", () => {
  const { actions, typing } = setup();
  actions.typed("shed");
  actions.send("shed", "hello");
  expect(typing()).toEqual([true, false]);
});

test("a text that is refused is kept with the reason, and goes when it was sent after all", async () => {
  const { client, store, actions } = setup();
  client.answers["messages.send"] = () => {
    throw new ApiError("offline", "The disk is full.");
  };
  actions.send("shed", "precious");
  await vi.runAllTimersAsync();
  const [unsent] = store.getState().unsent;
  expect(unsent).toMatchObject({ roomId: "shed", text: "precious", error: { message: "The disk is full." }, retrying: false });
  client.answers["messages.send"] = () => ({ messageId: "m", state: "stored" });
  if (unsent !== undefined) actions.retry(unsent);
  expect(store.getState().unsent[0]?.retrying).toBe(true);
  await vi.runAllTimersAsync();
  expect(store.getState().unsent).toEqual([]);
});

test("a conversation with somebody is opened where there is one", async () => {
  const { client, store, actions } = setup();
  await actions.openDirect("bo");
  expect(store.getState().openRoomId).toBe("dm-bo");
  expect(client.calls.some(({ method }) => method === "rooms.direct")).toBe(false);
});

const spoken = (roomId: string, sentAt: number): Room => room({ roomId, name: roomId, lastMessage: message(`${roomId}-last`, { roomId, sentAt }) });
const OTHER = { userId: "other", deviceId: "o", handle: "other", displayName: "Other", server: "", admin: false };

test("a window begins with the room that this person had open last, whoever else used it", async () => {
  const { store, actions, client } = setup([spoken("tides", 2_000)]);
  actions.openRoom("shed");
  actions.openRoom(null);
  store.dispatch({ type: "whoami", whoami: { account: OTHER } });
  store.dispatch({ type: "rooms", list: { rooms: [room(), spoken("tides", 2_000)] } });
  actions.openStartingRoom();
  expect(store.getState().openRoomId).toBe("tides");

  const later = setup([spoken("tides", 2_000)]);
  later.actions.openStartingRoom();
  await vi.runAllTimersAsync();
  expect(later.store.getState().openRoomId).toBe("shed");
  expect(later.client.calls).toContainEqual({ method: "messages.list", params: { roomId: "shed", limit: 50 } });
  expect([...client.calls, ...later.client.calls].some(({ method }) => method === "messages.markRead")).toBe(false);
});

test("a window begins with the newest message where the last room is gone, and with nothing where none was said", () => {
  const { store, actions } = setup([spoken("tides", 2_000), spoken("slip", 3_000), spoken("hill", 1_000)]);
  actions.openRoom("shed");
  store.dispatch({ type: "left", roomId: "shed" });
  actions.openStartingRoom();
  expect(store.getState().openRoomId).toBe("slip");
  const silent = signedIn([room({ roomId: "silent" })]);
  const client = fakeClient();
  createActions(client, silent, createSync(client, silent)).openStartingRoom();
  expect(silent.getState().openRoomId).toBeNull();
});

test("a room that is open stays open", () => {
  const { store, actions } = setup([spoken("tides", 2_000)]);
  store.dispatch({ type: "openRoom", roomId: "dm-bo" });
  actions.openStartingRoom();
  expect(store.getState().openRoomId).toBe("dm-bo");
});

test("rooms open where the webview keeps nothing, and the last one holds while the window is there", () => {
  const refuse = (): never => {
    throw new DOMException("The operation is insecure.", "SecurityError");
  };
  vi.spyOn(window, "localStorage", "get").mockImplementation(refuse);
  const { store, actions } = setup([spoken("tides", 2_000)]);
  actions.openStartingRoom();
  expect(store.getState().openRoomId).toBe("tides");
  actions.openRoom("dm-bo");
  actions.openRoom(null);
  actions.openStartingRoom();
  expect(store.getState().openRoomId).toBe("dm-bo");
});

test("the engine is asked for a document at the click, once, and what no page takes is closed", async () => {
  const { client, actions } = setup();
  const doc = { docId: "plan", roomId: "shed", title: "Plan", author: "ada", editing: "members" as const, editors: [], createdAt: 0, changedAt: 0, archived: false, deleted: false };
  client.answers["docs.open"] = () => ({ doc, clientId: 7, beginning: [], update: "AAA=", stateVector: "AA==", present: [] });
  client.answers["docs.close"] = () => ({});
  const said = (): string[] => client.calls.filter(({ method }) => method.startsWith("docs.")).map(({ method, params }) => `${method} ${(params as { docId: string }).docId}`);
  actions.openDoc("plan");
  expect(said()).toEqual(["docs.open plan"]);
  await expect(actions.docLine("plan").open()).resolves.toMatchObject({ clientId: 7 });
  expect(said()).toEqual(["docs.open plan"]);
  // A page that is there already asks nothing.
  actions.openDoc("plan");
  // Another round is another call.
  await actions.docLine("plan").open();
  expect(said()).toEqual(["docs.open plan", "docs.open plan"]);
  actions.openDoc("rules");
  actions.openDoc("tides");
  await vi.advanceTimersByTimeAsync(0);
  expect(said().slice(2)).toEqual(["docs.open rules", "docs.open tides", "docs.close rules"]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(said().slice(5)).toEqual(["docs.close tides"]);
});

test("a document that the engine refuses is refused to whoever opens it", async () => {
  const { client, actions } = setup();
  client.answers["docs.open"] = () => {
    throw new ApiError("internal", "Its bytes are damaged.");
  };
  actions.openDoc("plan");
  await vi.advanceTimersByTimeAsync(0);
  await expect(actions.docLine("plan").open()).rejects.toThrow("Its bytes are damaged.");
});

test("what others do to a document before its page is there is heard by the page, once", async () => {
  const { client, actions } = setup();
  client.answers["docs.close"] = () => ({});
  actions.openDoc("plan");
  client.emit({ type: "doc.update", docId: "plan", update: "AQ==" });
  client.emit({ type: "doc.update", docId: "rules", update: "Ag==" });
  client.emit({ type: "doc.reset", docId: "plan" });
  const line = actions.docLine("plan");
  const heard: string[] = [];
  const off = line.listen((event) => heard.push(event.kind === "update" ? `update ${event.update.join()}` : event.kind));
  expect(heard).toEqual(["update 1", "reset"]);
  client.emit({ type: "doc.update", docId: "plan", update: "Aw==" });
  off();
  client.emit({ type: "doc.update", docId: "plan", update: "BA==" });
  expect(heard).toEqual(["update 1", "reset", "update 3"]);
  // What no page takes is not kept, either.
  actions.openDoc("tides");
  const kept = vi.spyOn(globalThis, "atob");
  await vi.advanceTimersByTimeAsync(60_000);
  client.emit({ type: "doc.update", docId: "tides", update: "BQ==" });
  expect(kept).not.toHaveBeenCalled();
});
