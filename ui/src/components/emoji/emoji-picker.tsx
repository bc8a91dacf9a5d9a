import { Apple, Car, Dumbbell, Flag, Hand, History, Lightbulb, PawPrint, Shapes, Smile, type LucideIcon } from "lucide-react";
import { Popover } from "radix-ui";
import { useId, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { VList, type VListHandle } from "virtua";
import { EMOJI_GROUPS, searchEmoji, useEmojiSet, withTone, type Emoji, type EmojiGroup, type EmojiSet, type SkinTone } from "@/components/emoji/emoji-data";
import { strings } from "@/strings/strings";

const words = strings.emoji;
const COLUMNS = 9;
const FOUND_MAX = 180;
const RECENT_SHOWN_MAX = 2 * COLUMNS;
const TONES: readonly SkinTone[] = [0, 1, 2, 3, 4, 5];

const ICONS: Readonly<Record<EmojiGroup | "recent", LucideIcon>> = {
  recent: History, smileys: Smile, people: Hand, animals: PawPrint, food: Apple, travel: Car, activities: Dumbbell, objects: Lightbulb, symbols: Shapes, flags: Flag,
};

export type EmojiPickerProps = {
  /** Used lately, newest first. */
  recent: readonly string[];
  tone: SkinTone;
  onTone: (tone: SkinTone) => void;
  onPick: (emoji: string) => void;
};

type Line = { kind: "head"; group: EmojiGroup | "recent" } | { kind: "emoji"; first: number; cells: readonly Cell[] };
type Cell = { emoji: string; label: string };

export type EmojiPopoverProps = EmojiPickerProps & {
  /** What it opens at. */
  anchor: Element;
  align?: "start" | "end";
  onClose: () => void;
  /** After it is gone: where the focus goes. */
  onClosed: () => void;
};

/** The picker at a button, or at anything else that asked for it. */
export function EmojiPopover({ anchor, align = "end", onClose, onClosed, ...picker }: EmojiPopoverProps) {
  const place = useMemo(() => ({ current: anchor }), [anchor]);
  return (
    <Popover.Root open onOpenChange={(open) => !open && onClose()}>
      <Popover.Anchor virtualRef={place} />
      <Popover.Portal>
        <Popover.Content
          role="dialog"
          aria-label={words.title}
          side="top"
          align={align}
          sideOffset={6}
          collisionPadding={8}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            onClosed();
          }}
          className="floats z-50 w-[344px] max-w-[calc(100vw-16px)] rounded-large border border-line bg-raised shadow-2 overflow-hidden focus:outline-none [--under:var(--raised)]"
        >
          <EmojiPicker {...picker} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** All emoji, by group or by search. The field keeps the focus; arrows walk the grid, Enter picks. */
export function EmojiPicker({ recent, tone, onTone, onPick }: EmojiPickerProps) {
  const id = useId();
  const set = useEmojiSet(true);
  const list = useRef<VListHandle>(null);
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  // What was used lately stays where it is while the picker is open, whatever is picked.
  const [lately] = useState(recent);
  const lines = useMemo(() => (set === null ? [] : linesOf(set, query, lately, tone)), [set, query, lately, tone]);
  const cells = useMemo(() => lines.flatMap((line) => (line.kind === "emoji" ? line.cells : [])), [lines]);
  const shown = cells[active];
  const cellId = (at: number): string => `${id}-${at}`;

  function move(to: number): void {
    const next = Math.max(0, Math.min(to, cells.length - 1));
    setActive(next);
    list.current?.scrollToIndex(lines.findIndex((line) => line.kind === "emoji" && next < line.first + line.cells.length), { align: "nearest" });
  }

  function onKeyDown(event: KeyboardEvent): void {
    const row = lines.find((line) => line.kind === "emoji" && active >= line.first && active < line.first + line.cells.length);
    const column = row?.kind === "emoji" ? active - row.first : 0;
    const rows = lines.flatMap((line) => (line.kind === "emoji" ? [line] : []));
    const at = rows.findIndex((line) => active >= line.first && active < line.first + line.cells.length);
    const beside = (step: 1 | -1): number => {
      const next = rows[at + step];
      return next === undefined ? active : next.first + Math.min(column, next.cells.length - 1);
    };
    // A field that reads from right to left has its grid the other way around too.
    const forward = getComputedStyle(event.currentTarget).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    switch (event.key) {
      case "ArrowDown":
        move(beside(1));
        break;
      case "ArrowUp":
        move(beside(-1));
        break;
      case "ArrowRight":
      case "ArrowLeft":
        move(active + (event.key === forward ? 1 : -1));
        break;
      case "Enter":
        if (event.nativeEvent.isComposing) return;
        if (shown !== undefined) onPick(shown.emoji);
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  return (
    <div>
      <div className="flex items-center gap-1.5 p-2 pb-1.5">
        <input
          type="text"
          role="combobox"
          autoFocus
          aria-label={words.search}
          placeholder={words.search}
          aria-expanded="true"
          aria-controls={`${id}-grid`}
          aria-autocomplete="list"
          aria-activedescendant={shown === undefined ? undefined : cellId(active)}
          autoComplete="off"
          spellCheck={false}
          value={query}
          onChange={(event) => {
            setQuery(event.target.value);
            setActive(0);
            list.current?.scrollTo(0);
          }}
          onKeyDown={onKeyDown}
          className="flex-1 min-w-0 h-8 touch:h-9 px-2.5 rounded-control bg-sunken dark:bg-surface text-ink placeholder:text-ink-3 focus-visible:outline-none focus-visible:shadow-[0_0_0_1px_var(--accent)]"
        />
        <ToneChoice tone={tone} onTone={onTone} />
      </div>
      {query.trim() === "" && (
        <div role="toolbar" aria-label={words.groups} className="flex px-1.5 border-b border-line">
          {lines.flatMap((line, at) => (line.kind === "head" ? [{ group: line.group, at }] : [])).map(({ group, at }) => {
            const Icon = ICONS[group];
            return (
              <button
                key={group}
                type="button"
                aria-label={words.groupNames[group]}
                title={words.groupNames[group]}
                onClick={() => list.current?.scrollToIndex(at, { align: "start" })}
                className="grid place-items-center flex-1 h-8 touch:h-9 rounded-control text-ink-3 transition-colors duration-(--fast) hover:bg-hover hover:text-ink"
              >
                <Icon aria-hidden="true" className="size-4 stroke-[1.75]" />
              </button>
            );
          })}
        </div>
      )}
      <div id={`${id}-grid`} role="grid" aria-label={words.title} className="h-[264px]">
        {set !== null && cells.length === 0 ? (
          <div role="row" className="py-10 text-center text-ink-3">
            <span role="gridcell">{words.none}</span>
          </div>
        ) : (
          <VList ref={list} data={lines} role="rowgroup" tabIndex={0} aria-label={words.title} className="scroller focus-visible:shadow-none" style={{ height: "100%", paddingInline: 8 }}>
            {(line) =>
              line.kind === "head" ? (
                <div key={`head-${line.group}`} role="row">
                  <div role="rowheader" className="pt-2 pb-1 px-1 text-small font-medium text-ink-3">
                    {words.groupNames[line.group]}
                  </div>
                </div>
              ) : (
                <div key={`row-${line.first}`} role="row" className="grid grid-cols-9">
                  {line.cells.map((cell, at) => (
                    <button
                      key={`${line.first + at}`}
                      id={cellId(line.first + at)}
                      type="button"
                      role="gridcell"
                      tabIndex={-1}
                      aria-label={cell.label}
                      data-active={active === line.first + at || undefined}
                      onClick={() => onPick(cell.emoji)}
                      onPointerMove={() => setActive(line.first + at)}
                      className="emoji grid place-items-center h-9 rounded-control text-[22px]/none data-active:bg-selected"
                    >
                      {cell.emoji}
                    </button>
                  ))}
                </div>
              )
            }
          </VList>
        )}
      </div>
      <p className="flex items-center gap-2 h-9 px-3 border-t border-line text-small text-ink-2">
        {shown !== undefined && (
          <>
            <span aria-hidden="true" className="emoji text-[18px]/none">
              {shown.emoji}
            </span>
            <span className="truncate">{shown.label}</span>
            <span className="ms-auto truncate text-ink-3">{shortcodeOf(set, shown.emoji)}</span>
          </>
        )}
      </p>
    </div>
  );
}

function ToneChoice({ tone, onTone }: { tone: SkinTone; onTone: (tone: SkinTone) => void }) {
  return (
    <select
      aria-label={words.tone}
      title={words.tone}
      value={tone}
      onChange={(event) => onTone(TONES.find((each) => String(each) === event.target.value) ?? 0)}
      className="emoji flex-none w-11 h-8 touch:h-9 px-1.5 rounded-control bg-raised text-[17px]/none hover:bg-hover appearance-none text-center"
    >
      {TONES.map((each) => (
        <option key={each} value={each}>
          {["✋", "✋🏻", "✋🏼", "✋🏽", "✋🏾", "✋🏿"][each]}
        </option>
      ))}
    </select>
  );
}

function shortcodeOf(set: EmojiSet | null, emoji: string): string {
  const code = set?.byEmoji.get(emoji)?.shortcodes[0];
  return code === undefined ? "" : `:${code}:`;
}

function linesOf(set: EmojiSet, query: string, recent: readonly string[], tone: SkinTone): readonly Line[] {
  const lines: Line[] = [];
  let first = 0;
  const put = (cells: readonly Cell[]): void => {
    for (let at = 0; at < cells.length; at += COLUMNS) {
      const row = cells.slice(at, at + COLUMNS);
      lines.push({ kind: "emoji", first, cells: row });
      first += row.length;
    }
  };
  const cellOf = (emoji: Emoji): Cell => ({ emoji: withTone(emoji, tone), label: emoji.label });
  if (query.trim() !== "") {
    put(searchEmoji(set, query, FOUND_MAX).map(cellOf));
    return lines;
  }
  const lately = recent.slice(0, RECENT_SHOWN_MAX).flatMap((emoji) => {
    const known = set.byEmoji.get(emoji);
    return known === undefined ? [] : [{ emoji, label: known.label }];
  });
  if (lately.length > 0) {
    lines.push({ kind: "head", group: "recent" });
    put(lately);
  }
  for (const group of EMOJI_GROUPS) {
    lines.push({ kind: "head", group });
    put((set.groups.get(group) ?? []).map(cellOf));
  }
  return lines;
}
