// What people do in the feed. What can be refused where it is written throws `ApiError`; a like puts it into the state.
import { ApiError } from "@/client/error";
import type { Client } from "@/client/client";
import type { FeedAuthors, FeedOrder, FeedPerson, Posting } from "@/client/types";
import { tagsOf, type FeedAction, type PostDraft } from "@/state/feed";
import type { FeedSync } from "@/state/feed-sync";
import type { Store } from "@/state/store";

export function createFeedActions(client: Client, store: Store, sync: FeedSync) {
  let lastLike = 0;

  const where = (): { roomId?: string } => {
    const { of } = store.getState().feed;
    return of === null ? {} : { roomId: of };
  };
  const tell = (feed: FeedAction): void => store.dispatch({ type: "feed", feed });

  return {
    readFeed: () => void sync.read(),
    readMorePosts: () => void sync.readMore(),
    setFeedOrder: (order: FeedOrder) => void sync.read(order),
    setFeedFollowed: (followed: boolean) => void sync.read(undefined, followed),
    async followAuthor(userId: string, on: boolean): Promise<void> {
      await client.call("feed.follow", { userId, on });
    },
    /** A post or comment. */
    async hidePost(postId: string, on: boolean, reason = ""): Promise<void> {
      await client.call("feed.hide", { postId, on, ...(reason === "" ? {} : { reason }) });
    },
    feedAuthors: (): Promise<FeedAuthors> => client.call("feed.authors", where()),
    /** Who has opened the feed, the moderators apart: those may post anyway. */
    async feedPeople(): Promise<readonly FeedPerson[]> {
      const { roomId } = store.getState().feed;
      if (roomId === null) return [];
      const { members } = await client.call("rooms.members", { roomId });
      return members.filter(({ role }) => role === "member").map(({ userId, displayName }) => ({ userId, name: displayName }));
    },
    async setFeedPosting(posting: Posting): Promise<void> {
      await client.call("feed.setPosting", { posting, ...where() });
    },
    async setFeedAuthor(userId: string, on: boolean): Promise<void> {
      await client.call("feed.setAuthor", { userId, on, ...where() });
    },
    /** New ones go on top of what is newest first; in the other orders only the engine knows their place. */
    showFreshPosts(): void {
      if (store.getState().feed.order === "new") tell({ type: "showFresh" });
      else void sync.read();
    },
    setComposing: (composing: boolean) => tell({ type: "composing", composing }),
    async publish(draft: PostDraft): Promise<void> {
      const tags = tagsOf(draft.tags);
      await client.call("feed.publish", { title: draft.title.trim(), body: draft.body.trim(), ...where(), ...(tags.length === 0 ? {} : { tags }) });
      tell({ type: "composing", composing: false });
      // Its event has it on top already where posts were held; an empty or a ranked feed learns of it by reading.
      await sync.read();
    },
    setPostEditor: (postId: string, draft: PostDraft | null) => tell({ type: "editor", postId, draft }),
    async editPost(postId: string, draft: PostDraft): Promise<void> {
      await client.call("feed.edit", { postId, title: draft.title.trim(), body: draft.body.trim(), tags: tagsOf(draft.tags) });
      tell({ type: "editor", postId, draft: null });
    },
    /** A post, or a comment of one. */
    async deletePost(postId: string, commentId?: string): Promise<void> {
      await client.call("feed.delete", { postId: commentId ?? postId });
      if (commentId === undefined) tell({ type: "deleted", id: postId });
      else await sync.readThread(postId);
    },
    like(targetId: string, on: boolean): void {
      lastLike += 1;
      const id = lastLike;
      tell({ type: "liking", targetId, on, id });
      client.call("feed.like", { postId: targetId, on }).then(
        () => tell({ type: "liked", targetId, on, id }),
        (thrown: unknown) => tell({ type: "likeRefused", targetId, id, error: ApiError.from(thrown) }),
      );
    },
    openThread: (postId: string) => void sync.readThread(postId),
    closeThread: (postId: string) => tell({ type: "threadClosed", postId }),
    readOlderComments: (postId: string) => void sync.readOlderComments(postId),
    setCommentDraft: (id: string, text: string) => tell({ type: "commentDraft", id, text }),
    setAnswering: (postId: string, commentId: string | null) => tell({ type: "answering", postId, commentId }),
    async comment(postId: string, text: string, replyTo?: string): Promise<void> {
      await client.call("feed.comment", { postId, text, ...(replyTo === undefined ? {} : { replyTo }) });
      tell({ type: "commentDraft", id: replyTo ?? postId, text: "" });
      tell({ type: "answering", postId, commentId: null });
      await sync.readThread(postId);
    },
  };
}
