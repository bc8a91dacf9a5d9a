import { useState, type SubmitEvent } from "react";
import { toast } from "sonner";
import type { NotificationLevel } from "@/client/types";
import { AnnouncementBar } from "@/components/announcement-bar";
import { Button } from "@/components/button";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Lines, Pick, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.announce;
/** What the server takes; it says so itself when more is pasted. */
const TEXT_CHARACTERS_MAX = 2_000;
const TITLE_CHARACTERS_MAX = 128;
const TTL_S = { hour: 3_600, day: 86_400, week: 604_800, month: 2_592_000 } as const;
type Ttl = keyof typeof TTL_S;
const TTL_OPTIONS = (Object.keys(TTL_S) as Ttl[]).map((value) => ({ value, label: strings.dialogs.ttl[value] }));
const LEVEL_OPTIONS = (["info", "success", "warning", "error"] as const).map((value) => ({ value, label: words.levels[value] }));

/** Tells everybody. For administrators; the server asks who one is. */
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
    toast.success(words.done);
  }

  return (
    <Dialog title={words.title} body={words.body} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Lines label={words.message} value={message} onValue={setMessage} problem={checked && missing ? strings.welcome.required : undefined} maxLength={TEXT_CHARACTERS_MAX} autoFocus />
        <div className="grid grid-cols-2 gap-3 touch:grid-cols-1">
          <Pick label={words.level} value={level} onValue={setLevel} options={LEVEL_OPTIONS} />
          <Pick label={words.ttl} value={ttl} onValue={setTtl} options={TTL_OPTIONS} />
        </div>
        <div role="group" aria-label={words.preview} className="overflow-hidden rounded-control border border-line max-h-[30vh] overflow-y-auto scroller">
          <AnnouncementBar message={missing ? words.previewEmpty : message.trim()} level={level} live={false} />
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

/** Tells one person, on all of their devices. For administrators. */
export function NotifyDialog({ userId }: { userId: string }) {
  const actions = useActions();
  const attempt = useAttempt();
  const name = useAppState((state) => state.people.get(userId)?.displayName ?? strings.somebody);
  const [title, setTitle] = useState("");
  const [body, setBody] = useState("");
  const [level, setLevel] = useState<NotificationLevel>("info");
  const [checked, setChecked] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (title.trim() === "" || body.trim() === "") return;
    if (!(await attempt.run(() => actions.notify({ userId, title: title.trim(), body: body.trim(), level })))) return;
    actions.closeOverlay();
    toast.success(words.notified(name));
  }

  return (
    <Dialog title={words.notifyTitle(name)} body={words.notifyBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.subject} value={title} onValue={setTitle} problem={checked && title.trim() === "" ? strings.welcome.required : undefined} maxLength={TITLE_CHARACTERS_MAX} autoFocus autoComplete="off" />
        <Lines label={words.message} value={body} onValue={setBody} problem={checked && body.trim() === "" ? strings.welcome.required : undefined} maxLength={TEXT_CHARACTERS_MAX} />
        <Pick label={words.level} value={level} onValue={setLevel} options={LEVEL_OPTIONS} />
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {words.notifyAction}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
