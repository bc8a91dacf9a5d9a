import { expect, test } from "vitest";
import { ApiError } from "@/client/error";
import type { Comment, Event, FeedOrder, Post } from "@/client/types";
import { asLiked, feedEvent, INITIAL_FEED, missesRanked, reduceFeed, reranked, tagsOf, type FeedAction, type FeedEvent, type FeedState } from "@/state/feed";

const post = (postId: string, more: Partial<Post> = {}): Post => ({ postId, roomId: "feed", author: "bo", authorName: "Bo", followed: false, title: postId, body: "", tags: [], publishedAt: 1, likesCount: 0, liked: false, commentsCount: 0, deleted: false, ...more });
const comment = (commentId: string, sentAt: number, more: Partial<Comment> = {}): Comment => ({ commentId, postId: "a", roomId: "feed", author: "bo", authorName: "Bo", text: commentId, sentAt, likesCount: 0, liked: false, deleted: false, ...more });
const after = (feed: FeedState, ...actions: readonly FeedAction[]): FeedState => actions.reduce(reduceFeed, feed);
const hears = (feed: FeedState, ...events: readonly FeedEvent[]): FeedState => events.reduce((state, event) => feedEvent(state, event, "me"), feed);
const read = (order: FeedOrder, posts: readonly Post[], next?: string): FeedState => after(INITIAL_FEED, { type: "reading", order, followed: false }, { type: "read", order, page: { roomId: "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [...posts], ...(next === undefined ? {} : { next }) } });
const ids = (feed: FeedState): readonly string[] => (feed.list.kind === "ready" ? feed.list.ids : []);
const ranking = (order: FeedOrder, postIds: string[]): Extract<Event, { type: "ranking.changed" }> => ({ type: "ranking.changed", roomId: "feed", order, postIds });

test("what others publish waits until it is asked for, once; one's own is there at once", () => {
  let feed = hears(read("new", [post("a")]), { type: "post.new", post: post("b") }, { type: "post.new", post: post("c") }, { type: "post.new", post: post("c") });
  expect([ids(feed), feed.fresh]).toEqual([["a"], ["c", "b"]]);
  feed = hears(feed, { type: "post.new", post: post("d", { author: "me" }) });
  expect(ids(feed)).toEqual(["d", "a"]);
  feed = after(feed, { type: "showFresh" });
  expect([ids(feed), feed.fresh]).toEqual([["c", "b", "d", "a"], []]);
});

test("a page brings nothing twice, and nothing that waits", () => {
  let feed = hears(read("new", [post("b")], "x"), { type: "post.new", post: post("c") });
  feed = after(feed, { type: "moreReading" }, { type: "more", order: "new", page: { roomId: "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [post("c"), post("b"), post("a")] } });
  expect(ids(feed)).toEqual(["b", "a"]);
  expect(feed.list).toMatchObject({ next: null, more: "idle" });
});

test("the page of an order that was left changes nothing", () => {
  const feed = after(read("new", [post("a")]), { type: "reading", order: "top", followed: false });
  expect(after(feed, { type: "read", order: "new", page: { roomId: "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [post("b")] } })).toBe(feed);
  expect(after(feed, { type: "more", order: "new", page: { roomId: "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [post("b")] } })).toBe(feed);
});

test("a ranking moves what is held, loses nothing, and brings in nothing", () => {
  expect(reranked(["a", "b", "c", "d"], ["c", "x", "a"])).toEqual(["c", "a", "b", "d"]);
  expect(reranked(["a", "b"], [])).toEqual(["a", "b"]);
  const feed = hears(read("top", [post("a"), post("b")]), { type: "post.new", post: post("c") }, ranking("top", ["c", "b", "a"]));
  expect([ids(feed), feed.fresh]).toEqual([["b", "a"], ["c"]]);
  expect(ids(hears(feed, ranking("hot", ["a", "b"])))).toEqual(["b", "a"]);
  expect(missesRanked(feed, ranking("top", ["c", "a"]))).toBe(false);
  expect(missesRanked(feed, ranking("top", ["z", "a"]))).toBe(true);
});

test("the feeds of rooms are not this one", () => {
  const feed = read("top", [post("a"), post("b")]);
  const elsewhere = hears(feed, { type: "post.new", post: post("c", { roomId: "shed" }) }, { ...ranking("top", ["b", "a"]), roomId: "shed" });
  expect([ids(elsewhere), elsewhere.fresh]).toEqual([["a", "b"], []]);
});

test("a like shows at once and is the engine's afterwards, whichever word comes first", () => {
  const liking = after(read("new", [post("a", { likesCount: 4 })]), { type: "liking", targetId: "a", on: true, id: 1 });
  const shown = (feed: FeedState): unknown => {
    const held = feed.posts.get("a");
    return held && { ...asLiked(held, feed.likes.get("a")?.on), title: undefined };
  };
  expect(shown(liking)).toMatchObject({ liked: true, likesCount: 5 });
  const told: FeedEvent = { type: "post.changed", post: post("a", { liked: true, likesCount: 6 }) };
  const liked: FeedAction = { type: "liked", targetId: "a", on: true, id: 1 };
  expect(shown(after(hears(liking, told), liked))).toMatchObject({ liked: true, likesCount: 6 });
  expect(shown(hears(after(liking, liked), told))).toMatchObject({ liked: true, likesCount: 6 });
  expect(after(liking, liked).likes.size).toBe(0);
});

test("a like that is refused is taken back and said; an answer to an earlier wish does not end a later one", () => {
  const error = new ApiError("forbidden", "You cannot like here.");
  const liking = after(read("new", [post("a")]), { type: "liking", targetId: "a", on: true, id: 1 });
  const refused = after(liking, { type: "likeRefused", targetId: "a", id: 1, error });
  expect([refused.likes.size, refused.refused.get("a")]).toEqual([0, error]);
  const twice = after(liking, { type: "liking", targetId: "a", on: false, id: 2 }, { type: "liked", targetId: "a", on: true, id: 1 });
  expect(twice.likes.get("a")).toEqual({ on: false, id: 2 });
  expect(after(twice, { type: "likeRefused", targetId: "a", id: 1, error }).refused.size).toBe(0);
});

test("what was taken back is gone, also from what waits", () => {
  const feed = hears(read("new", [post("a")]), { type: "post.new", post: post("b") }, { type: "post.changed", post: post("b", { deleted: true }) }, { type: "post.changed", post: post("a", { deleted: true }) });
  expect([ids(feed), feed.fresh, feed.posts.size]).toEqual([[], [], 0]);
});

test("comments are told in any order and are there once, in the order in which they were written", () => {
  const open = after(read("new", [post("a")]), { type: "threadReading", postId: "a" }, { type: "thread", postId: "a", page: { comments: [comment("c1", 10), comment("c3", 30)] } });
  const feed = hears(open, { type: "comment.new", comment: comment("c4", 40) }, { type: "comment.new", comment: comment("c2", 20) }, { type: "comment.new", comment: comment("c4", 40) }, { type: "comment.changed", comment: comment("c1", 10, { likesCount: 2 }) });
  const thread = feed.threads.get("a");
  expect(thread?.kind === "ready" && thread.comments.map((each) => [each.commentId, each.likesCount])).toEqual([["c1", 2], ["c2", 0], ["c3", 0], ["c4", 0]]);
  // Read again, what came meanwhile stays; a thread that was closed is not opened by an answer that is late.
  const again = after(feed, { type: "thread", postId: "a", page: { comments: [comment("c3", 30)], next: "c3" } }).threads.get("a");
  expect(again?.kind === "ready" && again.comments).toHaveLength(4);
  expect(after(feed, { type: "threadClosed", postId: "a" }, { type: "thread", postId: "a", page: { comments: [] } }).threads.size).toBe(0);
});

test("tags are words, without their signs, once each", () => {
  expect(tagsOf(" #shed, spring  shed ,, ##tide ")).toEqual(["shed", "spring", "tide"]);
});

test("who is followed is marked on all their posts, and others' posts stay out of that list", () => {
  let feed = hears(read("new", [post("a"), post("b", { author: "cy" })]), { type: "follow.changed", userId: "bo", on: true });
  expect([feed.posts.get("a")?.followed, feed.posts.get("b")?.followed]).toEqual([true, false]);
  feed = after(feed, { type: "reading", order: "new", followed: true });
  expect(feed.list.kind).toBe("loading");
  feed = after(feed, { type: "read", order: "new", page: { roomId: "feed", policy: { posting: "members", mayPost: true, mayModerate: false }, posts: [post("a", { followed: true })] } });
  feed = hears(feed, { type: "post.new", post: post("c", { author: "cy" }) }, { type: "post.new", post: post("d", { followed: true }) });
  expect(feed.fresh).toEqual(["d"]);
});

test("a change of who may post is of its own feed alone", () => {
  const curated = { posting: "curated", mayPost: false, mayModerate: false } as const;
  const feed = read("new", [post("a")]);
  expect(hears(feed, { type: "feed.changed", roomId: "shed", policy: curated }).policy?.mayPost).toBe(true);
  expect(hears(feed, { type: "feed.changed", roomId: "feed", policy: curated }).policy).toEqual(curated);
});
