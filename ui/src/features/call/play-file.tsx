import { useEffect, useState, type SubmitEvent } from "react";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { pathOf } from "@/features/call/path";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { playedIn } from "@/state/listening";
import { strings } from "@/strings/strings";

const words = strings.call.listening;

/** Where a file lies that everybody in the call shall hear, for a page that has no dialog of the system's to ask it. */
export function PlayFileDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const current = useAppState(({ calls }) => currentCall(calls)?.callId);
  /** The call that it was asked in: a file for one is not for the next. */
  const [callId] = useState(current);
  const over = callId === undefined || current !== callId;
  const replaced = useAppState(({ calls }) => {
    const call = currentCall(calls);
    return call === null ? null : (playedIn(call, calls.together)?.title ?? null);
  });
  const [typed, setTyped] = useState("");
  const [checked, setChecked] = useState(false);
  const path = pathOf(typed);

  const { closeOverlay } = actions;
  useEffect(() => {
    if (over) closeOverlay();
  }, [over, closeOverlay]);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (!over && path !== "" && (await attempt.run(() => actions.playFile(callId, path)))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.open} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate onSubmit={(event) => void submit(event)}>
        <Field label={words.path} value={typed} onValue={setTyped} hint={words.pathHint} problem={checked && path === "" ? words.pathNeeded : undefined} dir="ltr" autoFocus autoComplete="off" autoCapitalize="off" spellCheck={false} />
        {replaced !== null && <p className="mt-3 text-ink-2 foreign">{words.replaces(replaced)}</p>}
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {attempt.busy ? words.opening : words.action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
