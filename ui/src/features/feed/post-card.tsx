import { Ellipsis, Eye, EyeOff, MessageCircle, Pencil, Trash2, UserMinus, UserPlus } from "lucide-react";
import { memo, useState, type ComponentType } from "react";
import { ApiError } from "@/client/error";
import { Avatar } from "@/components/avatar";
import { exactTime, useMinute } from "@/components/clock";
import { IconButton } from "@/components/icon-button";
import { Menu, MenuItem } from "@/components/menu";
import { useAttempt } from "@/components/use-attempt";
import { Comments } from "@/features/feed/comments";
import { HiddenNote } from "@/features/feed/hidden-note";
import { LikeButton } from "@/features/feed/like-button";
import { PostEditor } from "@/features/feed/post-editor";
import { shortTime } from "@/features/feed/times";
import type { Post } from "@/client/types";
import { useActions, useAppState } from "@/state/context";
import { asLiked, type PostDraft } from "@/state/feed";
import { mayModerateFeed, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.feed;

/** Paints what somebody wrote. The window has one way for that, and the shell hands it in. */
export type TextView = ComponentType<{ id: string; text: string }>;

/** A post with what people think of it. */
export const PostCard = memo(function PostCard({ postId, Text }: { postId: string; Text: TextView }) {
  const held = useAppState((state) => state.feed.posts.get(postId));
  const wanted = useAppState((state) => state.feed.likes.get(postId)?.on);
  const refused = useAppState((state) => state.feed.refused.get(postId));
  const editor = useAppState((state) => state.feed.editors.get(postId));
  const open = useAppState((state) => state.feed.threads.has(postId));
  const actions = useActions();
  if (held === undefined) return null;
  const post = asLiked(held, wanted);
  // Who neither wrote it nor moderates gets no words of what is hidden.
  const closed = post.hidden !== undefined && post.title === "" && post.body === "";

  return (
    <li data-entry={postId} className="not-first:border-t border-line">
      <article
        tabIndex={-1}
        data-post={postId}
        aria-label={words.postLabel(post.authorName, post.title)}
        className="flex gap-3 px-4 py-5 touch:px-1 rounded-large focus:outline-none focus-visible:shadow-[inset_0_0_0_2px_var(--accent)]"
      >
        <Avatar userId={post.author} name={post.authorName} size={34} />
        <div className="flex-1 min-w-0">
          <Head post={post} />
          {post.hidden !== undefined && <HiddenNote hidden={post.hidden} reads={!closed} />}
          {editor === undefined ? (
            <>
              {post.title !== "" && (
                <h2 dir="auto" className="mt-1 font-strong text-[17px]/[23px] tracking-[-0.012em] foreign">
                  {post.title}
                </h2>
              )}
              {post.body !== "" && (
                <div className="mt-1.5 text-body">
                  <Text id={`post-${postId}`} text={post.body} />
                </div>
              )}
              {post.tags.length > 0 && (
                <ul aria-label={words.tags} className="flex flex-wrap gap-1.5 mt-2.5">
                  {post.tags.map((tag) => (
                    <li key={tag} className="px-1.5 py-0.5 rounded-small bg-sunken text-small text-ink-2 foreign">
                      {tag}
                    </li>
                  ))}
                </ul>
              )}
            </>
          ) : (
            <Editor post={held} draft={editor} />
          )}
          {!closed && (
            <div className="flex items-center gap-3 mt-2.5">
              <LikeButton liked={post.liked} count={post.likesCount} onLike={(on) => actions.like(postId, on)} />
              <button
                type="button"
                data-comments
                aria-expanded={open}
                aria-label={words.comments(post.commentsCount)}
                onClick={() => (open ? actions.closeThread(postId) : actions.openThread(postId))}
                className={`inline-flex items-center gap-1.5 h-7 touch:h-9 px-2 rounded-control text-small tabular-nums transition-colors duration-(--fast) hover:bg-hover hover:text-ink ${open ? "bg-selected text-ink" : "text-ink-2"}`}
              >
                <MessageCircle aria-hidden="true" className="size-4 stroke-[1.75]" />
                {post.commentsCount > 0 && post.commentsCount}
              </button>
            </div>
          )}
          {refused !== undefined && (
            <p role="alert" className="mt-1 text-small text-danger foreign">
              {words.notLiked(refused.message)}
            </p>
          )}
          {open && !closed && <Comments post={held} Text={Text} />}
        </div>
      </article>
    </li>
  );
});

function Head({ post }: { post: Post }) {
  const actions = useActions();
  const minute = useMinute();
  const attempt = useAttempt();
  const own = useAppState((state) => ownAccount(state)?.userId === post.author);
  const moderates = useAppState(mayModerateFeed);
  return (
    <div className="flex items-center gap-2 min-h-[26px]">
      <span className="min-w-0 truncate font-strong foreign">{post.authorName}</span>
      {own && <span className="text-ink-3">{strings.you}</span>}
      <time dateTime={new Date(post.publishedAt).toISOString()} title={exactTime(post.publishedAt)} className="flex-none text-small text-ink-3 tabular-nums">
        {shortTime(post.publishedAt, minute)}
      </time>
      {post.editedAt !== undefined && (
        <span title={exactTime(post.editedAt)} className="flex-none text-small text-ink-3">
          {words.edited}
        </span>
      )}
      {attempt.error !== null && (
        <span role="alert" className="min-w-0 truncate text-small text-danger foreign" title={attempt.error.message}>
          {words.notFollowed(attempt.error.message)}
        </span>
      )}
      <span className="ms-auto">
        <Menu
          trigger={
            <IconButton label={words.menu} className="size-[26px]">
              <Ellipsis aria-hidden="true" />
            </IconButton>
          }
        >
          {own && (
            <MenuItem icon={Pencil} onChoose={() => actions.setPostEditor(post.postId, { title: post.title, body: post.body, tags: post.tags.join(" ") })}>
              {words.edit}
            </MenuItem>
          )}
          {!own && (
            <MenuItem icon={post.followed ? UserMinus : UserPlus} onChoose={() => void attempt.run(() => actions.followAuthor(post.author, !post.followed))}>
              {post.followed ? words.unfollow(post.authorName) : words.follow(post.authorName)}
            </MenuItem>
          )}
          {moderates &&
            (post.hidden === undefined ? (
              <MenuItem icon={EyeOff} onChoose={() => actions.show({ kind: "hidePost", postId: post.postId })}>
                {words.hide}
              </MenuItem>
            ) : (
              <MenuItem icon={Eye} onChoose={() => void attempt.run(() => actions.hidePost(post.postId, false))}>
                {words.show}
              </MenuItem>
            ))}
          {(own || moderates) && (
            <MenuItem icon={Trash2} danger onChoose={() => actions.show({ kind: "deletePost", postId: post.postId })}>
              {own ? words.delete : words.moderate}
            </MenuItem>
          )}
        </Menu>
      </span>
    </div>
  );
}

function Editor({ post, draft }: { post: Post; draft: PostDraft }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [missing, setMissing] = useState(false);
  const empty = draft.title.trim() === "" && draft.body.trim() === "";
  const error = missing ? new ApiError("invalid", words.emptyPost) : attempt.error === null ? null : new ApiError(attempt.error.kind, words.notEdited(attempt.error.message));
  return (
    <div className="mt-1">
      <PostEditor
        label={words.editPost}
        draft={draft}
        onDraft={(next) => {
          setMissing(false);
          actions.setPostEditor(post.postId, next);
        }}
        action={strings.save}
        busy={attempt.busy}
        error={error}
        onSubmit={() => (empty ? setMissing(true) : void attempt.run(() => actions.editPost(post.postId, draft)))}
        onClose={() => actions.setPostEditor(post.postId, null)}
        note=""
      />
    </div>
  );
}
