import { ArrowUp } from "lucide-react";
import { useEffect, useLayoutEffect, useRef, type KeyboardEvent } from "react";
import type { Room } from "@/api/types.gen";
import { Keys } from "@/components/keys";
import { NARROW } from "@/components/media";
import { useActions, useAppState } from "@/state/context";
import { mayPost } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.composer;
const LINES_MAX = 8;
const LINE_PX = 21;
const PADDING_PX = 20;

/** Where a message is written. Always live, also while everything is offline; what is half written stays per room. */
export function Composer({ room }: { room: Room }) {
  const actions = useActions();
  const text = useAppState((state) => state.drafts.get(room.roomId) ?? "");
  const box = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    // On a small screen the focus would bring up the keyboard over the conversation.
    if (!window.matchMedia(NARROW).matches) box.current?.focus();
    return actions.stopTyping;
  }, [actions, room.roomId]);

  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    element.style.blockSize = "0";
    element.style.blockSize = `${Math.min(element.scrollHeight, LINES_MAX * LINE_PX + PADDING_PX)}px`;
  }, [text]);

  function send(): void {
    if (text.trim() === "") return;
    actions.send(room.roomId, text.replace(/\s+$/u, ""));
    box.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    // Enter that ends the composing of a character belongs to the input method.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  }

  if (!mayPost(room)) {
    return <p className="flex-none mx-4 mb-4 px-3.5 py-3 rounded-[13px] bg-sunken text-ink-2">{words.readOnly}</p>;
  }

  return (
    <div className="flex-none mx-4 mb-4 touch:mx-2.5 touch:mb-2.5 rounded-[13px] border border-line-strong bg-raised shadow-1 transition-colors duration-(--fast) focus-within:border-[color-mix(in_oklch,var(--text-3)_55%,transparent)]">
      <textarea
        ref={box}
        rows={1}
        aria-label={words.label(room.name)}
        placeholder={words.label(room.name)}
        value={text}
        onChange={(event) => {
          actions.setDraft(room.roomId, event.target.value);
          if (event.target.value.trim() === "") actions.stopTyping();
          else actions.typed(room.roomId);
        }}
        onKeyDown={onKeyDown}
        onBlur={actions.stopTyping}
        className="block w-full min-h-[41px] pt-[11px] pb-[9px] px-3.5 resize-none bg-transparent text-body scroller [unicode-bidi:plaintext] placeholder:text-ink-3 placeholder:truncate focus-visible:shadow-none"
      />
      <div className="flex items-center gap-0.5 px-[7px] pt-0.5 pb-[7px]">
        <span aria-hidden="true" className="flex items-center gap-1.5 ms-auto me-2.5 text-small text-ink-3 touch:hidden">
          <Keys keys={[words.enter]} />
          {words.toSend}
        </span>
        <button
          type="button"
          aria-label={words.send}
          onClick={send}
          className="grid place-items-center size-[30px] touch:size-9 touch:ms-auto rounded-[9px] touch:rounded-large bg-accent text-on-accent transition-[background,scale] duration-(--fast) hover:bg-accent-hover active:scale-96"
        >
          <ArrowUp aria-hidden="true" className="size-[17px] stroke-[2.25]" />
        </button>
      </div>
    </div>
  );
}
