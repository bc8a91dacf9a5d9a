import { Hash, Lock } from "lucide-react";
import { useState, type SubmitEvent } from "react";
import type { Visibility } from "@/client/types";
import { Button } from "@/components/button";
import { Choice } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.dialogs;

export const VISIBILITIES = [
  { value: "private", label: words.private, hint: words.privateHint, icon: Lock },
  { value: "public", label: words.public, hint: words.publicHint, icon: Hash },
] as const;

export function CreateRoomDialog() {
  const actions = useActions();
  const attempt = useAttempt();
  const [name, setName] = useState("");
  const [topic, setTopic] = useState("");
  const [visibility, setVisibility] = useState<Visibility>("private");
  const [checked, setChecked] = useState(false);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (name.trim() === "") return;
    const params = { name: name.trim(), visibility, ...(topic.trim() === "" ? {} : { topic: topic.trim() }) };
    if (await attempt.run(() => actions.createRoom(params))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.createTitle} body={words.createBody} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.name} value={name} onValue={setName} placeholder={words.namePlaceholder} problem={checked && name.trim() === "" ? strings.welcome.required : undefined} maxLength={80} autoFocus autoComplete="off" />
        <Field label={words.topic} value={topic} onValue={setTopic} hint={words.topicHint} maxLength={250} autoComplete="off" />
        <Choice label={words.who} value={visibility} onValue={setVisibility} options={VISIBILITIES} />
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {words.createAction}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
