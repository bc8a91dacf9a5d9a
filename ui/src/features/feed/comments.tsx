import { Ellipsis, Eye, EyeOff, Reply, Trash2, X } from "lucide-react";
import { useEffect, useMemo, useRef, type KeyboardEvent } from "react";
import type { Comment, Post } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { exactTime, useMinute } from "@/components/clock";
import { Refusal } from "@/components/field";
import { IconButton } from "@/components/icon-button";
import { Menu, MenuItem } from "@/components/menu";
import { useAttempt } from "@/components/use-attempt";
import { HiddenNote } from "@/features/feed/hidden-note";
import { LikeButton } from "@/features/feed/like-button";
import type { TextView } from "@/features/feed/post-card";
import { threadOf, type Branch } from "@/features/feed/thread";
import { shortTime } from "@/features/feed/times";
import { useActions, useAppState } from "@/state/context";
import { asLiked } from "@/state/feed";
import { mayModerateFeed, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.feed;
const INDENT_PX = 20;
const LINES_PX_MAX = 180;

/** What people say to a post, each answer under what it answers, and where one says something oneself. */
export function Comments({ post, Text }: { post: Post; Text: TextView }) {
  const actions = useActions();
  const thread = useAppState((state) => state.feed.threads.get(post.postId));
  const comments = thread?.kind === "ready" ? thread.comments : null;
  const branches = useMemo(() => (comments === null ? [] : threadOf(comments)), [comments]);
  if (thread === undefined) return null;

  return (
    <section aria-label={words.thread} className="relative mt-3 pt-3 border-t border-line">
      {thread.kind === "loading" && <div aria-hidden="true" className="loading-line" />}
      {thread.kind === "failed" && (
        <div className="flex flex-wrap items-center gap-2 mb-3 text-small text-ink-2">
          <span role="alert" className="foreign">
            {words.threadFailed} {thread.error.message}
          </span>
          <Button onClick={() => actions.openThread(post.postId)}>{strings.tryAgain}</Button>
        </div>
      )}
      {thread.kind === "ready" && thread.next !== null && (
        <Button tone="quiet" className="mb-2 -ms-3" disabled={thread.older === "loading"} onClick={() => actions.readOlderComments(post.postId)}>
          {thread.older === "failed" ? strings.tryAgain : words.older}
        </Button>
      )}
      {thread.kind === "ready" && branches.length === 0 && <p className="mb-3 text-small text-ink-3">{words.noComments}</p>}
      {branches.length > 0 && (
        <ul className="grid gap-3 mb-3">
          {branches.map((branch) => (
            <CommentRow key={branch.comment.commentId} branch={branch} Text={Text} />
          ))}
        </ul>
      )}
      <Writer post={post} comments={comments ?? []} />
    </section>
  );
}

function CommentRow({ branch: { comment: held, depth, orphan }, Text }: { branch: Branch; Text: TextView }) {
  const actions = useActions();
  const minute = useMinute();
  const wanted = useAppState((state) => state.feed.likes.get(held.commentId)?.on);
  const refused = useAppState((state) => state.feed.refused.get(held.commentId));
  const own = useAppState((state) => ownAccount(state)?.userId === held.author);
  const moderates = useAppState(mayModerateFeed);
  const attempt = useAttempt();
  const comment = asLiked(held, wanted);

  return (
    <li style={{ marginInlineStart: depth * INDENT_PX }} className="flex gap-2.5 min-w-0">
      <Avatar userId={comment.author} name={comment.authorName} size={24} />
      <div className="flex-1 min-w-0">
        <div className="flex items-center gap-2 min-h-6">
          <span className="min-w-0 truncate font-medium foreign">{comment.authorName}</span>
          <time dateTime={new Date(comment.sentAt).toISOString()} title={exactTime(comment.sentAt)} className="flex-none text-small text-ink-3 tabular-nums">
            {shortTime(comment.sentAt, minute)}
          </time>
          {!comment.deleted && (own || moderates) && (
            <span className="ms-auto">
              <Menu
                trigger={
                  <IconButton label={words.commentMenu} className="size-6 [&_svg]:size-4">
                    <Ellipsis aria-hidden="true" />
                  </IconButton>
                }
              >
                {moderates &&
                  (comment.hidden === undefined ? (
                    <MenuItem icon={EyeOff} onChoose={() => actions.show({ kind: "hidePost", postId: comment.postId, commentId: comment.commentId })}>
                      {words.hide}
                    </MenuItem>
                  ) : (
                    <MenuItem icon={Eye} onChoose={() => void attempt.run(() => actions.hidePost(comment.commentId, false))}>
                      {words.show}
                    </MenuItem>
                  ))}
                <MenuItem icon={Trash2} danger onChoose={() => actions.show({ kind: "deletePost", postId: comment.postId, commentId: comment.commentId })}>
                  {own ? words.delete : words.moderate}
                </MenuItem>
              </Menu>
            </span>
          )}
        </div>
        {orphan && <p className="text-small text-ink-3">{words.answersAway}</p>}
        {comment.hidden !== undefined && <HiddenNote hidden={comment.hidden} reads={comment.text !== ""} />}
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        {comment.deleted ? (
          <p className="text-ink-3 italic">{words.deletedComment}</p>
        ) : comment.text === "" ? null : (
          <>
            <div className="text-body">
              <Text id={`comment-${comment.commentId}`} text={comment.text} />
            </div>
            <div className="flex items-center gap-2 mt-0.5">
              <LikeButton liked={comment.liked} count={comment.likesCount} onLike={(on) => actions.like(comment.commentId, on)} />
              <button
                type="button"
                aria-label={words.answerTo(comment.authorName)}
                onClick={() => actions.setAnswering(comment.postId, comment.commentId)}
                className="inline-flex items-center gap-1.5 h-7 touch:h-9 px-2 rounded-control text-small text-ink-2 transition-colors duration-(--fast) hover:bg-hover hover:text-ink"
              >
                <Reply aria-hidden="true" className="size-3.5 stroke-[1.75]" />
                {words.answer}
              </button>
            </div>
          </>
        )}
        {refused !== undefined && (
          <p role="alert" className="text-small text-danger foreign">
            {words.notLiked(refused.message)}
          </p>
        )}
      </div>
    </li>
  );
}

/** One for the post and one for each comment that is answered: what is begun for one does not become an answer to another. */
function Writer({ post, comments }: { post: Post; comments: readonly Comment[] }) {
  const actions = useActions();
  const attempt = useAttempt();
  const box = useRef<HTMLTextAreaElement>(null);
  const answering = useAppState((state) => state.feed.answering.get(post.postId));
  const target = answering ?? post.postId;
  const text = useAppState((state) => state.feed.commentDrafts.get(target) ?? "");
  const answered = comments.find((comment) => comment.commentId === answering);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.blockSize = "0";
    element.style.blockSize = `${Math.min(element.scrollHeight, LINES_PX_MAX)}px`;
  }, [text]);
  useEffect(() => {
    if (answering !== undefined) box.current?.focus();
  }, [answering]);

  function send(): void {
    if (text.trim() !== "") void attempt.run(() => actions.comment(post.postId, text.trim(), answering));
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (answering === undefined) box.current?.closest<HTMLElement>("[data-post]")?.focus();
      else actions.setAnswering(post.postId, null);
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {answering !== undefined && (
        <p className="flex items-center gap-1 mb-1 text-small text-ink-2">
          <span className="truncate foreign">{answered === undefined ? words.answersAway : words.answerTo(answered.authorName)}</span>
          <IconButton label={strings.conversation.dismiss} className="size-6 [&_svg]:size-3.5" onClick={() => actions.setAnswering(post.postId, null)}>
            <X aria-hidden="true" />
          </IconButton>
        </p>
      )}
      <div className="flex items-end gap-2">
        <textarea
          ref={box}
          data-comment-box
          aria-label={answered === undefined ? words.comment : words.answerTo(answered.authorName)}
          placeholder={words.commentPlaceholder}
          rows={1}
          value={text}
          onChange={(event) => actions.setCommentDraft(target, event.target.value)}
          onKeyDown={onKeyDown}
          className="flex-1 min-w-0 min-h-9 px-3 py-[7px] rounded-control bg-raised border border-line-strong resize-none overflow-y-auto scroller text-body placeholder:text-ink-3 foreign focus-visible:border-accent focus-visible:shadow-[0_0_0_1px_var(--accent)]"
        />
        <Button type="submit" className="h-9" disabled={attempt.busy || text.trim() === ""}>
          {words.comment}
        </Button>
      </div>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
    </form>
  );
}
