import { expect, test } from "vitest";
import type { Comment } from "@/client/types";
import { threadOf } from "@/features/feed/thread";

const comment = (commentId: string, replyTo?: string): Comment => ({ commentId, postId: "p", roomId: "feed", author: "bo", authorName: "Bo", text: "", sentAt: 0, likesCount: 0, liked: false, deleted: false, ...(replyTo === undefined ? {} : { replyTo }) });
const shape = (...comments: Comment[]): string[] => threadOf(comments).map(({ comment: { commentId }, depth, orphan }) => `${commentId}${depth}${orphan ? "?" : ""}`);

test("an answer stands under what it answers, in the order in which they were written", () => {
  expect(shape(comment("a"), comment("b"), comment("c", "a"), comment("d", "b"), comment("e", "a"))).toEqual(["a0", "c1", "e1", "b0", "d1"]);
});

test("an answer to what is not held stands alone and says so; depth ends", () => {
  expect(shape(comment("a", "gone"), comment("b", "a"))).toEqual(["a0?", "b1"]);
  expect(shape(comment("a"), comment("b", "a"), comment("c", "b"), comment("d", "c"), comment("e", "d"), comment("f", "e"))).toEqual(["a0", "b1", "c2", "d3", "e3", "f3"]);
});

test("what answers itself, or something that comes after it, is shown once all the same", () => {
  expect(shape(comment("a", "a"), comment("b", "c"), comment("c", "b"))).toEqual(["a0", "b0", "c1"].toSorted());
});
