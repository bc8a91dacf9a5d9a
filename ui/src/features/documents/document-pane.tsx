import { Archive, ArchiveRestore, ChevronLeft, Ellipsis, FileCode, FileDown, FileInput, FileText, History, Lock, Settings, Trash } from "lucide-react";
import { useCallback, useState, useSyncExternalStore } from "react";
import { toast } from "sonner";
import { ApiError } from "@/client/error";
import type { Doc, ExportFormat, Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { Menu, MenuItem, MenuLine } from "@/components/menu";
import { Middle } from "@/components/middle";
import { chooseFile, formatOf, saveFile } from "@/components/text-files";
import type { DocSession } from "@/features/documents/doc-session";
import { Failed, Loading } from "@/features/documents/stand-ins";
import { useFetchedEditor } from "@/features/documents/editor-ahead";
import { useActions, useAppState } from "@/state/context";
import { mayManage, openRoom, ownAccount } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.docs;
const FACES_MAX = 5;

/** The open document, in the place of its room's conversation. */
export function DocumentPane() {
  const actions = useActions();
  const room = useAppState(openRoom);
  const doc = useAppState((state) => {
    const list = room === null ? undefined : state.docs.get(room.roomId);
    return list?.kind === "ready" ? list.docs.find((each) => each.docId === state.openDocId) : undefined;
  });
  const people = useAppState((state) => state.people);
  const [session, setSession] = useState<DocSession | null>(null);
  const nameOf = useCallback((userId: string) => people.get(userId)?.displayName ?? strings.somebody, [people]);

  return (
    <Middle>
      {room !== null && doc !== undefined && (
        <>
          <header className="flex items-center gap-2 flex-none h-[52px] ps-3 pe-3 touch:ps-1 touch:pe-1.5 border-b border-line">
            <IconButton label={words.back(room.name)} onClick={() => actions.openDoc(null)}>
              <ChevronLeft aria-hidden="true" className="rtl:-scale-x-100" />
            </IconButton>
            <FileText aria-hidden="true" className="flex-none size-4 stroke-[1.75] text-ink-3" />
            <h1 className="flex-[0_1_auto] min-w-0 truncate foreign font-strong text-title tracking-[-0.012em]">{doc.title}</h1>
            <span className="flex-1 min-w-0 truncate text-small text-ink-3">{session !== null && doc.readOnly === undefined && <SavingLine session={session} />}</span>
            {session !== null && <Faces session={session} nameOf={nameOf} />}
            <Menu
              trigger={
                <IconButton label={words.menu}>
                  <Ellipsis aria-hidden="true" />
                </IconButton>
              }
            >
              <DocMenu room={room} doc={doc} />
            </Menu>
          </header>
          {session !== null && <Refused session={session} />}
          {doc.readOnly !== undefined && (
            <p className="flex items-center gap-2 flex-none px-6 py-2 bg-sunken text-ink-2 foreign">
              <Lock aria-hidden="true" className="flex-none size-3.5 stroke-[1.75]" />
              {doc.readOnly}
            </p>
          )}
          <Body key={doc.docId} doc={doc} nameOf={nameOf} onSession={setSession} />
        </>
      )}
    </Middle>
  );
}

type BodyProps = { doc: Doc; nameOf: (userId: string) => string; onSession: (session: DocSession | null) => void };

/** The editor, or what stands in for it until it is fetched. */
function Body({ doc, nameOf, onSession }: BodyProps) {
  const fetched = useFetchedEditor();
  switch (fetched.kind) {
    case "fetching":
      return <Loading />;
    case "failed":
      return <Failed sentence={words.editorFailed} onAgain={fetched.again} />;
    case "fetched":
      return <fetched.DocEditor docId={doc.docId} title={doc.title} readOnly={doc.readOnly ?? null} nameOf={nameOf} onSession={onSession} />;
  }
}

function SavingLine({ session }: { session: DocSession }) {
  const saving = useSyncExternalStore(session.onChange, session.saving);
  return <span role="status">{saving.kind === "saved" ? words.saved : saving.kind === "saving" ? words.saving : ""}</span>;
}

/** What the engine did not take stays on the page, and says why it is not saved. */
function Refused({ session }: { session: DocSession }) {
  const saving = useSyncExternalStore(session.onChange, session.saving);
  if (saving.kind !== "failed") return null;
  return (
    <div role="alert" className="flex flex-wrap items-center gap-2 flex-none px-6 py-1.5 bg-danger-soft text-danger">
      <span className="flex-1 min-w-0 foreign">
        {words.notSaved} {saving.error.message}
      </span>
      <Button className="h-7 px-2.5 text-small" onClick={session.retry}>
        {strings.tryAgain}
      </Button>
    </div>
  );
}

/** Who else is in it. */
function Faces({ session, nameOf }: { session: DocSession; nameOf: (userId: string) => string }) {
  const present = useSyncExternalStore(session.onChange, () => session.present().join(" "))
    .split(" ")
    .filter((userId) => userId !== "");
  if (present.length === 0) return null;
  return (
    <div role="img" aria-label={words.here(present.map(nameOf))} title={words.here(present.map(nameOf))} className="flex flex-none -space-x-1.5 rtl:space-x-reverse">
      {present.slice(0, FACES_MAX).map((userId) => (
        <span key={userId} className="rounded-[31%] border-2 border-surface">
          <Avatar userId={userId} name={nameOf(userId)} size={22} />
        </span>
      ))}
    </div>
  );
}

function DocMenu({ room, doc }: { room: Room; doc: Doc }) {
  const actions = useActions();
  const own = useAppState((state) => ownAccount(state)?.userId === doc.author);
  const manages = own || mayManage(room);
  const refuse = (thrown: unknown): void => void toast.error(ApiError.from(thrown).message);

  async function save(format: ExportFormat): Promise<void> {
    saveFile(await actions.exportDoc(doc.docId, format));
  }

  async function add(): Promise<void> {
    const file = await chooseFile();
    if (file === null) return;
    await actions.importDoc({ docId: doc.docId, format: formatOf(file.name), content: await file.text() });
    toast(words.imported(file.name));
  }

  /** It can be had back, so it is not asked first. */
  async function remove(): Promise<void> {
    try {
      await actions.deleteDoc(doc.docId);
    } catch (thrown) {
      refuse(thrown);
      return;
    }
    toast(words.deleted(doc.title), { action: { label: words.restore, onClick: () => void actions.restoreDoc(room.roomId, doc.docId).catch(refuse) } });
  }

  return (
    <>
      <MenuItem icon={Settings} onChoose={() => actions.show({ kind: "docSettings", roomId: room.roomId, docId: doc.docId })}>
        {words.settings}
      </MenuItem>
      <MenuItem icon={History} onChoose={() => actions.show({ kind: "docHistory", roomId: room.roomId, docId: doc.docId })}>
        {words.history.menu}
      </MenuItem>
      <MenuLine />
      <MenuItem icon={FileDown} onChoose={() => void save("markdown").catch(refuse)}>
        {words.export.markdown}
      </MenuItem>
      <MenuItem icon={FileCode} onChoose={() => void save("html").catch(refuse)}>
        {words.export.html}
      </MenuItem>
      <MenuItem icon={FileText} onChoose={() => void save("text").catch(refuse)}>
        {words.export.text}
      </MenuItem>
      {doc.readOnly === undefined && (
        <MenuItem icon={FileInput} onChoose={() => void add().catch(refuse)}>
          {words.import}
        </MenuItem>
      )}
      <MenuLine />
      <MenuItem icon={doc.archived ? ArchiveRestore : Archive} onChoose={() => void actions.archiveDoc(doc.docId, !doc.archived).catch(refuse)}>
        {doc.archived ? words.unarchive : words.archive}
      </MenuItem>
      {manages && (
        <>
          <MenuLine />
          <MenuItem icon={Trash} danger onChoose={() => void remove()}>
            {words.delete}
          </MenuItem>
        </>
      )}
    </>
  );
}
