// The open feed, the server's public one or a room's, as the window knows it, and its next state: a pure function of the present one and of what happened.
//
// A list names posts and `posts` has them once, so a like changes every place that shows it. What somebody else
// publishes waits in `fresh` until it is asked for: nothing moves under a reader's eyes but by rank, and that gently.
//
// Invariants, each held by a test beside this: a post is in the list once, whatever page and event tell of it; a ranking
// loses nothing that is read and brings nothing in that waits; a like that is on its way is shown, and afterwards the
// engine's count is.
import type { ApiError } from "@/client/error";
import type { Comment, Comments, Event, FeedOrder, FeedPolicy, Post, Posts } from "@/client/types";

export type FeedList =
  | { kind: "loading" }
  | { kind: "failed"; error: ApiError }
  | { kind: "ready"; ids: readonly string[]; next: string | null; more: "idle" | "loading" | "failed" };

export type Thread =
  | { kind: "loading" }
  | { kind: "failed"; error: ApiError }
  /** Oldest first. */
  | { kind: "ready"; comments: readonly Comment[]; next: string | null; older: "idle" | "loading" | "failed" };

/** A post as it is written; the tags as typed, apart by spaces or commas. */
export type PostDraft = { title: string; body: string; tags: string };
export const EMPTY_POST: PostDraft = { title: "", body: "", tags: "" };

export type FeedState = {
  /** The room whose feed is read; `null` for the server's public one. */
  of: string | null;
  /** The room that it turned out to be in; `null` until a page told. */
  roomId: string | null;
  order: FeedOrder;
  /** Whether only posts by people whom the reader follows are shown. */
  followed: boolean;
  /** Who may post, and what the reader may do; `null` until a page told. */
  policy: FeedPolicy | null;
  list: FeedList;
  posts: ReadonlyMap<string, Post>;
  /** Published by others since the list was read; the newest first. */
  fresh: readonly string[];
  /** By post id: the comments of the posts whose thread is open. */
  threads: ReadonlyMap<string, Thread>;
  /** By post or comment id: likes that the engine was told of and did not answer yet. */
  likes: ReadonlyMap<string, { on: boolean; id: number }>;
  /** By post or comment id: why a like was not taken. */
  refused: ReadonlyMap<string, ApiError>;
  /** Posts of one's own that are being written anew, by post id. */
  editors: ReadonlyMap<string, PostDraft>;
  /** Begun comments, by post id, or by the id of the comment that they answer. */
  commentDrafts: ReadonlyMap<string, string>;
  /** The comment that is answered, by post id. */
  answering: ReadonlyMap<string, string>;
  /** Whether a new post is being written. */
  composing: boolean;
};

export const INITIAL_FEED: FeedState = {
  of: null,
  roomId: null,
  order: "new",
  followed: false,
  policy: null,
  list: { kind: "loading" },
  posts: new Map(),
  fresh: [],
  threads: new Map(),
  likes: new Map(),
  refused: new Map(),
  editors: new Map(),
  commentDrafts: new Map(),
  answering: new Map(),
  composing: false,
};

export type FeedAction =
  | { type: "opened"; of: string | null }
  | { type: "reading"; order: FeedOrder; followed: boolean }
  | { type: "read"; order: FeedOrder; page: Posts }
  | { type: "readFailed"; order: FeedOrder; error: ApiError }
  | { type: "moreReading" }
  | { type: "more"; order: FeedOrder; page: Posts }
  | { type: "moreFailed" }
  | { type: "showFresh" }
  | { type: "published"; post: Post }
  | { type: "deleted"; id: string }
  | { type: "liking"; targetId: string; on: boolean; id: number }
  | { type: "liked"; targetId: string; on: boolean; id: number }
  | { type: "likeRefused"; targetId: string; id: number; error: ApiError }
  | { type: "threadReading"; postId: string }
  | { type: "thread"; postId: string; page: Comments }
  | { type: "threadFailed"; postId: string; error: ApiError }
  | { type: "threadOlderReading"; postId: string }
  | { type: "threadOlder"; postId: string; page: Comments }
  | { type: "threadOlderFailed"; postId: string }
  | { type: "threadClosed"; postId: string }
  | { type: "editor"; postId: string; draft: PostDraft | null }
  | { type: "commentDraft"; id: string; text: string }
  | { type: "answering"; postId: string; commentId: string | null }
  | { type: "composing"; composing: boolean };

