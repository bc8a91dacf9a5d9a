import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { retryDelayMs, SocketTransport, type TransportEvent } from "@/client/transport";

class Socket {
  readyState: number = WebSocket.CONNECTING;
  binaryType = "blob";
  sent: string[] = [];
  onopen: (() => void) | null = null;
  onclose: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  send(text: string): void {
    this.sent.push(text);
  }
  open(): void {
    this.readyState = WebSocket.OPEN;
    this.onopen?.();
  }
  close(): void {
    this.readyState = WebSocket.CLOSED;
    this.onclose?.();
  }
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function dial() {
  const sockets: Socket[] = [];
  const heard: TransportEvent[] = [];
  const transport = new SocketTransport(
    () => {
      const socket = new Socket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    () => 0.5,
  );
  transport.start((event) => heard.push(event));
  return { transport, sockets, heard };
}

test("it comes back by itself, and says so", () => {
  const { sockets, heard } = dial();
  sockets[0]?.open();
  sockets[0]?.close();
  expect(heard.map((event) => event.kind)).toEqual(["open", "closed"]);
  vi.advanceTimersByTime(retryDelayMs(1, 0.5));
  expect(sockets).toHaveLength(2);
  sockets[1]?.open();
  expect(heard.at(-1)?.kind).toBe("open");
});

test("pauses grow to ten seconds and no further, and never fall in step", () => {
  const delays = Array.from({ length: 40 }, (_, n) => retryDelayMs(n + 1, 0.999));
  expect(Math.max(...delays)).toBeLessThanOrEqual(10_000);
  expect(delays[0]).toBeLessThanOrEqual(250);
  expect(delays.at(-1)).toBeGreaterThan(9_000);
  expect(retryDelayMs(10, 0)).toBeLessThan(retryDelayMs(10, 0.9));
});

test("a success starts the pauses anew", () => {
  const { sockets } = dial();
  for (let n = 0; n < 8; n += 1) {
    sockets.at(-1)?.close();
    vi.advanceTimersByTime(10_000);
  }
  sockets.at(-1)?.open();
  const before = sockets.length;
  sockets.at(-1)?.close();
  vi.advanceTimersByTime(250);
  expect(sockets.length).toBe(before + 1);
});

test("what is sent while it is away is lost at once, and not repeated later", () => {
  const { transport, sockets, heard } = dial();
  transport.send(7, "{}");
  expect(heard).toEqual([{ kind: "lost", id: 7 }]);
  sockets[0]?.open();
  expect(sockets[0]?.sent).toEqual([]);
});

test("the system's word that the network is back cuts the pause short", () => {
  const { sockets } = dial();
  for (let n = 0; n < 8; n += 1) {
    sockets.at(-1)?.close();
    vi.advanceTimersByTime(10_000);
  }
  sockets.at(-1)?.close();
  const before = sockets.length;
  window.dispatchEvent(new window.Event("online"));
  expect(sockets.length).toBe(before + 1);
});

test("the token it was given comes along each time, and stopped it can start anew", () => {
  const tokens: (string | undefined)[] = [];
  const sockets: Socket[] = [];
  const transport = new SocketTransport(
    (token) => {
      tokens.push(token);
      const socket = new Socket();
      sockets.push(socket);
      return socket as unknown as WebSocket;
    },
    () => 0.5,
  );
  transport.start(() => undefined, "secret");
  sockets[0]?.close();
  vi.advanceTimersByTime(250);
  transport.stop();
  transport.start(() => undefined, "other");
  expect(tokens).toEqual(["secret", "secret", "other"]);
});

test("stopped is stopped", () => {
  const { transport, sockets } = dial();
  transport.stop();
  vi.advanceTimersByTime(60_000);
  expect(sockets).toHaveLength(1);
});

test("bytes are handed on as bytes, at once", () => {
  const { sockets, heard } = dial();
  expect(sockets[0]?.binaryType).toBe("arraybuffer");
  const bytes = new Uint8Array([1, 2]).buffer;
  sockets[0]?.onmessage?.({ data: bytes });
  sockets[0]?.onmessage?.({ data: "{}" });
  expect(heard).toEqual([{ kind: "picture", bytes }, { kind: "text", text: "{}" }]);
});
