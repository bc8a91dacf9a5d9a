import { useState, type SubmitEvent } from "react";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.feed;
/** What the engine takes. */
const REASON_CHARACTERS_MAX = 200;

/** Hides a post or comment, and says why to those who do not see it any more. */
export function HidePostDialog({ postId, commentId }: { postId: string; commentId: string | undefined }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [reason, setReason] = useState("");

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (await attempt.run(() => actions.hidePost(commentId ?? postId, true, reason.trim()))) actions.closeOverlay();
  }

  return (
    <Dialog title={commentId === undefined ? words.hideTitle : words.hideCommentTitle} body={words.hideBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4 mt-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.reason} value={reason} onValue={setReason} hint={words.reasonHint} maxLength={REASON_CHARACTERS_MAX} autoFocus autoComplete="off" />
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {words.hide}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