export function reduceFeed(feed: FeedState, action: FeedAction): FeedState {
  switch (action.type) {
    case "opened":
      return feed.of === action.of ? feed : { ...INITIAL_FEED, of: action.of, order: feed.order };
    case "reading":
      // What is on the screen stays while the same order is read again.
      return feed.order === action.order && feed.followed === action.followed && feed.list.kind === "ready" ? feed : { ...feed, order: action.order, followed: action.followed, list: { kind: "loading" } };
    case "read":
      if (feed.order !== action.order) return feed;
      return { ...feed, roomId: action.page.roomId, policy: action.page.policy, list: { kind: "ready", ids: [...new Set(action.page.posts.map((post) => post.postId))], next: action.page.next ?? null, more: "idle" }, posts: withPosts(feed.posts, action.page.posts), fresh: [] };
    case "readFailed":
      return feed.order === action.order && feed.list.kind !== "ready" ? { ...feed, list: { kind: "failed", error: action.error } } : feed;
    case "moreReading":
      return feed.list.kind === "ready" ? { ...feed, list: { ...feed.list, more: "loading" } } : feed;
    case "more": {
      if (feed.list.kind !== "ready" || feed.order !== action.order) return feed;
      const known = new Set([...feed.list.ids, ...feed.fresh]);
      const ids = [...feed.list.ids, ...action.page.posts.map((post) => post.postId).filter((id) => !known.has(id))];
      return { ...feed, list: { kind: "ready", ids, next: action.page.next ?? null, more: "idle" }, posts: withPosts(feed.posts, action.page.posts) };
    }
    case "moreFailed":
      return feed.list.kind === "ready" ? { ...feed, list: { ...feed.list, more: "failed" } } : feed;
    case "showFresh":
      return feed.list.kind === "ready" ? { ...feed, list: { ...feed.list, ids: onTop(feed.fresh, feed.list.ids) }, fresh: [] } : feed;
    case "published":
      return onList({ ...feed, posts: withPosts(feed.posts, [action.post]) }, (ids) => onTop([action.post.postId], ids));
    case "deleted":
      return withoutPost(feed, action.id);
    case "liking":
      return { ...feed, likes: new Map(feed.likes).set(action.targetId, { on: action.on, id: action.id }), refused: without(feed.refused, action.targetId) };
    case "liked": {
      // An event may have told of it before the answer came; then there is nothing to add.
      const settled = onTarget(feed, action.targetId, (target) => asLiked(target, action.on));
      return feed.likes.get(action.targetId)?.id === action.id ? { ...settled, likes: without(feed.likes, action.targetId) } : settled;
    }
    case "likeRefused": {
      const last = feed.likes.get(action.targetId)?.id === action.id;
      return last ? { ...feed, likes: without(feed.likes, action.targetId), refused: new Map(feed.refused).set(action.targetId, action.error) } : feed;
    }
    case "threadReading":
      return feed.threads.get(action.postId)?.kind === "ready" ? feed : withThread(feed, action.postId, { kind: "loading" });
    case "thread": {
      const held = feed.threads.get(action.postId);
      if (held === undefined) return feed;
      const meanwhile = held.kind === "ready" ? held.comments : [];
      return withThread(feed, action.postId, { kind: "ready", comments: joined(action.page.comments, meanwhile), next: action.page.next ?? null, older: "idle" });
    }
    case "threadFailed":
      return feed.threads.get(action.postId)?.kind === "loading" ? withThread(feed, action.postId, { kind: "failed", error: action.error }) : feed;
    case "threadOlderReading":
      return onThread(feed, action.postId, (thread) => ({ ...thread, older: "loading" }));
    case "threadOlder":
      return onThread(feed, action.postId, (thread) => ({ kind: "ready", comments: joined(action.page.comments, thread.comments), next: action.page.next ?? null, older: "idle" }));
    case "threadOlderFailed":
      return onThread(feed, action.postId, (thread) => ({ ...thread, older: "failed" }));
    case "threadClosed":
      return { ...feed, threads: without(feed.threads, action.postId) };
    case "editor":
      return { ...feed, editors: action.draft === null ? without(feed.editors, action.postId) : new Map(feed.editors).set(action.postId, action.draft) };
    case "commentDraft":
      return { ...feed, commentDrafts: action.text === "" ? without(feed.commentDrafts, action.id) : new Map(feed.commentDrafts).set(action.id, action.text) };
    case "answering":
      return { ...feed, answering: action.commentId === null ? without(feed.answering, action.postId) : new Map(feed.answering).set(action.postId, action.commentId) };
    case "composing":
      return { ...feed, composing: action.composing };
  }
}

