// Keeps the feed in step with the engine: reads pages and threads, and again what an event cannot tell.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { FeedOrder } from "@/client/types";
import { missesRanked, type FeedEvent, type FeedState } from "@/state/feed";
import type { Store } from "@/state/store";

const PAGE = 20;
const LIST_LIMIT_MAX = 200;
const COMMENTS_PAGE = 50;
/** Rankings come one after another while many people like; the page is read again once for all of them. */
const REREAD_DELAY_MS = 400;

export type FeedSync = {
  /** Reads the first page, of another order or of other authors where such are given. */
  read: (order?: FeedOrder, followed?: boolean) => Promise<void>;
  readMore: () => Promise<void>;
  readThread: (postId: string) => Promise<void>;
  readOlderComments: (postId: string) => Promise<void>;
  /** After an event was put into the state; `before` is the feed as it was. */
  heard: (event: FeedEvent, before: FeedState) => void;
};

export function createFeedSync(client: Client, store: Store): FeedSync {
  // The answer of an earlier reading must not overwrite that of a later one.
  let reading = 0;
  let reread: ReturnType<typeof setTimeout> | null = null;

  const where = (): { roomId?: string } => {
    const { of } = store.getState().feed;
    return of === null ? {} : { roomId: of };
  };

  async function read(order: FeedOrder = store.getState().feed.order, followed: boolean = store.getState().feed.followed): Promise<void> {
    reading += 1;
    const mine = reading;
    store.dispatch({ type: "feed", feed: { type: "reading", order, followed } });
    // Read again, it is as long as it was, so that nobody who read far down loses their place.
    const { list } = store.getState().feed;
    const limit = list.kind === "ready" ? Math.min(LIST_LIMIT_MAX, Math.max(PAGE, list.ids.length)) : PAGE;
    try {
      const page = await client.call("feed.list", { order, limit, ...(followed ? { followed } : {}), ...where() });
      if (mine === reading) store.dispatch({ type: "feed", feed: { type: "read", order, page } });
    } catch (thrown) {
      if (mine === reading) store.dispatch({ type: "feed", feed: { type: "readFailed", order, error: ApiError.from(thrown) } });
      return;
    }
    for (const postId of store.getState().feed.threads.keys()) void readThread(postId);
  }

  async function readThread(postId: string): Promise<void> {
    store.dispatch({ type: "feed", feed: { type: "threadReading", postId } });
    try {
      store.dispatch({ type: "feed", feed: { type: "thread", postId, page: await client.call("feed.comments", { postId, limit: COMMENTS_PAGE }) } });
    } catch (thrown) {
      store.dispatch({ type: "feed", feed: { type: "threadFailed", postId, error: ApiError.from(thrown) } });
    }
  }

  return {
    read,
    readThread,
    async readMore() {
      const { list, order } = store.getState().feed;
      if (list.kind !== "ready" || list.next === null || list.more === "loading") return;
      const mine = reading;
      store.dispatch({ type: "feed", feed: { type: "moreReading" } });
      try {
        const page = await client.call("feed.list", { order, before: list.next, limit: PAGE, ...where() });
        if (mine === reading) store.dispatch({ type: "feed", feed: { type: "more", order, page } });
      } catch {
        if (mine === reading) store.dispatch({ type: "feed", feed: { type: "moreFailed" } });
      }
    },
    async readOlderComments(postId) {
      const thread = store.getState().feed.threads.get(postId);
      if (thread?.kind !== "ready" || thread.next === null || thread.older === "loading") return;
      store.dispatch({ type: "feed", feed: { type: "threadOlderReading", postId } });
      try {
        store.dispatch({ type: "feed", feed: { type: "threadOlder", postId, page: await client.call("feed.comments", { postId, before: thread.next, limit: COMMENTS_PAGE }) } });
      } catch {
        store.dispatch({ type: "feed", feed: { type: "threadOlderFailed", postId } });
      }
    },
    heard(event, before) {
      const { feedOpen } = store.getState();
      if (!feedOpen) return;
      // A feed that could not be had until now, and a post that came into the first ranks from further down.
      const due = event.type === "post.new" ? before.list.kind === "failed" : event.type === "ranking.changed" && missesRanked(before, event);
      if (!due || reread !== null) return;
      reread = setTimeout(() => {
        reread = null;
        void read();
      }, REREAD_DELAY_MS);
    },
  };
}
