import { useState, type SubmitEvent } from "react";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.dialogs;
const INVITE = /^momoland:\/\/join\/\S+$/u;

export function JoinByInviteDialog({ offered = "" }: { offered?: string | undefined }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [invite, setInvite] = useState(offered);
  const [checked, setChecked] = useState(false);
  const malformed = !INVITE.test(invite.trim());

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (malformed) return;
    if (await attempt.run(() => actions.joinRoom({ invite: invite.trim() }))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.joinTitle} body={words.joinBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate onSubmit={(event) => void submit(event)}>
        <Field label={words.joinField} value={invite} onValue={setInvite} placeholder={words.joinPlaceholder} problem={checked && malformed ? words.joinMalformed : undefined} autoFocus autoComplete="off" spellCheck={false} />
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {words.joinAction}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
