// Keeps the store in step with the engine: reads everything when the way to it opens, applies its events, reads again
// what an event cannot tell.
//
// Started once by `app/main.tsx`. Not here: what people do (`actions.ts`).
import { ApiError } from "@/api/error";
import type { Client } from "@/api/client";
import type { Event } from "@/api/types.gen";
import { TYPING_MS } from "@/state/reduce";
import type { Store } from "@/state/store";

const PAGE = 50;
/** A room is opened with all that is unread in it, up to here. */
const FIRST_PAGE_MAX = 400;
const LIST_LIMIT_MAX = 10_000;
/** Out-of-order arrivals are gathered for so long before the page is read again. */
const REREAD_DELAY_MS = 150;

export type Sync = {
  start: () => () => void;
  /** Reads account, rooms, people and the open room again. */
  readAll: () => Promise<void>;
  readMembers: (roomId: string) => Promise<void>;
  readTimeline: (roomId: string) => Promise<void>;
  readOlder: (roomId: string) => Promise<void>;
  /** After an event that put the order of a room in doubt. */
  rereadSoon: (roomId: string) => void;
};

export function createSync(client: Client, store: Store): Sync {
  const rereads = new Map<string, ReturnType<typeof setTimeout>>();
  // Answers of an earlier reading must not overwrite those of a later one.
  let reading = 0;

  async function readAll(): Promise<void> {
    reading += 1;
    const mine = reading;
    try {
      const [whoami, status] = await Promise.all([client.call("account.whoami", {}), client.call("net.status", {})]);
      if (mine !== reading) return;
      store.dispatch({ type: "net", status });
      store.dispatch({ type: "whoami", whoami });
      if (whoami.account === null) return;
      const [rooms, people] = await Promise.all([client.call("rooms.list", {}), client.call("presence.list", {})]);
      if (mine !== reading) return;
      store.dispatch({ type: "people", list: people });
      store.dispatch({ type: "rooms", list: rooms });
      // Other rooms' timelines may have holes now: those are read again when they are opened.
      const { openRoomId } = store.getState();
      if (openRoomId !== null) await Promise.all([readMembers(openRoomId), readTimeline(openRoomId)]);
    } catch (thrown) {
      if (mine === reading) store.dispatch({ type: "startFailed", error: ApiError.from(thrown) });
    }
  }

  async function readMembers(roomId: string): Promise<void> {
    try {
      store.dispatch({ type: "members", roomId, list: await client.call("rooms.members", { roomId }) });
    } catch {
      // The roster held so far stays on the screen; the next opening or `member.*` event corrects it.
    }
  }

  async function readTimeline(roomId: string): Promise<void> {
    store.dispatch({ type: "timelineLoading", roomId });
    const { rooms, timelines } = store.getState();
    const held = timelines.get(roomId);
    // Twice: one's own messages lie between those of others.
    const wanted = held?.kind === "ready" ? held.messages.length : 2 * (rooms?.get(roomId)?.unreadCount ?? 0) + 20;
    const limit = Math.max(PAGE, Math.min(wanted, held?.kind === "ready" ? LIST_LIMIT_MAX : FIRST_PAGE_MAX));
    try {
      store.dispatch({ type: "timeline", roomId, page: await client.call("messages.list", { roomId, limit }) });
    } catch (thrown) {
      store.dispatch({ type: "timelineFailed", roomId, error: ApiError.from(thrown) });
    }
  }

  async function readOlder(roomId: string): Promise<void> {
    const timeline = store.getState().timelines.get(roomId);
    if (timeline?.kind !== "ready" || timeline.next === null || timeline.older === "loading") return;
    store.dispatch({ type: "olderLoading", roomId });
    try {
      store.dispatch({ type: "older", roomId, page: await client.call("messages.list", { roomId, before: timeline.next, limit: PAGE * 2 }) });
    } catch {
      store.dispatch({ type: "olderFailed", roomId });
    }
  }

  function rereadSoon(roomId: string): void {
    if (rereads.has(roomId)) return;
    rereads.set(
      roomId,
      setTimeout(() => {
        rereads.delete(roomId);
        void readTimeline(roomId);
      }, REREAD_DELAY_MS),
    );
  }

  function hear(event: Event): void {
    const before = store.getState();
    if (event.type === "message.new") {
      const timeline = before.timelines.get(event.roomId);
      const newest = timeline?.kind === "ready" ? Math.max(0, ...timeline.messages.slice(-PAGE).map((message) => message.sentAt)) : 0;
      if (event.message.sentAt < newest) rereadSoon(event.roomId);
    }
    store.dispatch({ type: "event", event, now: Date.now() });
    switch (event.type) {
      case "account.changed":
      case "resync":
        void readAll();
        break;
      case "typing.changed":
        if (event.typing) setTimeout(() => store.dispatch({ type: "typingExpired", now: Date.now() }), TYPING_MS + 50);
        break;
      case "message.new":
        if (!before.people.has(event.message.author)) void readMembers(event.roomId);
        break;
      case "net.changed":
      case "peer.changed":
      case "room.changed":
      case "room.removed":
      case "member.joined":
      case "member.left":
      case "message.changed":
      case "presence.changed":
      case "doc.changed":
      case "doc.update":
      case "doc.reset":
      case "doc.awareness":
      case "doc.removed":
        break;
    }
  }

  return {
    start() {
      const offs = [
        client.onEvent(hear),
        client.onLink((link) => {
          store.dispatch({ type: "link", link });
          if (link === "open") void readAll();
        }),
      ];
      client.start();
      return () => {
        for (const off of offs) off();
        for (const timer of rereads.values()) clearTimeout(timer);
        client.stop();
      };
    },
    readAll,
    readMembers,
    readTimeline,
    readOlder,
    rereadSoon,
  };
}
