import type { ChainedCommands, Editor } from "@tiptap/core";
import { useEditorState } from "@tiptap/react";
import { Bold, Code, Heading1, Heading2, Heading3, Italic, List, ListChecks, ListOrdered, Quote, Redo2, SquareCode, Strikethrough, Table, Undo2, type LucideIcon } from "lucide-react";
import { IconButton } from "@/components/icon-button";
import { COMMAND_KEY } from "@/components/keys";
import { strings } from "@/strings/strings";

const words = strings.docs;

type Tool = { label: string; icon: LucideIcon; keys?: readonly string[]; active: boolean; run: (chain: ChainedCommands) => void };

/** What can be done to the text. It stands there before the editor does, so that the page does not move when that comes. */
export function Toolbar({ editor }: { editor: Editor | null }) {
  const active = useEditorState({ editor, selector: ({ editor: shown }) => (shown === null ? null : activeIn(shown)) }) ?? NOTHING_ACTIVE;
  const groups: readonly (readonly Tool[])[] = [
    [
      { label: words.tools.bold, icon: Bold, keys: [COMMAND_KEY, "B"], active: active.bold, run: (chain) => chain.toggleBold().run() },
      { label: words.tools.italic, icon: Italic, keys: [COMMAND_KEY, "I"], active: active.italic, run: (chain) => chain.toggleItalic().run() },
      { label: words.tools.strike, icon: Strikethrough, active: active.strike, run: (chain) => chain.toggleStrike().run() },
      { label: words.tools.code, icon: Code, keys: [COMMAND_KEY, "E"], active: active.code, run: (chain) => chain.toggleCode().run() },
    ],
    [
      { label: words.tools.heading(1), icon: Heading1, active: active.one, run: (chain) => chain.toggleHeading({ level: 1 }).run() },
      { label: words.tools.heading(2), icon: Heading2, active: active.two, run: (chain) => chain.toggleHeading({ level: 2 }).run() },
      { label: words.tools.heading(3), icon: Heading3, active: active.three, run: (chain) => chain.toggleHeading({ level: 3 }).run() },
    ],
    [
      { label: words.tools.bullets, icon: List, active: active.bullets, run: (chain) => chain.toggleBulletList().run() },
      { label: words.tools.numbers, icon: ListOrdered, active: active.numbers, run: (chain) => chain.toggleOrderedList().run() },
      { label: words.tools.tasks, icon: ListChecks, active: active.tasks, run: (chain) => chain.toggleTaskList().run() },
    ],
    [
      { label: words.tools.quote, icon: Quote, active: active.quote, run: (chain) => chain.toggleBlockquote().run() },
      { label: words.tools.block, icon: SquareCode, active: active.block, run: (chain) => chain.toggleCodeBlock().run() },
      { label: words.tools.table, icon: Table, active: active.table, run: (chain) => (active.table ? chain.deleteTable() : chain.insertTable({ rows: 3, cols: 3, withHeaderRow: true })).run() },
    ],
    [
      { label: words.tools.undo, icon: Undo2, keys: [COMMAND_KEY, "Z"], active: false, run: (chain) => chain.undo().run() },
      { label: words.tools.redo, icon: Redo2, keys: [COMMAND_KEY, "⇧", "Z"], active: false, run: (chain) => chain.redo().run() },
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
                  bare={editor === null}
                  aria-disabled={editor === null}
                  aria-pressed={tool.active}
                  className={tool.active ? "bg-selected text-ink" : ""}
                  // The text keeps the focus and its selection.
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => editor !== null && tool.run(editor.chain().focus())}
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

type Active = Record<"bold" | "italic" | "strike" | "code" | "one" | "two" | "three" | "bullets" | "numbers" | "tasks" | "quote" | "block" | "table", boolean>;

const NOTHING_ACTIVE: Active = { bold: false, italic: false, strike: false, code: false, one: false, two: false, three: false, bullets: false, numbers: false, tasks: false, quote: false, block: false, table: false };

function activeIn(editor: Editor): Active {
  return {
    bold: editor.isActive("bold"),
    italic: editor.isActive("italic"),
    strike: editor.isActive("strike"),
    code: editor.isActive("code"),
    one: editor.isActive("heading", { level: 1 }),
    two: editor.isActive("heading", { level: 2 }),
    three: editor.isActive("heading", { level: 3 }),
    bullets: editor.isActive("bulletList"),
    numbers: editor.isActive("orderedList"),
    tasks: editor.isActive("taskList"),
    quote: editor.isActive("blockquote"),
    block: editor.isActive("codeBlock"),
    table: editor.isActive("table"),
  };
}
