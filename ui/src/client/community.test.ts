import { expect, test } from "vitest";
import { createCommunityClient } from "@/client/community";
import { fakeClient, message } from "../../tests/unit/world.js";

function setup() {
  const engine = fakeClient({
    "rooms.join": ({ roomId }) => ({ roomId: roomId ?? "invited" }),
    "rooms.leave": () => ({}),
    "messages.send": () => ({ messageId: "m", state: "stored" }),
    "typing.set": () => ({}),
  });
  const tokens: (string | undefined)[] = [];
  const client = createCommunityClient((token) => {
    tokens.push(token);
    return engine;
  });
  return { engine, tokens, client };
}

test("the known names reach the engine's methods", async () => {
  const { engine, tokens, client } = setup();
  const connecting = client.connect("secret");
  engine.link("open");
  await connecting;
  expect(tokens).toEqual(["secret"]);
  expect(await client.joinChatRoom("shed")).toBe("shed");
  expect(await client.joinChatRoom("momoland://join/x")).toBe("invited");
  expect(await client.sendMessage("shed", "hello")).toEqual({ messageId: "m", state: "stored" });
  await client.sendTypingIndicator("shed", true);
  await client.leaveChatRoom("shed");
  expect(engine.calls).toEqual([
    { method: "rooms.join", params: { roomId: "shed" } },
    { method: "rooms.join", params: { invite: "momoland://join/x" } },
    { method: "messages.send", params: { roomId: "shed", text: "hello" } },
    { method: "typing.set", params: { roomId: "shed", typing: true } },
    { method: "rooms.leave", params: { roomId: "shed" } },
  ]);
});

test("each on has its off, by its name and by what it returned", () => {
  const { engine, client } = setup();
  void client.connect();
  const heard: string[] = [];
  const hear = ({ messageId }: { messageId: string }): void => void heard.push(messageId);
  const typing = ({ userId }: { userId: string }): void => void heard.push(userId);
  const off = client.onNewMessage(hear);
  client.onTypingStart(typing);
  const arrive = (id: string): void => engine.emit({ type: "message.new", roomId: "shed", message: message(id) });
  arrive("one");
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: true });
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: false });
  off();
  arrive("two");
  client.onNewMessage(hear);
  client.offNewMessage(hear);
  client.offTypingStart(typing);
  arrive("three");
  engine.emit({ type: "typing.changed", roomId: "shed", userId: "mateo", typing: true });
  expect(heard).toEqual(["one", "mateo"]);
});

test("nothing is sent before connect", () => {
  expect(() => setup().client.sendMessage("shed", "hello")).toThrow("connect() comes first");
});
