// The typed client: JSON-RPC 2.0 over a transport.
//
// The whole API by its own names. `momoland.ts` puts the community's names beside them. Every call ends: with a result,
// with the engine's refusal, or with `offline` when the way to the engine broke first.
import { ApiError } from "@/client/error";
import type { Method, Params, Result } from "@/client/methods";
import { readPicture, type Picture } from "@/client/pictures";
import type { Transport } from "@/client/transport";
import type { Event } from "@/client/types";

export type Off = () => void;
/** Whether the way to the engine is open. Nothing to do with the server: that is `net.status`. */
export type LinkState = "opening" | "open" | "closed";

export interface Client {
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>;
  onEvent(listener: (event: Event) => void): Off;
  onLink(listener: (state: LinkState) => void): Off;
  /** Each picture of the tiles that `calls.view` asked for. It is the listener's, to keep or to let go of; a newer one follows. */
  onPicture(listener: (picture: Picture) => void): Off;
  /** Opens the way, and opens it again whenever it breaks. Resolves when it is open for the first time. */
  connect(token?: string): Promise<void>;
  /** Closes the way; what is under way ends as `offline`. */
  disconnect(): void;
}

type Waiting = { resolve: (result: never) => void; reject: (error: ApiError) => void };

/** `lostSentence` is what a person reads when the way to the engine broke under a call. */
export function createClient(transport: Transport, lostSentence: string): Client {
  const waiting = new Map<number, Waiting>();
  const eventListeners = new Set<(event: Event) => void>();
  const linkListeners = new Set<(state: LinkState) => void>();
  const pictureListeners = new Set<(picture: Picture) => void>();
  let lastId = 0;

  function lose(id: number): void {
    waiting.get(id)?.reject(new ApiError("offline", lostSentence));
    waiting.delete(id);
  }

  function tell(state: LinkState): void {
    for (const listener of linkListeners) listener(state);
  }

  function receive(text: string): void {
    const frame = parse(text);
    if (frame === null) return;
    if (frame.method === "event") {
      for (const listener of eventListeners) listener(frame.params as Event);
      return;
    }
    if (typeof frame.id !== "number") return;
    const call = waiting.get(frame.id);
    if (call === undefined) return;
    waiting.delete(frame.id);
    if (frame.error !== undefined) call.reject(ApiError.fromJson(frame.error));
    else call.resolve(frame.result as never);
  }

  function show(bytes: ArrayBuffer): void {
    const picture = readPicture(bytes);
    if (picture === null) return;
    for (const listener of pictureListeners) listener(picture);
  }

  return {
    call(method, params) {
      lastId += 1;
      const id = lastId;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        transport.send(id, JSON.stringify({ jsonrpc: "2.0", id, method, params }));
      });
    },
    onEvent(listener) {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },
    onLink(listener) {
      linkListeners.add(listener);
      return () => linkListeners.delete(listener);
    },
    onPicture(listener) {
      pictureListeners.add(listener);
      return () => pictureListeners.delete(listener);
    },
    connect(token) {
      return new Promise((resolve) => transport.start((event) => {
        switch (event.kind) {
          case "open":
            tell("open");
            resolve();
            break;
          case "closed":
            for (const id of [...waiting.keys()]) lose(id);
            tell("closed");
            break;
          case "text":
            receive(event.text);
            break;
          case "picture":
            show(event.bytes);
            break;
          case "lost":
            lose(event.id);
            break;
        }
      }, token));
    },
    disconnect() {
      transport.stop();
      for (const id of [...waiting.keys()]) lose(id);
    },
  };
}

type Frame = { id?: unknown; method?: unknown; params?: unknown; result?: unknown; error?: unknown };

/** The engine is trusted for the shape of what it says (its types are generated), not for being JSON at all. */
function parse(text: string): Frame | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : null;
  } catch {
    return null;
  }
}
