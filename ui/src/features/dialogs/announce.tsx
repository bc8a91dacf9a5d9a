import { useState, type SubmitEvent } from "react";
import { toast } from "sonner";
import type { NotificationLevel } from "@/client/types";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Pick, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.announce;
const TTL_S = { hour: 3_600, day: 86_400, week: 604_800 } as const;
type Ttl = keyof typeof TTL_S;
const TTL_OPTIONS = (Object.keys(TTL_S) as Ttl[]).map((value) => ({ value, label: strings.dialogs.ttl[value] }));
const LEVEL_OPTIONS = (["info", "success", "warning", "error"] as const).map((value) => ({ value, label: words.levels[value] }));

/** For administrators. */
export function AnnounceDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const [message, setMessage] = useState("");
  const [level, setLevel] = useState<NotificationLevel>("info");
  const [ttl, setTtl] = useState<Ttl>("day");
  const [checked, setChecked] = useState(false);
  const missing = message.trim() === "";

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (missing || !(await attempt.run(() => actions.announce({ message: message.trim(), level, ttlS: TTL_S[ttl] })))) return;
    actions.closeOverlay();
    toast(words.done);
  }

  return (
    <Dialog title={words.title} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.message} value={message} onValue={setMessage} problem={checked && missing ? strings.welcome.required : undefined} maxLength={1_000} autoFocus autoComplete="off" />
        <div className="grid grid-cols-2 gap-3 touch:grid-cols-1">
          <Pick label={words.level} value={level} onValue={setLevel} options={LEVEL_OPTIONS} />
          <Pick label={words.ttl} value={ttl} onValue={setTtl} options={TTL_OPTIONS} />
        </div>
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {words.action}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
