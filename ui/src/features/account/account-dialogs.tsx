import { useState, type SubmitEvent } from "react";
import { ApiError } from "@/client/error";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.account;

export function ProfileDialog() {
  const actions = useActions();
  const account = useAppState(ownAccount);
  const own = useAppState((state) => state.people.get(account?.userId ?? ""));
  const [name, setName] = useState(account?.displayName ?? "");
  const [text, setText] = useState(own?.text ?? "");
  const [error, setError] = useState<ApiError | null>(null);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (name.trim() === "") return;
    try {
      // Only what was changed here.
      if (name.trim() !== account?.displayName) await actions.setDisplayName(name.trim());
      if (text.trim() !== (own?.text ?? "")) await actions.setPresence(own === undefined || own.status === "offline" ? "online" : own.status, text.trim());
      actions.closeOverlay();
    } catch (thrown) {
      setError(ApiError.from(thrown));
    }
  }

  return (
    <Dialog title={words.profileTitle} body={words.profileBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.name} value={name} onValue={setName} problem={name.trim() === "" ? strings.welcome.required : undefined} maxLength={64} autoFocus autoComplete="name" />
        <Field label={words.statusText} value={text} onValue={setText} hint={words.statusTextHint} placeholder={words.statusPlaceholder} maxLength={100} autoComplete="off" />
        {error !== null && <Refusal>{error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit">
            {strings.save}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}

type Leaving = { kind: "asking" } | { kind: "unsent"; count: number | undefined } | { kind: "refused"; error: ApiError };

/** Signing out asks once; and once more where something would be lost, with how much. */
export function SignOutDialog() {
  const actions = useActions();
  const [leaving, setLeaving] = useState<Leaving>({ kind: "asking" });
  const unsent = leaving.kind === "unsent";

  async function signOut(): Promise<void> {
    try {
      await actions.logout(unsent);
      actions.closeOverlay();
    } catch (thrown) {
      const error = ApiError.from(thrown);
      setLeaving(error.kind === "conflict" ? { kind: "unsent", count: error.count } : { kind: "refused", error });
    }
  }

  return (
    <Dialog title={words.signOutTitle} body={unsent ? words.signOutUnsent(leaving.count) : words.signOutBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      {leaving.kind === "refused" && <Refusal>{leaving.error.message}</Refusal>}
      <DialogActions>
        <Button onClick={actions.closeOverlay}>{unsent ? words.signOutWait : strings.cancel}</Button>
        <Button tone={unsent ? "danger" : "main"} onClick={() => void signOut()}>
          {unsent ? words.signOutAnyway(leaving.count) : words.signOut}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
