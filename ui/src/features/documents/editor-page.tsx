import { Editor, Extension } from "@tiptap/core";
import { Collaboration, isChangeOrigin } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { TextSelection } from "@tiptap/pm/state";
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { hueOf } from "@/components/avatar";
import { Beginning } from "@/features/documents/beginning";
import type { DocSession } from "@/features/documents/doc-session";
import { CONTENT } from "@/features/documents/extensions";
import { Toolbar } from "@/features/documents/toolbar";
import { strings } from "@/strings/strings";

const words = strings.docs;

/** Of the page, however far it is scrolled. */
type Point = { left: number; top: number };
type NameOf = (userId: string) => string;

export type EditorPageProps = {
  /** What is shown until there is a session and an editor on it; `null` until it is known. */
  beginning: readonly unknown[] | null;
  session: DocSession | null;
  title: string;
  /** Why nothing can be written; `null` where it can. */
  readOnly: string | null;
  /** The name that a person has now. */
  nameOf: NameOf;
};

/** A document's page: its first blocks as soon as they are known, then the editor on all of it, in the same place. */
export function EditorPage({ beginning, session, title, readOnly, nameOf }: EditorPageProps) {
  const editable = readOnly === null;
  const scroller = useRef<HTMLDivElement>(null);
  const sheet = useRef<HTMLDivElement>(null);
  /** Where somebody clicked while there was no editor to take it. */
  const clicked = useRef<Point | null>(null);
  const editor = useEditorOn(session, { sheet, scroller, clicked, title, editable, nameOf });

  return (
    <>
      {editable && <Toolbar editor={editor} />}
      <div
        ref={scroller}
        className="relative flex-1 min-h-0 overflow-y-auto scroller px-6 touch:px-4 py-6"
        aria-busy={editor === null}
        // A press where the beginning stands is the editor's, which takes it up once it is there.
        onMouseDown={editor === null ? (event) => (clicked.current = { left: event.clientX, top: event.clientY + event.currentTarget.scrollTop }) : undefined}
      >
        {editor === null && beginning === null && <div className="loading-line" />}
        <div className="max-w-(--size-measure) mx-auto">
          {editor === null && beginning !== null && <Beginning blocks={beginning} />}
          <div ref={sheet} />
        </div>
      </div>
    </>
  );
}

type Place = {
  sheet: RefObject<HTMLDivElement | null>;
  scroller: RefObject<HTMLDivElement | null>;
  clicked: RefObject<Point | null>;
  title: string;
  editable: boolean;
  nameOf: NameOf;
};

/** The editor on a session, put into the sheet before the frame is drawn in which it is first there. */
function useEditorOn(session: DocSession | null, place: Place): Editor | null {
  const [editor, setEditor] = useState<Editor | null>(null);
  const latest = useRef(place);
  useLayoutEffect(() => {
    latest.current = place;
  });
  useLayoutEffect(() => {
    const { sheet, title, editable } = latest.current;
    if (session === null || sheet.current === null) return;
    // What grows with the document is done once: TipTap's own component for React would build every block twice, and in
    // the window, where each look at the selection lays all of it out.
    const made = new Editor({
      element: document.createElement("div"),
      editable,
      injectCSS: false,
      editorProps: { attributes: attributesOf(title, editable) },
      extensions: [...CONTENT, ...together(session, (userId) => latest.current.nameOf(userId))],
    });
    sheet.current.replaceChildren(made.view.dom);
    setEditor(made);
    return () => {
      made.destroy();
      setEditor(null);
    };
  }, [session]);
  useLayoutEffect(() => {
    // In the same frame, once the beginning is gone: what is measured here is laid out only once.
    const { scroller, clicked, editable } = latest.current;
    if (editor === null || scroller.current === null) return;
    if (editable && mayTakeFocus()) begin(editor, scroller.current, clicked.current);
    clicked.current = null;
  }, [editor]);
  const { title, editable } = place;
  useEffect(() => {
    // Both may change while the page is open: a right given or taken, a new title. To an editor each setting is a change
    // after which it goes over the whole document.
    const attributes = attributesOf(title, editable);
    if (editor === null || (editor.options.editable === editable && editor.view.dom.ariaLabel === attributes["aria-label"])) return;
    editor.setOptions({ editable, editorProps: { attributes } });
  }, [editor, title, editable]);
  return editor;
}

/** The caret to where somebody clicked, or else to the end of a page that is seen whole and the beginning of one that is not. */
function begin(editor: Editor, scroller: HTMLElement, clicked: Point | null): void {
  const { view } = editor;
  const at = clicked === null ? null : view.posAtCoords({ left: clicked.left, top: clicked.top - scroller.scrollTop });
  const { doc, tr } = view.state;
  if (at !== null) view.dispatch(tr.setSelection(TextSelection.near(doc.resolve(at.pos))));
  else if (scroller.scrollHeight <= scroller.clientHeight) view.dispatch(tr.setSelection(TextSelection.atEnd(doc)));
  view.focus();
}

/** Whoever writes elsewhere by now, or has something open over the page, stays there. */
function mayTakeFocus(): boolean {
  return document.activeElement?.closest('input, textarea, [contenteditable="true"], [role="dialog"], [role="menu"]') == null;
}

function attributesOf(title: string, editable: boolean): Record<string, string> {
  return { "aria-label": words.body(title), role: "textbox", "aria-multiline": "true", class: "prose", dir: "auto", ...(editable ? {} : { "aria-readonly": "true", tabindex: "0" }) };
}

/** What is typed here becomes links. What others wrote does not: whoever opens a document would write in it. */
const LinksOnlyOwn = Extension.create({
  name: "linksOnlyOwn",
  dispatchTransaction({ transaction, next }) {
    next(isChangeOrigin(transaction) ? transaction.setMeta("preventAutolink", true) : transaction);
  },
});

/** What makes an editor one of several on the same document. */
function together(session: DocSession, nameOf: NameOf) {
  return [
    Collaboration.configure({ document: session.replica }),
    LinksOnlyOwn,
    CollaborationCaret.configure({
      provider: { awareness: session.awareness },
      user: {},
      render: ({ userId }) => caretOf(typeof userId === "string" ? userId : "", nameOf),
      selectionRender: ({ userId }) => ({ nodeName: "span", class: "caret-selection", style: `--hue: ${hueOf(typeof userId === "string" ? userId : "")}` }),
    }),
  ];
}

/** Somebody's caret with their name, which is ours to look up: what their editor says of it is not believed. */
function caretOf(userId: string, nameOf: NameOf): HTMLElement {
  const caret = document.createElement("span");
  caret.className = "caret";
  caret.style.setProperty("--hue", String(hueOf(userId)));
  const label = document.createElement("span");
  label.className = "caret-name person";
  label.textContent = nameOf(userId).slice(0, 60);
  caret.append(label);
  return caret;
}
