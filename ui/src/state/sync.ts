// Keeps the store in step with the engine: reads everything when the way to it opens, applies its events, reads again
// what an event cannot tell.
//
// Started once by `app/main.tsx`. Not here: what people do (`actions.ts`).
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { Event, Message } from "@/client/types";
import { createDrafts, type Drafts } from "@/state/drafts";
import { createFeedSync, type FeedSync } from "@/state/feed-sync";
import { TYPING_MS } from "@/state/reduce";
import type { Store } from "@/state/store";

const PAGE = 50;
/** Who reads further and further back is given more at once, up to here. */
const OLDER_PAGE_MIN = 100;
const OLDER_PAGE_MAX = 1_000;
/** A room is opened with all that is unread in it, up to here. */
const FIRST_PAGE_MAX = 400;
const LIST_LIMIT_MAX = 10_000;
/** A message that is looked for further back is read towards in pages of this size, and no further than so many. */
const SEEK_PAGE = 1_000;
const SEEK_PAGES_MAX = 100;
/** Out-of-order arrivals are gathered for so long before the page is read again. */
const REREAD_DELAY_MS = 150;
/** A list that changes this often while it is asked for is taken as it is: its next event corrects it. */
const REASKS_MAX = 4;

export type Sync = {
  start: () => () => void;
  /** Reads account, rooms, people and the open room again. */
  readAll: () => Promise<void>;
  readMembers: (roomId: string) => Promise<void>;
  readTimeline: (roomId: string) => Promise<void>;
  readOlder: (roomId: string, wanted?: number) => Promise<void>;
  readOlderNotifications: () => Promise<void>;
  /** Reads back until a message is held. Answers whether it is. */
  seek: (roomId: string, messageId: string) => Promise<boolean>;
  readPinned: (roomId: string) => Promise<void>;
  readDocs: (roomId: string) => Promise<void>;
  drafts: Drafts;
  feed: FeedSync;
  readPlaces: (roomId: string) => Promise<void>;
  /** After an event that put the order of a room in doubt. */
  rereadSoon: (roomId: string) => void;
};