export type FeedEvent = Extract<Event, { type: "post.new" | "post.changed" | "comment.new" | "comment.changed" | "ranking.changed" | "feed.changed" | "follow.changed" }>;

/** What the engine tells of posts. `ownId` is the reader: what they publish, on any device, need not be announced. */
export function feedEvent(feed: FeedState, event: FeedEvent, ownId: string): FeedState {
  switch (event.type) {
    case "post.new": {
      const { post } = event;
      if (!belongs(feed, post.roomId) || post.deleted || feed.list.kind !== "ready") return feed;
      const held = feed.list.ids.includes(post.postId) || feed.fresh.includes(post.postId);
      const next = { ...feed, posts: withPosts(feed.posts, [post]) };
      if (held || (feed.followed && !post.followed)) return next;
      return post.author === ownId ? onList(next, (ids) => onTop([post.postId], ids)) : { ...next, fresh: [post.postId, ...feed.fresh] };
    }
    case "post.changed":
      if (event.post.deleted) return withoutPost(feed, event.post.postId);
      return feed.posts.has(event.post.postId) ? { ...feed, posts: withPosts(feed.posts, [event.post]) } : feed;
    case "comment.new":
    case "comment.changed":
      return onThread(feed, event.comment.postId, (thread) => ({ ...thread, comments: withComment(thread.comments, event.comment, thread.next === null, event.type === "comment.new") }));
    case "feed.changed":
      return belongs(feed, event.roomId) ? { ...feed, policy: event.policy } : feed;
    case "follow.changed":
      return { ...feed, posts: new Map([...feed.posts].map(([id, post]) => [id, post.author === event.userId ? { ...post, followed: event.on } : post])) };
    case "ranking.changed":
      return event.order === feed.order && belongs(feed, event.roomId) ? onList(feed, (ids) => reranked(ids, event.postIds)) : feed;
  }
}

/** Whether a ranking names a post that is not held: then the first page is read again. */
export function missesRanked(feed: FeedState, event: Extract<Event, { type: "ranking.changed" }>): boolean {
  return feed.list.kind === "ready" && !feed.followed && event.order === feed.order && event.order !== "new" && belongs(feed, event.roomId) && event.postIds.some((id) => !feed.posts.has(id));
}

/** Events tell of every feed. */
function belongs(feed: FeedState, roomId: string): boolean {
  return feed.roomId === roomId;
}

/** A post or comment as it will be once the like that is on its way is counted. */
export function asLiked<T extends { liked: boolean; likesCount: number }>(target: T, on: boolean | undefined): T {
  if (on === undefined || on === target.liked) return target;
  return { ...target, liked: on, likesCount: Math.max(0, target.likesCount + (on ? 1 : -1)) };
}

