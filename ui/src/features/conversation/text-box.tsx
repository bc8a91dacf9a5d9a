import { useId, useImperativeHandle, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode, type Ref } from "react";
import { Users } from "lucide-react";
import type { Room } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { useEmojiSet, withTone } from "@/components/emoji/emoji-data";
import { closedShortcode, completed, emojiOptions, mentionOptions, tokenAt, type Option, type Token } from "@/features/conversation/completion";
import { useAppState } from "@/state/context";
import { skinTone } from "@/state/preferences";
import { ownAccount } from "@/state/selectors";
import type { Person, State } from "@/state/state";
import { strings } from "@/strings/strings";

const words = strings.composer;
const LINES_MAX = 8;
const LINE_PX = 21;
const PADDING_PX = 20;

export type TextBoxProps = {
  ref: Ref<HTMLTextAreaElement | null>;
  room: Room;
  label: string;
  placeholder?: string;
  text: string;
  onText: (text: string) => void;
  onEnter: () => void;
  onEscape?: () => void;
  /** Up was pressed where there is nothing above. */
  onUp?: () => void;
  onBlur?: () => void;
  describedBy?: string | undefined;
};

/** Where Markdown is written. Completes people after `@` and emoji after `:`; Enter ends, Shift and Enter break. */
export function TextBox({ ref, room, label, placeholder, text, onText, onEnter, onEscape, onUp, onBlur, describedBy }: TextBoxProps) {
  const id = useId();
  const box = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle<HTMLTextAreaElement | null, HTMLTextAreaElement | null>(ref, () => box.current);
  const [token, setToken] = useState<Token | null>(null);
  const [at, setAt] = useState(0);
  const options = useOptions(room, token);
  const open = token !== null && options.length > 0;
  const active = options[Math.min(at, options.length - 1)];
  const caret = useRef<number | null>(null);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.blockSize = "0";
    element.style.blockSize = `${Math.min(element.scrollHeight, LINES_MAX * LINE_PX + PADDING_PX)}px`;
    if (caret.current !== null) element.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [text]);

  function look(element: HTMLTextAreaElement): void {
    const found = element.selectionStart === element.selectionEnd ? tokenAt(element.value, element.selectionStart) : null;
    if (found?.start !== token?.start || found?.query !== token?.query) setAt(0);
    setToken(found);
  }

  function put(option: Option): void {
    if (token === null) return;
    const next = completed(text, token, option.insert);
    caret.current = next.caret;
    setToken(null);
    onText(next.text);
    box.current?.focus();
  }

  const set = useEmojiSet(/:[\p{L}\p{N}_+-]{2}/u.test(text));
  function onChange(element: HTMLTextAreaElement): void {
    const closed = closedShortcode(element.value, element.selectionStart);
    const emoji = closed === null ? undefined : set?.byShortcode.get(closed.code);
    if (closed === null || emoji === undefined) {
      onText(element.value);
      look(element);
      return;
    }
    const shown = withTone(emoji, skinTone());
    caret.current = closed.start + shown.length;
    setToken(null);
    onText(element.value.slice(0, closed.start) + shown + element.value.slice(element.selectionStart));
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>): void {
    // Keys that end the composing of a character belong to the input method.
    if (event.nativeEvent.isComposing) return;
    if (open) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined) setAt((Math.min(at, options.length - 1) + step + options.length) % options.length);
      else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") {
        if (active !== undefined) put(active);
      } else if (event.key === "Escape") setToken(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.key === "Enter" && !event.shiftKey) onEnter();
    else if (event.key === "Escape" && onEscape !== undefined) onEscape();
    else if (event.key === "ArrowUp" && onUp !== undefined && text === "" && !event.shiftKey && !event.altKey && !event.ctrlKey && !event.metaKey) onUp();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="relative">
      {open && (
        <div
          id={`${id}-options`}
          role="listbox"
          aria-label={words.completions}
          className="absolute bottom-full start-0 z-20 w-[320px] max-w-full mb-1.5 p-1 rounded-large border border-line bg-raised shadow-2 [--under:var(--raised)]"
        >
          {options.map((option) => (
            // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- its keys are the text field's, which keeps the focus
            <div
              key={option.key}
              id={`${id}-${option.key}`}
              role="option"
              tabIndex={-1}
              aria-selected={option === active}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => put(option)}
              className="flex items-center gap-2.5 h-8 touch:h-10 px-2 rounded-[6px] cursor-default aria-selected:bg-selected"
            >
              <OptionView option={option} />
            </div>
          ))}
        </div>
      )}
      <textarea
        ref={box}
        rows={1}
        dir="auto"
        aria-label={label}
        aria-describedby={describedBy}
        aria-autocomplete="list"
        aria-controls={open ? `${id}-options` : undefined}
        aria-activedescendant={open && active !== undefined ? `${id}-${active.key}` : undefined}
        placeholder={placeholder}
        value={text}
        onChange={(event) => onChange(event.target)}
        onSelect={(event) => look(event.currentTarget)}
        onKeyDown={onKeyDown}
        onBlur={() => {
          setToken(null);
          onBlur?.();
        }}
        className="block w-full min-h-[41px] pt-[11px] pb-[9px] px-3.5 resize-none bg-transparent text-body scroller [unicode-bidi:plaintext] placeholder:text-ink-3 placeholder:truncate focus-visible:shadow-none"
      />
    </div>
  );
}

function OptionView({ option }: { option: Option }): ReactNode {
  switch (option.kind) {
    case "person":
      return (
        <>
          <Avatar userId={option.person.userId} name={option.person.displayName} size={20} presence={option.person.status} />
          <span className="truncate foreign">{option.person.displayName}</span>
          <span className="ms-auto truncate foreign text-small text-ink-2">@{option.person.handle}</span>
        </>
      );
    case "room":
      return (
        <>
          <Users aria-hidden="true" className="size-4 mx-0.5 stroke-[1.75] text-ink-3" />
          <span className="truncate">{words.room}</span>
          <span className="ms-auto text-small text-ink-2">@room</span>
        </>
      );
    case "emoji":
      return (
        <>
          <span aria-hidden="true" className="emoji w-5 text-center text-[17px]/none">
            {option.insert.trim()}
          </span>
          <span className="truncate">:{option.emoji.shortcodes[0] ?? option.emoji.label}:</span>
        </>
      );
  }
}

function othersIn(state: State, roomId: string): readonly Person[] {
  const ownId = ownAccount(state)?.userId;
  return [...(state.rosters.get(roomId)?.keys() ?? [])].flatMap((userId) => (userId === ownId ? [] : (state.people.get(userId) ?? [])));
}

const NO_PEOPLE: readonly Person[] = [];

function useOptions(room: Room, token: Token | null): readonly Option[] {
  const kind = token?.kind ?? null;
  const people = useAppState((state) => (kind === "mention" ? othersIn(state, room.roomId) : NO_PEOPLE));
  const set = useEmojiSet(kind === "emoji");
  if (token === null) return [];
  switch (token.kind) {
    case "mention":
      return mentionOptions(people, token.query, words.room);
    case "emoji":
      return set === null ? [] : emojiOptions(set, token.query, (emoji) => withTone(emoji, skinTone()));
  }
}
