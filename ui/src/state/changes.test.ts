import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError } from "@/client/error";
import type { Message } from "@/client/types";
import { createActions } from "@/state/actions";
import { asChanged, mentionsMe, toolsFor } from "@/state/selectors";
import { createSync } from "@/state/sync";
import { fakeClient, message, room, signedIn } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function setup(...messages: Message[]) {
  const client = fakeClient();
  const store = signedIn([room()]);
  const sync = createSync(client, store);
  sync.start();
  store.dispatch({ type: "timeline", roomId: "shed", page: { messages } });
  const shown = (): Message[] => {
    const timeline = store.getState().timelines.get("shed");
    return timeline?.kind === "ready" ? timeline.messages.map((each) => asChanged(each, store.getState().changes, "ada")) : [];
  };
  return { client, store, sync, actions: createActions(client, store, sync), shown };
}

test("a change is shown at once, and as the engine has it when it answers", async () => {
  const { client, actions, shown, store } = setup(message("a", { author: "ada", text: "one" }));
  client.answers["messages.edit"] = ({ text }) => ({ message: message("a", { author: "ada", text: text.trim(), editedAt: 5 }) });
  actions.edit("shed", "a", " two");
  expect(shown()[0]?.text).toBe(" two");
  await vi.runAllTimersAsync();
  expect(shown()[0]).toMatchObject({ text: "two", editedAt: 5 });
  expect(store.getState().changes).toEqual([]);
});

test("an event that overtook the answer is not undone by it", async () => {
  const { client, actions, shown } = setup(message("a"));
  client.answers["messages.react"] = () => ({ message: message("a", { reactions: [{ emoji: "👍", userIds: ["ada"] }] }) });
  actions.react("shed", "a", "👍", true);
  client.emit({ type: "message.changed", roomId: "shed", message: message("a", { reactions: [{ emoji: "👍", userIds: ["ada", "mateo"] }] }) });
  await vi.runAllTimersAsync();
  expect(shown()[0]?.reactions).toEqual([{ emoji: "👍", userIds: ["ada", "mateo"] }]);
});

test("a refused edit comes back into its editor, a refused reaction under its message", async () => {
  const { client, actions, shown, store } = setup(message("a", { author: "ada", text: "one" }));
  const refuse = (): never => {
    throw new ApiError("conflict", "It was deleted.");
  };
  client.answers = { "messages.edit": refuse, "messages.react": refuse };
  actions.edit("shed", "a", "two");
  actions.react("shed", "a", "👍", true);
  expect(shown()[0]).toMatchObject({ text: "two", reactions: [{ emoji: "👍", userIds: ["ada"] }] });
  await vi.runAllTimersAsync();
  expect(shown()[0]).toMatchObject({ text: "one", reactions: [] });
  expect(store.getState().editors.get("a")).toMatchObject({ text: "two", error: { message: "It was deleted." } });
  const refused = store.getState().refused.get("a");
  expect(refused).toMatchObject({ change: { kind: "react", emoji: "👍" } });
  client.answers["messages.react"] = () => ({ message: message("a", { reactions: [{ emoji: "👍", userIds: ["ada"] }] }) });
  if (refused !== undefined) actions.changeAgain(refused.change);
  expect(store.getState().refused.size).toBe(0);
  await vi.runAllTimersAsync();
  expect(shown()[0]?.reactions).toHaveLength(1);
});

describe("reactions that are on their way", () => {
  const change = (emoji: string, on: boolean) => [{ id: 1, roomId: "shed", messageId: "a", kind: "react" as const, emoji, on }];
  const two = message("a", { reactions: [{ emoji: "👍", userIds: ["mateo"] }, { emoji: "🎉", userIds: ["ada"] }] });
  test.each([
    ["joined", change("👍", true), [{ emoji: "👍", userIds: ["mateo", "ada"] }, { emoji: "🎉", userIds: ["ada"] }]],
    ["given twice", change("🎉", true), two.reactions],
    ["taken back", change("🎉", false), [{ emoji: "👍", userIds: ["mateo"] }]],
    ["new", change("🍑", true), [...two.reactions, { emoji: "🍑", userIds: ["ada"] }]],
    ["never given", change("🍑", false), two.reactions],
  ])("%s", (_, changes, expected) => {
    expect(asChanged(two, changes, "ada").reactions).toEqual(expected);
  });
});

describe("what may be done with a message", () => {
  const names = (tools: ReturnType<typeof toolsFor>): string => Object.entries(tools).filter(([, may]) => may).map(([name]) => name).join(" ");
  const own = message("a", { author: "ada" });
  const other = message("b");
  const gone = message("c", { author: "ada", deletedAt: 1 });
  test.each([
    ["owner", own, "reply react edit delete pin"],
    ["owner", other, "reply react delete pin"],
    ["moderator", other, "reply react delete pin"],
    ["member", own, "reply react edit delete pin"],
    ["member", other, "reply react pin"],
    ["reader", own, ""],
    ["reader", other, ""],
    ["owner", gone, ""],
  ] as const)("%s", (role, of, expected) => {
    expect(names(toolsFor(room({ role }), of, "ada"))).toBe(expected);
  });
  test("in a conversation of two nobody deletes what the other wrote", () => {
    expect(names(toolsFor(room({ kind: "direct" }), other, "ada"))).toBe("reply react pin");
  });
});

test("one is mentioned by name and as one of the room, and never by oneself", () => {
  expect(mentionsMe(message("a", { mentions: ["ada"] }), "ada")).toBe(true);
  expect(mentionsMe(message("a", { mentionsRoom: true }), "ada")).toBe(true);
  expect(mentionsMe(message("a", { author: "ada", mentions: ["ada"], mentionsRoom: true }), "ada")).toBe(false);
  expect(mentionsMe(message("a", { mentions: ["bo"] }), "ada")).toBe(false);
});

test("a message that is far back is read towards, and the log is asked to go there", async () => {
  const { client, store, actions } = setup();
  const all = Array.from({ length: 2_500 }, (_, n) => message(`m${n}`, { sentAt: n }));
  client.answers["messages.list"] = ({ before, limit = 50 }) => {
    const end = before === undefined ? all.length : Number(before);
    const start = Math.max(0, end - limit);
    return { messages: all.slice(start, end), ...(start > 0 ? { next: String(start) } : {}) };
  };
  client.answers["rooms.members"] = () => ({ members: [] });
  store.dispatch({ type: "timeline", roomId: "shed", page: client.answers["messages.list"]({ roomId: "shed" }) });
  store.dispatch({ type: "openRoom", roomId: "shed" });
  const going = actions.jumpTo("shed", "m7");
  await vi.runAllTimersAsync();
  await going;
  expect(store.getState().jump).toMatchObject({ roomId: "shed", messageId: "m7" });
  const lost = actions.jumpTo("shed", "nowhere");
  await vi.runAllTimersAsync();
  await lost;
  expect(store.getState().notice).toEqual({ kind: "messageAway" });
});