/**
 * A list in a new ranking: what the ranking names comes first, in its order; the rest follows as it was. Only what is in
 * the list is moved: nothing comes in this way.
 */
export function reranked(ids: readonly string[], ranking: readonly string[]): readonly string[] {
  const held = new Set(ids);
  const first = ranking.filter((id) => held.has(id));
  const moved = new Set(first);
  return [...first, ...ids.filter((id) => !moved.has(id))];
}

/** Words as tags: without their signs, once each. */
export function tagsOf(typed: string): string[] {
  return [...new Set(typed.split(/[\s,]+/u).map((tag) => tag.replace(/^#+/u, "")).filter((tag) => tag !== ""))];
}

function onTop(first: readonly string[], ids: readonly string[]): readonly string[] {
  const top = new Set(first);
  return [...first, ...ids.filter((id) => !top.has(id))];
}

function onList(feed: FeedState, change: (ids: readonly string[]) => readonly string[]): FeedState {
  return feed.list.kind === "ready" ? { ...feed, list: { ...feed.list, ids: change(feed.list.ids) } } : feed;
}

function withPosts(posts: FeedState["posts"], more: readonly Post[]): FeedState["posts"] {
  const next = new Map(posts);
  for (const post of more) next.set(post.postId, post);
  return next;
}

function withoutPost(feed: FeedState, id: string): FeedState {
  const left = onList(feed, (ids) => ids.filter((each) => each !== id));
  return { ...left, posts: without(feed.posts, id), fresh: feed.fresh.filter((each) => each !== id), threads: without(feed.threads, id), editors: without(feed.editors, id) };
}

type ReadyThread = Extract<Thread, { kind: "ready" }>;

function withThread(feed: FeedState, postId: string, thread: Thread): FeedState {
  return { ...feed, threads: new Map(feed.threads).set(postId, thread) };
}

function onThread(feed: FeedState, postId: string, change: (thread: ReadyThread) => Thread): FeedState {
  const thread = feed.threads.get(postId);
  return thread?.kind === "ready" ? withThread(feed, postId, change(thread)) : feed;
}

/** A post, or a comment of any open thread. */
function onTarget(feed: FeedState, id: string, change: <T extends Post | Comment>(target: T) => T): FeedState {
  const post = feed.posts.get(id);
  if (post !== undefined) return { ...feed, posts: new Map(feed.posts).set(id, change(post)) };
  for (const [postId, thread] of feed.threads) {
    if (thread.kind !== "ready") continue;
    const at = thread.comments.findIndex((comment) => comment.commentId === id);
    const comment = thread.comments[at];
    if (comment !== undefined) return withThread(feed, postId, { ...thread, comments: thread.comments.with(at, change(comment)) });
  }
  return feed;
}

/** `whole` where the thread is held from its beginning: then a comment that comes late still has its place. */
function withComment(comments: readonly Comment[], comment: Comment, whole: boolean, fresh: boolean): readonly Comment[] {
  const at = comments.findIndex((each) => each.commentId === comment.commentId);
  if (at !== -1) return comments.with(at, comment);
  const after = comments.findLastIndex((each) => each.sentAt <= comment.sentAt);
  return fresh && (after !== -1 || whole) ? comments.toSpliced(after + 1, 0, comment) : comments;
}

/** Two stretches of a thread as one; where both have a comment, the first, which was just read. */
function joined(page: readonly Comment[], held: readonly Comment[]): readonly Comment[] {
  const ids = new Set(page.map((comment) => comment.commentId));
  return [...page, ...held.filter((comment) => !ids.has(comment.commentId))].sort((a, b) => a.sentAt - b.sentAt);
}

function without<T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> {
  return map.has(key) ? new Map([...map].filter(([each]) => each !== key)) : map;
}
