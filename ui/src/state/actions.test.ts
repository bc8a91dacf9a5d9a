import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "@/api/error";
import { createActions } from "@/state/actions";
import { createSync } from "@/state/sync";
import { fakeClient, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setup() {
  const client = fakeClient({ "typing.set": () => ({}), "messages.send": () => ({ messageId: "m", state: "stored" }), "rooms.members": () => ({ members: [] }), "messages.list": () => ({ messages: [] }), "rooms.direct": () => ({ roomId: "dm" }) });
  const store = signedIn([room(), room({ roomId: "dm-bo", kind: "direct", peerUserId: "bo" })]);
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

test("the last room is remembered for the person, not for the window", () => {
  const { store, actions } = setup();
  actions.openRoom("shed");
  expect(actions.lastRoomId()).toBe("shed");
  store.dispatch({ type: "whoami", whoami: { account: { userId: "other", deviceId: "o", handle: "other", displayName: "Other", server: "", admin: false } } });
  expect(actions.lastRoomId()).toBeNull();
});
