import { ArrowUp, AtSign, Reply, SmilePlus, X } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Room } from "@/client/types";
import { EmojiPopover } from "@/components/emoji/emoji-picker";
import { IconButton } from "@/components/icon-button";
import { Keys } from "@/components/keys";
import { NARROW } from "@/components/media";
import { useEmojiChoice } from "@/features/conversation/emoji-choice";
import { excerpt } from "@/features/conversation/quote";
import { TextBox } from "@/features/conversation/text-box";
import { useActions, useAppState } from "@/state/context";
import { mayPost, ownAccount, sayerOf } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.composer;

/** Where a message is written. Always live, also while everything is offline; what is half written stays per room. */
export function Composer({ room }: { room: Room }) {
  const actions = useActions();
  const text = useAppState((state) => state.drafts.get(room.roomId)?.text ?? "");
  const replyTo = useAppState((state) => state.drafts.get(room.roomId)?.replyTo);
  const [picker, setPicker] = useState<Element | null>(null);
  const emoji = useEmojiChoice();
  const box = useRef<HTMLTextAreaElement>(null);
  /** Where an emoji goes: where the caret was when the picker took the focus. */
  const caret = useRef(0);

  useEffect(() => {
    // On a small screen the focus would bring up the keyboard over the conversation.
    if (!window.matchMedia(NARROW).matches) box.current?.focus();
    return actions.stopTyping;
  }, [actions, room.roomId]);

  function setText(next: string): void {
    actions.setDraft(room.roomId, next);
    if (next.trim() === "") actions.stopTyping();
    else actions.typed(room.roomId);
  }

  function send(): void {
    if (text.trim() === "") return;
    actions.send(room.roomId, text.replace(/\s+$/u, ""));
    box.current?.focus();
  }

  /** Puts it at the caret, which comes to stand behind it. */
  function insert(piece: string, at = box.current?.selectionStart ?? text.length): void {
    setText(text.slice(0, at) + piece + text.slice(at));
    caret.current = at + piece.length;
    queueMicrotask(() => {
      box.current?.focus();
      box.current?.setSelectionRange(caret.current, caret.current);
    });
  }

  if (!mayPost(room)) {
    return <p className="flex-none mx-4 mb-4 px-3.5 py-3 rounded-[13px] bg-sunken text-ink-2">{words.readOnly}</p>;
  }

  return (
    <div data-composer="" className="flex-none mx-4 mb-4 touch:mx-2.5 touch:mb-2.5 rounded-[13px] border border-line-strong bg-raised shadow-1 transition-colors duration-(--fast) focus-within:border-[color-mix(in_oklch,var(--text-3)_55%,transparent)]">
      {replyTo !== undefined && <ReplyBar room={room} messageId={replyTo} />}
      <TextBox
        ref={box}
        room={room}
        label={words.label(room.name)}
        placeholder={words.label(room.name)}
        text={text}
        onText={setText}
        onEnter={send}
        {...(replyTo === undefined ? {} : { onEscape: () => actions.setReply(room.roomId, null) })}
        onUp={() => actions.editLast(room.roomId)}
        onBlur={actions.stopTyping}
      />
      <div className="flex items-center gap-0.5 px-[7px] pt-0.5 pb-[7px]">
        <IconButton
          label={words.emoji}
          onClick={(event) => {
            caret.current = box.current?.selectionStart ?? text.length;
            setPicker(event.currentTarget);
          }}
        >
          <SmilePlus aria-hidden="true" />
        </IconButton>
        <IconButton
          label={words.mention}
          onClick={() => {
            const at = box.current?.selectionStart ?? text.length;
            insert(at === 0 || /\s/u.test(text.charAt(at - 1)) ? "@" : " @", at);
          }}
        >
          <AtSign aria-hidden="true" />
        </IconButton>
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
      {picker !== null && (
        <EmojiPopover
          {...emoji}
          anchor={picker}
          align="start"
          onPick={(picked) => {
            emoji.onPick(picked);
            setPicker(null);
            insert(picked, caret.current);
          }}
          onClose={() => setPicker(null)}
          onClosed={() => box.current?.focus()}
        />
      )}
    </div>
  );
}

/** What is being answered, above the answer. */
function ReplyBar({ room, messageId }: { room: Room; messageId: string }) {
  const ownId = useAppState((state) => ownAccount(state)?.userId ?? "");
  const actions = useActions();
  const message = useAppState((state) => {
    const timeline = state.timelines.get(room.roomId);
    return timeline?.kind === "ready" ? timeline.messages.find((each) => each.messageId === messageId) : undefined;
  });
  const name = useAppState((state) => (message === undefined ? "" : (state.people.get(sayerOf(message))?.displayName ?? strings.somebody)));
  return (
    <div className="flex items-center gap-2 ps-3.5 pe-1.5 pt-1.5">
      <Reply aria-hidden="true" className="flex-none size-3.5 text-ink-3 rtl:-scale-x-100" />
      <p className="flex-1 flex gap-1.5 min-w-0 text-small">
        {message === undefined ? (
          <span className="truncate text-ink-2">{strings.conversation.quoteAway}</span>
        ) : (
          <>
            <b className="flex-none max-w-[50%] truncate foreign font-medium">{words.replyingTo(name)}</b>
            <span className="truncate foreign text-ink-2">{excerpt(message, ownId)}</span>
          </>
        )}
      </p>
      <IconButton
        label={words.cancelReply}
        keys={["Esc"]}
        className="size-7 [&_svg]:size-3.5"
        onClick={() => actions.setReply(room.roomId, null)}
      >
        <X aria-hidden="true" />
      </IconButton>
    </div>
  );
}