export function createSync(client: Client, store: Store): Sync {
  const rereads = new Map<string, ReturnType<typeof setTimeout>>();
  // Answers of an earlier reading must not overwrite those of a later one.
  let reading = 0;
  // How often events have touched each list, by the list's name.
  const touches = new Map<string, number>();
  const drafts = createDrafts(client, store);
  const feed = createFeedSync(client, store);

  /** A list as it is now: asked for again where an event that concerns it overtook the answer, which may be older. */
  async function current<T>(list: string, ask: () => Promise<T>): Promise<T> {
    for (let left = REASKS_MAX; ; left -= 1) {
      const before = touches.get(list);
      const answer = await ask();
      if (touches.get(list) === before || left === 0) return answer;
    }
  }

  async function readAll(): Promise<void> {
    reading += 1;
    const mine = reading;
    try {
      const [whoami, status] = await Promise.all([client.call("account.whoami", {}), client.call("net.status", {})]);
      if (mine !== reading) return;
      store.dispatch({ type: "net", status });
      store.dispatch({ type: "whoami", whoami });
      if (whoami.account === null) return;
      const [rooms, people] = await Promise.all([current("rooms", () => client.call("rooms.list", {})), current("people", () => client.call("presence.list", {})), drafts.read(), readInbox(), readAnnouncements(), readCalls()]);
      if (mine !== reading) return;
      store.dispatch({ type: "people", list: people });
      store.dispatch({ type: "rooms", list: rooms });
      // Other rooms' timelines may have holes now: those are read again when they are opened.
      const { openRoomId, feedOpen, places, docs } = store.getState();
      if (feedOpen) void feed.read();
      for (const roomId of places.keys()) void readPlaces(roomId);
      if (openRoomId !== null) await Promise.all([readMembers(openRoomId), readTimeline(openRoomId), ...(docs.has(openRoomId) ? [readDocs(openRoomId)] : [])]);
    } catch (thrown) {
      if (mine === reading) store.dispatch({ type: "startFailed", error: ApiError.from(thrown) });
    }
  }

  async function readAnnouncements(): Promise<void> {
    try {
      store.dispatch({ type: "announcements", list: await current("announcements", () => client.call("announcements.list", {})) });
    } catch {
      // What is told from now on is shown all the same.
    }
  }

  async function readCalls(): Promise<void> {
    try {
      const { calls } = await current("calls", () => client.call("calls.list", {}));
      store.dispatch({ type: "calls", calls: { type: "list", calls } });
    } catch {
      // Each call is told again with its next change.
    }
  }

  async function readInbox(): Promise<void> {
    try {
      store.dispatch({ type: "inbox", list: await current("inbox", () => client.call("notifications.list", { limit: PAGE })) });
    } catch {
      // Without the list there is no inbox; everything it would name is in its room.
    }
  }

  async function readOlderNotifications(): Promise<void> {
    const { inbox } = store.getState();
    if (typeof inbox?.next !== "string" || inbox.older === "loading") return;
    store.dispatch({ type: "inboxLoading" });
    try {
      store.dispatch({ type: "inboxOlder", list: await client.call("notifications.list", { before: inbox.next, limit: PAGE }) });
    } catch {
      store.dispatch({ type: "inboxFailed" });
    }
  }

  async function readMembers(roomId: string): Promise<void> {
    try {
      store.dispatch({ type: "members", roomId, list: await current(`members ${roomId}`, () => client.call("rooms.members", { roomId })) });
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

  async function readOlder(roomId: string, wanted?: number): Promise<void> {
    const timeline = store.getState().timelines.get(roomId);
    if (timeline?.kind !== "ready" || timeline.next === null || timeline.older === "loading") return;
    const limit = wanted ?? Math.min(OLDER_PAGE_MAX, Math.max(OLDER_PAGE_MIN, timeline.messages.length));
    store.dispatch({ type: "olderLoading", roomId });
    try {
      store.dispatch({ type: "older", roomId, page: await client.call("messages.list", { roomId, before: timeline.next, limit }) });
    } catch {
      store.dispatch({ type: "olderFailed", roomId });
    }
  }

  function holds(roomId: string, messageId: string): boolean {
    const timeline = store.getState().timelines.get(roomId);
    return timeline?.kind === "ready" && timeline.messages.some((message) => message.messageId === messageId);
  }

  async function seek(roomId: string, messageId: string): Promise<boolean> {
    if (store.getState().timelines.get(roomId)?.kind !== "ready") await readTimeline(roomId);
    for (let page = 0; page < SEEK_PAGES_MAX && !holds(roomId, messageId); page += 1) {
      const before = store.getState().timelines.get(roomId);
      if (before?.kind !== "ready" || before.next === null) break;
      await readOlder(roomId, SEEK_PAGE);
      // Somebody else's page was under way, or it could not be read: once more is enough to tell.
      const after = store.getState().timelines.get(roomId);
      if (after?.kind !== "ready" || after.older === "failed") break;
      if (after.older === "loading") await new Promise((resolve) => setTimeout(resolve, 30));
    }
    return holds(roomId, messageId);
  }

  async function readPinned(roomId: string): Promise<void> {
    if (store.getState().pinned.get(roomId)?.kind !== "ready") store.dispatch({ type: "pinned", roomId, pinned: { kind: "loading" } });
    try {
      const { messages } = await current(`pins ${roomId}`, () => client.call("messages.pins", { roomId }));
      store.dispatch({ type: "pinned", roomId, pinned: { kind: "ready", messages } });
    } catch (thrown) {
      store.dispatch({ type: "pinned", roomId, pinned: { kind: "failed", error: ApiError.from(thrown) } });
    }
  }

  async function readDocs(roomId: string): Promise<void> {
    store.dispatch({ type: "docsLoading", roomId });
    try {
      store.dispatch({ type: "docs", roomId, list: await current(`docs ${roomId}`, () => client.call("docs.list", { roomId })) });
    } catch (thrown) {
      store.dispatch({ type: "docsFailed", roomId, error: ApiError.from(thrown) });
    }
  }

  async function readPlaces(roomId: string): Promise<void> {
    store.dispatch({ type: "places", places: { type: "reading", roomId } });
    try {
      store.dispatch({ type: "places", places: { type: "read", roomId, list: await current(`places ${roomId}`, () => client.call("location.list", { roomId })) } });
    } catch (thrown) {
      store.dispatch({ type: "places", places: { type: "readFailed", roomId, error: ApiError.from(thrown) } });
    }
  }

  /** Pins are read again when one of them changes, where somebody looked at them. */
  function pinsTouched(roomId: string, message: Message): void {
    const pinned = store.getState().pinned.get(roomId);
    if (pinned?.kind !== "ready") return;
    if (message.pinned || pinned.messages.some((each) => each.messageId === message.messageId)) void readPinned(roomId);
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
    for (const list of listsOf(event)) touches.set(list, (touches.get(list) ?? 0) + 1);
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
      case "message.changed":
        pinsTouched(event.roomId, event.message);
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
      case "presence.changed":
      case "doc.changed":
      case "doc.removed":
      case "doc.update":
      case "doc.awareness":
      case "doc.reset":
      case "notification.new":
      case "notification.changed":
      case "announcement.new":
      case "announcement.gone":
      case "activity.new":
      case "call.incoming":
      case "call.changed":
      case "call.stats":
      case "call.test":
        break;
      case "location.changed":
        // Whether the last point stays for others to see is not told.
        if (event.ended === true && before.places.has(event.roomId)) void readPlaces(event.roomId);
        break;
      case "post.new":
      case "post.changed":
      case "comment.new":
      case "comment.changed":
      case "ranking.changed":
      case "feed.changed":
      case "follow.changed":
        feed.heard(event, before.feed);
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
      window.addEventListener("pagehide", drafts.flush);
      void client.connect();
      return () => {
        window.removeEventListener("pagehide", drafts.flush);
        for (const off of offs) off();
        for (const timer of rereads.values()) clearTimeout(timer);
        client.disconnect();
      };
    },
    readAll,
    readMembers,
    readTimeline,
    readOlder,
    seek,
    readPinned,
    readDocs,
    readOlderNotifications,
    drafts,
    feed,
    readPlaces,
    rereadSoon,
  };
}

/** The lists that an event changes, by the names that they are read under. */
function listsOf(event: Event): readonly string[] {
  switch (event.type) {
    case "room.changed":
    case "room.removed":
      return ["rooms"];
    case "presence.changed":
      return ["people"];
    case "member.joined":
    case "member.left":
      return [`members ${event.roomId}`];
    case "message.changed":
      return [`pins ${event.roomId}`];
    case "doc.changed":
      return [`docs ${event.doc.roomId}`];
    case "doc.removed":
      return [`docs ${event.roomId}`];
    case "location.changed":
      return [`places ${event.roomId}`];
    case "notification.new":
    case "notification.changed":
      return ["inbox"];
    case "announcement.new":
    case "announcement.gone":
      return ["announcements"];
    case "account.changed":
    case "resync":
    case "net.changed":
    case "peer.changed":
    case "message.new":
    case "typing.changed":
    case "doc.update":
    case "doc.awareness":
    case "doc.reset":
    case "activity.new":
    case "post.new":
    case "post.changed":
    case "comment.new":
    case "comment.changed":
    case "ranking.changed":
    case "call.incoming":
    case "call.stats":
    case "call.test":
    case "feed.changed":
    case "follow.changed":
      return [];
    case "call.changed":
      return ["calls"];
  }
}
