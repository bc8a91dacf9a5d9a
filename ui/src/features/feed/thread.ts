// Comments in the order of a conversation: each answer under what it answers. Pure.
//
// Invariant: every comment is shown once, whatever it says that it answers; an answer to what is not held (an earlier
// page) stands alone. Depth is bounded, so that a long exchange does not run out of the pane.
import type { Comment } from "@/client/types";

export type Branch = { comment: Comment; depth: number; /** It answers something that is not held. */ orphan: boolean };

const DEPTH_MAX = 3;

export function threadOf(comments: readonly Comment[]): readonly Branch[] {
  const held = new Set(comments.map((comment) => comment.commentId));
  const answers = new Map<string, Comment[]>();
  const roots: Comment[] = [];
  const seen = new Set<string>();
  for (const comment of comments) {
    // An answer can only follow what it answers; what claims otherwise (or answers itself) stands alone.
    if (comment.replyTo !== undefined && seen.has(comment.replyTo)) answers.set(comment.replyTo, [...(answers.get(comment.replyTo) ?? []), comment]);
    else roots.push(comment);
    seen.add(comment.commentId);
  }
  const branches: Branch[] = [];
  const stack = roots.map((comment): Branch => ({ comment, depth: 0, orphan: comment.replyTo !== undefined && !held.has(comment.replyTo) })).reverse();
  for (let branch = stack.pop(); branch !== undefined; branch = stack.pop()) {
    branches.push(branch);
    const depth = Math.min(DEPTH_MAX, branch.depth + 1);
    for (const comment of (answers.get(branch.comment.commentId) ?? []).toReversed()) stack.push({ comment, depth, orphan: false });
  }
  return branches;
}
