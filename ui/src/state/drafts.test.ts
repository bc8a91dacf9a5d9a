import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "@/client/error";
import { createActions } from "@/state/actions";
import { createSync } from "@/state/sync";
import { fakeClient, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setup() {
  const client = fakeClient({ "drafts.set": () => ({}), "drafts.list": () => ({ drafts: [] }), "messages.send": () => ({ messageId: "m", state: "stored" }), "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }) });
  const store = signedIn([room(), room({ roomId: "tides" })]);
  const sync = createSync(client, store);
  const stop = sync.start();
  const told = (): unknown[] => client.calls.filter(({ method }) => method === "drafts.set").map(({ params }) => params);
  return { client, store, sync, stop, actions: createActions(client, store, sync), told };
}

test("many keys are one word to the engine, and the first of them does not wait for the last", async () => {
  const { actions, store, told } = setup();
  for (let key = 1; key <= 10; key += 1) {
    actions.setDraft("shed", "x".repeat(key));
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(store.getState().drafts.get("shed")?.text).toBe("x".repeat(10));
  expect(told()).toEqual([{ roomId: "shed", text: "xxxx" }, { roomId: "shed", text: "x".repeat(8) }]);
  await vi.runAllTimersAsync();
  expect(told().at(-1)).toEqual({ roomId: "shed", text: "x".repeat(10) });
  expect(store.getState().drafts.get("shed")?.saved).toBe(true);
});

test("what is typed and sent in one go is never told of", async () => {
  const { actions, told, store } = setup();
  actions.setDraft("shed", "hi");
  actions.send("shed", "hi");
  await vi.runAllTimersAsync();
  expect(told()).toEqual([]);
  expect(store.getState().drafts.has("shed")).toBe(false);
});

test("what was kept is removed when it was sent, and an answer's origin is kept with it", async () => {
  const { actions, told, client } = setup();
  actions.setReply("shed", "origin");
  actions.setDraft("shed", "hi");
  await vi.runAllTimersAsync();
  actions.send("shed", "hi");
  await vi.runAllTimersAsync();
  expect(told()).toEqual([{ roomId: "shed", text: "hi", replyTo: "origin" }, { roomId: "shed", text: "" }]);
  expect(client.calls).toContainEqual({ method: "messages.send", params: { roomId: "shed", text: "hi", replyTo: "origin" } });
});

test("a draft of another device is taken where nobody writes, and gone for all when it was sent here", async () => {
  const { actions, store, told } = setup();
  const elsewhere = (draft: string): void => store.dispatch({ type: "event", now: 0, event: { type: "room.changed", room: room({ draft, draftReplyTo: "origin" }) } });
  elsewhere("half a");
  expect(store.getState().drafts.get("shed")).toEqual({ text: "half a", replyTo: "origin", saved: true });
  store.dispatch({ type: "openRoom", roomId: "shed" });
  elsewhere("half a sentence");
  expect(store.getState().drafts.get("shed")?.text).toBe("half a");
  store.dispatch({ type: "openRoom", roomId: "tides" });
  expect(store.getState().drafts.get("shed")?.text).toBe("half a sentence");
  actions.send("shed", "half a sentence");
  await vi.runAllTimersAsync();
  expect(told()).toEqual([{ roomId: "shed", text: "" }]);
});

test("what was kept here stays when one leaves the room before the engine has told of it", async () => {
  const { actions, store } = setup();
  store.dispatch({ type: "event", now: 0, event: { type: "room.changed", room: room({}) } });
  store.dispatch({ type: "openRoom", roomId: "shed" });
  actions.setDraft("shed", "half a thought");
  await vi.runAllTimersAsync();
  store.dispatch({ type: "openRoom", roomId: "tides" });
  expect(store.getState().drafts.get("shed")).toEqual({ text: "half a thought", saved: true });
});

test("what another device sent is no draft here any more once the room is left", async () => {
  const { actions, store } = setup();
  store.dispatch({ type: "openRoom", roomId: "shed" });
  actions.setDraft("shed", "half");
  await vi.runAllTimersAsync();
  store.dispatch({ type: "event", now: 0, event: { type: "room.changed", room: room({}) } });
  expect(store.getState().drafts.get("shed")?.text).toBe("half");
  store.dispatch({ type: "openRoom", roomId: "tides" });
  expect(store.getState().drafts.has("shed")).toBe(false);
});

test("an answer without a word yet, of which the engine keeps nothing, is still one when one comes back", async () => {
  const { actions, store } = setup();
  store.dispatch({ type: "openRoom", roomId: "shed" });
  actions.setReply("shed", "origin");
  await vi.runAllTimersAsync();
  expect(store.getState().rooms?.get("shed")).not.toHaveProperty("draftReplyTo");
  store.dispatch({ type: "event", now: 0, event: { type: "room.changed", room: room({}) } });
  store.dispatch({ type: "openRoom", roomId: "tides" });
  expect(store.getState().drafts.get("shed")).toEqual({ text: "", replyTo: "origin", saved: true });
  store.dispatch({ type: "event", now: 0, event: { type: "room.changed", room: room({}) } });
  expect(store.getState().drafts.get("shed")?.replyTo).toBe("origin");
});

test("a window that goes tells of all that waits", () => {
  const { actions, told } = setup();
  actions.setDraft("shed", "one");
  actions.setDraft("tides", "two");
  window.dispatchEvent(new Event("pagehide"));
  expect(told()).toEqual([{ roomId: "shed", text: "one" }, { roomId: "tides", text: "two" }]);
});

test("a draft that could not be told stays, and goes with the next key", async () => {
  const { actions, told, client, store } = setup();
  client.answers["drafts.set"] = () => {
    throw new ApiError("internal", "The disk is full.");
  };
  actions.setDraft("shed", "one");
  await vi.runAllTimersAsync();
  expect(store.getState().drafts.get("shed")).toEqual({ text: "one", saved: false });
  client.answers["drafts.set"] = () => ({});
  actions.setDraft("shed", "one more");
  await vi.runAllTimersAsync();
  expect(told().at(-1)).toEqual({ roomId: "shed", text: "one more" });
  expect(store.getState().drafts.get("shed")?.saved).toBe(true);
});

test("a list that was read does not undo what is being written", async () => {
  const { actions, store, sync, client } = setup();
  client.answers["drafts.list"] = () => ({ drafts: [{ roomId: "shed", text: "old", changedAt: 1 }, { roomId: "tides", text: "kept", replyTo: "m", changedAt: 2 }] });
  actions.setDraft("shed", "new");
  await sync.drafts.read();
  expect(store.getState().drafts.get("shed")?.text).toBe("new");
  expect(store.getState().drafts.get("tides")).toEqual({ text: "kept", replyTo: "m", saved: true });
});

test("an engine without drafts costs nothing but their memory", async () => {
  const { sync, client } = setup();
  delete client.answers["drafts.list"];
  await expect(sync.drafts.read()).resolves.toBeUndefined();
});
