import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.feed;

/** Deleting is for everybody and for good, so it is asked. A refusal (nobody's moderator any more) is said here. */
export function DeletePostDialog({ postId, commentId }: { postId: string; commentId: string | undefined }) {
  const actions = useActions();
  const attempt = useAttempt();
  const post = useAppState((state) => state.feed.posts.get(postId));
  const ownId = useAppState((state) => ownAccount(state)?.userId);
  const ofComment = commentId !== undefined;

  async function remove(): Promise<void> {
    if (await attempt.run(() => actions.deletePost(postId, commentId))) actions.closeOverlay();
  }

  const body = ofComment ? words.deleteCommentBody : post === undefined || post.author === ownId ? words.deleteBody : words.deleteBodyOther(post.authorName);
  return (
    <Dialog title={ofComment ? words.deleteCommentTitle : words.deleteTitle} body={body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
        <Button tone="danger" autoFocus disabled={attempt.busy} onClick={() => void remove()}>
          {words.delete}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
