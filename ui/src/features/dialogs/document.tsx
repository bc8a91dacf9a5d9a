import { Users, UserRound, UsersRound } from "lucide-react";
import { useState, type SubmitEvent } from "react";
import type { Doc, DocEditing, Room } from "@/client/types";
import { Button } from "@/components/button";
import { Choice, type ChoiceProps } from "@/components/choice";
import { Dialog, DialogActions } from "@/components/dialog";
import { Field, Refusal } from "@/components/field";
import { useAttempt } from "@/components/use-attempt";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.docs;

const EDITING: ChoiceProps<DocEditing>["options"] = [
  { value: "members", label: words.editing.members, hint: words.editing.membersHint, icon: Users },
  { value: "listed", label: words.editing.listed, hint: words.editing.listedHint, icon: UsersRound },
  { value: "author", label: words.editing.author, hint: words.editing.authorHint, icon: UserRound },
];

export function CreateDocDialog({ room }: { room: Room }) {
  const actions = useActions();
  const attempt = useAttempt();
  const [title, setTitle] = useState("");
  const [editing, setEditing] = useState<DocEditing>("members");
  const [editors, setEditors] = useState<readonly string[]>([]);
  const [checked, setChecked] = useState(false);
  const missing = title.trim() === "";

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    setChecked(true);
    if (missing) return;
    if (await attempt.run(() => actions.createDoc({ roomId: room.roomId, title: title.trim(), editing, ...(editing === "listed" ? { editors: [...editors] } : {}) }))) actions.closeOverlay();
  }

  return (
    <Dialog title={words.createTitle} body={words.createBody(room.name)} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.title} value={title} onValue={setTitle} problem={checked && missing ? strings.welcome.required : undefined} maxLength={120} autoFocus autoComplete="off" />
        <Choice label={words.who} value={editing} onValue={setEditing} options={EDITING} />
        {editing === "listed" && <Editors room={room} author={null} chosen={editors} onChosen={setEditors} />}
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

export function DocSettingsDialog({ room, doc }: { room: Room; doc: Doc }) {
  const actions = useActions();
  const attempt = useAttempt();
  const own = useAppState((state) => ownAccount(state)?.userId === doc.author);
  const [title, setTitle] = useState(doc.title);
  const [editing, setEditing] = useState<DocEditing>(doc.editing);
  const [editors, setEditors] = useState<readonly string[]>(doc.editors);

  async function submit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (title.trim() === "") return;
    const done = await attempt.run(async () => {
      // Only what was changed here.
      if (title.trim() !== doc.title) await actions.renameDoc(doc.docId, title.trim());
      const listed = editing === "listed" && [...editors].sort().join(" ") !== [...doc.editors].sort().join(" ");
      if (editing !== doc.editing || listed) await actions.setDocEditors({ docId: doc.docId, editing, ...(editing === "listed" ? { editors: [...editors] } : {}) });
    });
    if (done) actions.closeOverlay();
  }

  return (
    <Dialog title={words.settings} closeLabel={strings.close} onClose={actions.closeOverlay}>
      <form noValidate className="grid gap-4 mt-4" onSubmit={(event) => void submit(event)}>
        <Field label={words.title} value={title} onValue={setTitle} problem={title.trim() === "" ? strings.welcome.required : undefined} maxLength={120} autoFocus autoComplete="off" />
        {own && <Choice label={words.who} value={editing} onValue={setEditing} options={EDITING} />}
        {own && editing === "listed" && <Editors room={room} author={doc.author} chosen={editors} onChosen={setEditors} />}
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

/** Who may write beside the author: of the room's members. */
function Editors({ room, author, chosen, onChosen }: { room: Room; author: string | null; chosen: readonly string[]; onChosen: (chosen: readonly string[]) => void }) {
  const ownId = useAppState(ownAccount)?.userId;
  const members = useAppState((state) => [...(state.rosters.get(room.roomId)?.keys() ?? [])].flatMap((userId) => (userId === (author ?? ownId) ? [] : (state.people.get(userId) ?? []))));
  return (
    <fieldset>
      <legend className="mb-1 font-medium">{words.editors}</legend>
      <div className="max-h-[160px] overflow-y-auto scroller rounded-control border border-line px-3 py-1.5">
        {members.map((person) => (
          <label key={person.userId} className="flex items-center gap-2 h-8">
            <input
              type="checkbox"
              checked={chosen.includes(person.userId)}
              onChange={(event) => onChosen(event.target.checked ? [...chosen, person.userId] : chosen.filter((each) => each !== person.userId))}
              className="size-4 accent-accent rounded-small"
            />
            <span className="truncate foreign">{person.displayName}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
