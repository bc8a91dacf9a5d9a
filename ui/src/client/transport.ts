// How JSON text reaches the engine and comes back, and pictures of calls come along: Tauri's bridge in the desktop
// window, a WebSocket in a browser page.
//
// `client.ts` is the only user. A transport moves text and bytes and says when the way is open; it knows no method. The browser's
// one comes back by itself with jittered, growing pauses of at most ten seconds. Nothing is repeated by itself: what was
// under way when the way broke may have been done already, so the client reports it and people decide.
import { Channel, invoke, isTauri } from "@tauri-apps/api/core";

export type TransportEvent =
  | { kind: "open" }
  | { kind: "closed" }
  /** An answer or a notification. */
  | { kind: "text"; text: string }
  /** A picture of a call, in bytes; `pictures.ts` reads them. The listener may keep them: they are written to no more. */
  | { kind: "picture"; bytes: ArrayBuffer }
  /** The request with this id did not get through. */
  | { kind: "lost"; id: number };

export interface Transport {
  /** Begins to connect. Events go to the one listener from here on. `token` is the front's, where it gave one. */
  start(listener: (event: TransportEvent) => void, token?: string): void;
  send(id: number, text: string): void;
  stop(): void;
}

const RETRY_DELAY_MS_FIRST = 250;
const RETRY_DELAY_MS_MAX = 10_000;
const TOKEN_KEY = "momoland.token";

/** `path` is where the front has the socket; a page that shows several people has one for each. */
export function openTransport(path = "/ws"): Transport {
  return isTauri() ? new TauriTransport() : new SocketTransport((token) => new WebSocket(socketAddress(path, token ?? takeToken())));
}

export class TauriTransport implements Transport {
  #listener: (event: TransportEvent) => void = () => undefined;

  start(listener: (event: TransportEvent) => void): void {
    this.#listener = listener;
    // A channel has no brake of its own, so each picture is answered once it is drawn; the bridge counts those under way.
    const onPicture = new Channel<unknown>();
    onPicture.onmessage = (bytes) => {
      try {
        if (bytes instanceof ArrayBuffer) this.#listener({ kind: "picture", bytes });
      } finally {
        invoke("picture_drawn").catch(() => undefined);
      }
    };
    // First, so that whatever the page asks for once it is subscribed is asked by a page that can be shown pictures.
    invoke("pictures", { onPicture }).catch(() => undefined);
    const onEvent = new Channel<string>();
    onEvent.onmessage = (text) => this.#listener({ kind: "text", text });
    invoke("subscribe", { onEvent }).then(
      () => this.#listener({ kind: "open" }),
      () => this.#listener({ kind: "closed" }),
    );
  }

  send(id: number, text: string): void {
    invoke<string | null>("rpc", { request: text }).then(
      (answer) => this.#listener(answer === null ? { kind: "lost", id } : { kind: "text", text: answer }),
      () => this.#listener({ kind: "lost", id }),
    );
  }

  stop(): void {
    this.#listener = () => undefined;
  }
}

export class SocketTransport implements Transport {
  readonly #connect: (token: string | undefined) => WebSocket;
  readonly #random: () => number;
  #listener: (event: TransportEvent) => void = () => undefined;
  #socket: WebSocket | null = null;
  #failures = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #token: string | undefined;

  constructor(connect: (token: string | undefined) => WebSocket, random: () => number = Math.random) {
    this.#connect = connect;
    this.#random = random;
  }

  start(listener: (event: TransportEvent) => void, token?: string): void {
    this.#listener = listener;
    this.#token = token;
    this.#stopped = false;
    window.addEventListener("online", this.#hurry);
    this.#dial();
  }

  send(id: number, text: string): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) {
      this.#listener({ kind: "lost", id });
      return;
    }
    this.#socket.send(text);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    window.removeEventListener("online", this.#hurry);
    this.#socket?.close();
  }

  readonly #hurry = (): void => {
    if (this.#socket !== null || this.#stopped) return;
    clearTimeout(this.#retry);
    this.#dial();
  };

  #dial(): void {
    const socket = this.#connect(this.#token);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.#listener({ kind: "open" });
    };
    socket.onmessage = (message: MessageEvent<unknown>) => {
      if (typeof message.data === "string") this.#listener({ kind: "text", text: message.data });
      else if (message.data instanceof ArrayBuffer) this.#listener({ kind: "picture", bytes: message.data });
    };
    socket.onclose = () => {
      this.#socket = null;
      this.#listener({ kind: "closed" });
      if (this.#stopped) return;
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#dial(), retryDelayMs(this.#failures, this.#random()));
    };
  }
}

/** Half fixed, half chance, so that many pages of one engine do not return in step. `chance` is in [0, 1). */
export function retryDelayMs(failures: number, chance: number): number {
  const ceiling = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS_FIRST * 2 ** Math.min(failures - 1, 10));
  return ceiling / 2 + (ceiling / 2) * chance;
}

/** The token that `momo ui` printed: from the address, once, and from then on from this tab's own memory. */
function takeToken(): string | null {
  const address = new URL(window.location.href);
  const token = address.searchParams.get("token");
  if (token === null) return window.sessionStorage.getItem(TOKEN_KEY);
  window.sessionStorage.setItem(TOKEN_KEY, token);
  address.searchParams.delete("token");
  // It is a secret: it should not be copied along with the address or stay in the history.
  window.history.replaceState(window.history.state, "", address);
  return token;
}

function socketAddress(path: string, token: string | null): string {
  const address = new URL(path, window.location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  if (token !== null) address.searchParams.set("token", token);
  return address.href;
}
