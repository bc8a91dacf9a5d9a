import { useState, type SubmitEvent } from "react";
import type { Room, Visibility } from "@/client/types";
import { Button } from "@/components/button";
import { Choice } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { VISIBILITIES } from "@/features/dialogs/create-room";
import { useAttempt } from "@/components/use-attempt";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.dialogs;

export function RoomSettingsDialog({ room }: { room: Room }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [name, setName] = useState(room.name);
  const [topic, setTopic] = useState(room.topic);
  const [visibility, setVisibility] = useState<Visibility>(room.visibility);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (name.trim() === "") return;
    // Only what was changed here, so that two people's changes of different things both hold.
    const changes = {
      ...(name.trim() === room.name ? {} : { name: name.trim() }),
      ...(topic.trim() === room.topic ? {} : { topic: topic.trim() }),
      ...(visibility === room.visibility ? {} : { visibility }),
    };
    if (Object.keys(changes).length === 0 || (await attempt.run(() => actions.updateRoom({ roomId: room.roomId, ...changes })))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.settingsTitle(room.name)} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4 mt-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.name} value={name} onValue={setName} problem={name.trim() === "" ? strings.welcome.required : undefined} maxLength={80} autoFocus autoComplete="off" />
        <Field label={words.topic} value={topic} onValue={setTopic} hint={words.topicHint} maxLength={250} autoComplete="off" />
        <Choice label={words.who} value={visibility} onValue={setVisibility} options={VISIBILITIES} />
        {attempt.error !== null && <Refusal>{attempt.error.message}</Refusal>}
        <DialogActions>
          <Button onClick={actions.closeOverlay}>{strings.cancel}</Button>
          <Button tone="main" type="submit" disabled={attempt.busy}>
            {strings.save}
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
