import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { TaskItem, TaskList } from "@tiptap/extension-list";
import { TableKit } from "@tiptap/extension-table";
import { EditorContent, useEditor, useEditorState, type Editor } from "@tiptap/react";
import { StarterKit } from "@tiptap/starter-kit";
import { Bold, Code, Heading1, Heading2, Heading3, Italic, List, ListChecks, ListOrdered, Quote, Redo2, SquareCode, Strikethrough, Table, Undo2, type LucideIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { ApiError } from "@/client/error";
import { hueOf } from "@/components/avatar";
import { Button } from "@/components/button";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { openDocSession, type DocSession } from "@/features/documents/doc-session";
import { useActions } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.docs;
const SCHEMES = ["http:", "https:", "mailto:", "momoland:"];

export type DocEditorProps = {
  docId: string;
  title: string;
  /** Why nothing can be written; `null` where it can. */
  readOnly: string | null;
  /** The name that a person has now. */
  nameOf: (userId: string) => string;
  onSession: (session: DocSession | null) => void;
};

type Opening = { kind: "opening" } | { kind: "failed"; error: ApiError } | { kind: "open"; session: DocSession };

/** A document, opened and kept in step. What cannot be read is an error, never an empty page. */
export default function DocEditor({ docId, title, readOnly, nameOf, onSession }: DocEditorProps) {
  const actions = useActions();
  const [opening, setOpening] = useState<Opening>({ kind: "opening" });
  const [round, setRound] = useState(0);

  useEffect(() => {
    let current = true;
    let session: DocSession | null = null;
    openDocSession(actions.docLine(docId), () => {
      if (current) setRound((before) => before + 1);
    }).then(
      (opened) => {
        if (!current) {
          opened.close();
          return;
        }
        session = opened;
        setOpening({ kind: "open", session: opened });
        onSession(opened);
      },
      (thrown: unknown) => current && setOpening({ kind: "failed", error: ApiError.from(thrown) }),
    );
    return () => {
      current = false;
      onSession(null);
      setOpening({ kind: "opening" });
      session?.close();
    };
  }, [actions, docId, round, onSession]);

  switch (opening.kind) {
    case "opening":
      return (
        <div className="relative flex-1" aria-busy="true">
          <div className="loading-line" />
        </div>
      );
    case "failed":
      return (
        <div role="alert" className="flex-1 grid place-content-center justify-items-center gap-3 p-6 text-center">
          <p className="max-w-[420px] text-body text-ink-2 foreign">
            {words.failed} {opening.error.message}
          </p>
          <Button onClick={() => setRound(round + 1)}>{strings.tryAgain}</Button>
        </div>
      );
    case "open":
      return <Page session={opening.session} title={title} readOnly={readOnly} nameOf={nameOf} />;
  }
}

type PageProps = { session: DocSession; title: string; readOnly: string | null; nameOf: (userId: string) => string };

function Page({ session, title, readOnly, nameOf }: PageProps) {
  const editable = readOnly === null;
  const editor = useEditor(
    {
      editable,
      autofocus: editable ? "end" : false,
      injectCSS: false,
      editorProps: { attributes: { "aria-label": words.body(title), role: "textbox", "aria-multiline": "true", class: "prose", dir: "auto", ...(editable ? {} : { "aria-readonly": "true", tabindex: "0" }) } },
      extensions: [
        StarterKit.configure({ undoRedo: false, link: { openOnClick: false, isAllowedUri: (address) => safe(address), HTMLAttributes: { rel: "noopener noreferrer", target: "_blank" } } }),
        TaskList,
        TaskItem.configure({ nested: true }),
        TableKit,
        Collaboration.configure({ document: session.replica }),
        CollaborationCaret.configure({
          provider: { awareness: session.awareness },
          user: {},
          render: ({ userId }) => caretOf(typeof userId === "string" ? userId : "", nameOf),
          selectionRender: ({ userId }) => ({ nodeName: "span", class: "caret-selection", style: `--hue: ${hueOf(typeof userId === "string" ? userId : "")}` }),
        }),
      ],
    },
    [session],
  );
  useEffect(() => {
    // It may change while the page is open: a right given, a right taken.
    editor.setEditable(editable, false);
  }, [editor, editable]);

  return (
    <>
      {editable && <Toolbar editor={editor} />}
      <div className="flex-1 min-h-0 overflow-y-auto scroller px-6 touch:px-4 py-6">
        <div className="max-w-(--size-measure) mx-auto">
          <EditorContent editor={editor} />
        </div>
      </div>
    </>
  );
}

/** Somebody's caret with their name, which is ours to look up: what their editor says of it is not believed. */
function caretOf(userId: string, nameOf: (userId: string) => string): HTMLElement {
  const caret = document.createElement("span");
  caret.className = "caret";
  caret.style.setProperty("--hue", String(hueOf(userId)));
  const label = document.createElement("span");
  label.className = "caret-name person";
  label.textContent = nameOf(userId).slice(0, 60);
  caret.append(label);
  return caret;
}

function safe(address: string): boolean {
  try {
    return SCHEMES.includes(new URL(address).protocol);
  } catch {
    return false;
  }
}

type Tool = { label: string; icon: LucideIcon; keys?: readonly string[]; active: boolean; run: () => void };

function Toolbar({ editor }: { editor: Editor }) {
  const now = useEditorState({
    editor,
    selector: ({ editor: shown }) => ({
      bold: shown.isActive("bold"),
      italic: shown.isActive("italic"),
      strike: shown.isActive("strike"),
      code: shown.isActive("code"),
      one: shown.isActive("heading", { level: 1 }),
      two: shown.isActive("heading", { level: 2 }),
      three: shown.isActive("heading", { level: 3 }),
      bullets: shown.isActive("bulletList"),
      numbers: shown.isActive("orderedList"),
      tasks: shown.isActive("taskList"),
      quote: shown.isActive("blockquote"),
      block: shown.isActive("codeBlock"),
      table: shown.isActive("table"),
    }),
  });
  const chain = () => editor.chain().focus();
  const groups: readonly (readonly Tool[])[] = [
    [
      { label: words.tools.bold, icon: Bold, keys: [COMMAND_KEY, "B"], active: now.bold, run: () => chain().toggleBold().run() },
      { label: words.tools.italic, icon: Italic, keys: [COMMAND_KEY, "I"], active: now.italic, run: () => chain().toggleItalic().run() },
      { label: words.tools.strike, icon: Strikethrough, active: now.strike, run: () => chain().toggleStrike().run() },
      { label: words.tools.code, icon: Code, keys: [COMMAND_KEY, "E"], active: now.code, run: () => chain().toggleCode().run() },
    ],
    [
      { label: words.tools.heading(1), icon: Heading1, active: now.one, run: () => chain().toggleHeading({ level: 1 }).run() },
      { label: words.tools.heading(2), icon: Heading2, active: now.two, run: () => chain().toggleHeading({ level: 2 }).run() },
      { label: words.tools.heading(3), icon: Heading3, active: now.three, run: () => chain().toggleHeading({ level: 3 }).run() },
    ],
    [
      { label: words.tools.bullets, icon: List, active: now.bullets, run: () => chain().toggleBulletList().run() },
      { label: words.tools.numbers, icon: ListOrdered, active: now.numbers, run: () => chain().toggleOrderedList().run() },
      { label: words.tools.tasks, icon: ListChecks, active: now.tasks, run: () => chain().toggleTaskList().run() },
    ],
    [
      { label: words.tools.quote, icon: Quote, active: now.quote, run: () => chain().toggleBlockquote().run() },
      { label: words.tools.block, icon: SquareCode, active: now.block, run: () => chain().toggleCodeBlock().run() },
      { label: words.tools.table, icon: Table, active: now.table, run: () => (now.table ? chain().deleteTable().run() : chain().insertTable({ rows: 3, cols: 3, withHeaderRow: true }).run()) },
    ],
    [
      { label: words.tools.undo, icon: Undo2, keys: [COMMAND_KEY, "Z"], active: false, run: () => chain().undo().run() },
      { label: words.tools.redo, icon: Redo2, keys: [COMMAND_KEY, "⇧", "Z"], active: false, run: () => chain().redo().run() },
    ],
  ];

  return (
    // A line stands before each group, and that before the first of a row is cut off.
    <div role="toolbar" aria-label={words.tools.label} className="flex-none px-4 touch:px-2 py-1.5 border-b border-line">
      <div className="overflow-hidden p-1 -m-1">
        <div className="flex flex-wrap items-center gap-y-1 -ms-[7px]">
          {groups.map((group) => (
            <div key={group[0]?.label} className="flex ps-1.5 me-1.5 border-s border-line">
              {group.map((tool) => (
                <IconButton
                  key={tool.label}
                  label={tool.label}
                  {...(tool.keys === undefined ? {} : { keys: tool.keys })}
                  aria-pressed={tool.active}
                  className={tool.active ? "bg-selected text-ink" : ""}
                  // The text keeps the focus and its selection.
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={tool.run}
                >
                  <tool.icon aria-hidden="true" />
                </IconButton>
              ))}
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}
