import { expect, test } from "vitest";
import { createClient } from "@/client/client";
import type { Transport, TransportEvent } from "@/client/transport";

function line() {
  const sent: { id: number; method: string; params: unknown }[] = [];
  let hear: (event: TransportEvent) => void = () => undefined;
  const transport: Transport = {
    start: (listener) => {
      hear = listener;
    },
    send: (_, text) => sent.push(JSON.parse(text) as (typeof sent)[number]),
    stop: () => undefined,
  };
  const client = createClient(transport, "The engine did not answer.");
  void client.connect();
  return { client, sent, hear: (event: TransportEvent) => hear(event), answer: (frame: unknown) => hear({ kind: "text", text: JSON.stringify(frame) }) };
}

test("answers reach their own calls, in whatever order they come", async () => {
  const { client, sent, answer } = line();
  const first = client.call("rooms.create", { name: "a", kind: "chat", visibility: "public" });
  const second = client.call("rooms.direct", { userId: "bo" });
  expect(sent.map(({ method }) => method)).toEqual(["rooms.create", "rooms.direct"]);
  answer({ jsonrpc: "2.0", id: sent[1]?.id, result: { roomId: "two" } });
  answer({ jsonrpc: "2.0", id: sent[0]?.id, result: { roomId: "one" } });
  expect([await first, await second]).toEqual([{ roomId: "one" }, { roomId: "two" }]);
});

test("a refusal keeps its kind, its sentence and its numbers", async () => {
  const { client, sent, answer } = line();
  const call = client.call("account.logout", {});
  answer({ jsonrpc: "2.0", id: sent[0]?.id, error: { code: -32004, message: "Two messages wait.", data: { kind: "conflict", count: 2, retryAfterMs: 50 } } });
  await expect(call).rejects.toMatchObject({ kind: "conflict", message: "Two messages wait.", count: 2, retryAfterMs: 50 });
});

test("a refusal of an unknown kind is internal", async () => {
  const { client, sent, answer } = line();
  const call = client.call("net.status", {});
  answer({ jsonrpc: "2.0", id: sent[0]?.id, error: { code: -32601, message: "Method not found" } });
  await expect(call).rejects.toMatchObject({ kind: "internal" });
});

test("what was under way when the way broke ends as offline", async () => {
  const { client, hear } = line();
  const calls = [client.call("net.status", {}), client.call("rooms.list", {})];
  hear({ kind: "closed" });
  for (const call of calls) await expect(call).rejects.toMatchObject({ kind: "offline", message: "The engine did not answer." });
});

test("events reach their listeners until these are taken off", () => {
  const { client, answer } = line();
  const heard: string[] = [];
  const off = client.onEvent((event) => heard.push(event.type));
  const resync = { jsonrpc: "2.0", method: "event", params: { type: "resync" } };
  answer(resync);
  off();
  answer(resync);
  expect(heard).toEqual(["resync"]);
});

test("what is not JSON, or answers nobody, is passed over", () => {
  const { client, hear, answer } = line();
  const heard: string[] = [];
  client.onEvent((event) => heard.push(event.type));
  hear({ kind: "text", text: "{" });
  hear({ kind: "text", text: "7" });
  answer({ jsonrpc: "2.0", id: 99, result: {} });
  answer({ jsonrpc: "2.0", id: "x", result: {} });
  expect(heard).toEqual([]);
});

test("pictures reach their listeners, and what is none reaches nobody", () => {
  const { client, hear } = line();
  const heard: number[][] = [];
  const off = client.onPicture(({ view, tile, width, height }) => heard.push([view, tile, width, height]));
  const bytes = new Uint8Array(16 + 6);
  bytes.set([1, 0, 3, 0, 9, 0, 0, 0, 2, 0, 2, 0]);
  hear({ kind: "picture", bytes: bytes.buffer });
  hear({ kind: "picture", bytes: bytes.buffer.slice(0, 21) });
  hear({ kind: "picture", bytes: new ArrayBuffer(0) });
  off();
  hear({ kind: "picture", bytes: bytes.buffer });
  expect(heard).toEqual([[9, 3, 2, 2]]);
});
