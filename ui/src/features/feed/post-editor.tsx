import { useEffect, useId, useRef, type KeyboardEvent, type ReactNode } from "react";
import type { ApiError } from "@/client/error";
import { Button } from "@/components/button";
import { Refusal } from "@/components/field";
import { commandHeld } from "@/components/keys";
import type { PostDraft } from "@/state/feed";
import { strings } from "@/strings/strings";

const words = strings.feed;
/** What the engine takes; it says so itself when more is pasted. */
const TITLE_CHARACTERS_MAX = 200;
const LINES_PX_MAX = 360;

export type PostEditorProps = {
  label: string;
  draft: PostDraft;
  onDraft: (draft: PostDraft) => void;
  action: string;
  busy: boolean;
  error: ApiError | null;
  onSubmit: () => void;
  onClose: () => void;
  /** What a person should know before they send it. */
  note: string;
  /** More to do, at the start of the row of buttons. */
  more?: ReactNode;
};

/** Where a post is written, for the first time or anew. Ctrl or ⌘ Enter sends, Esc puts it away with all that is typed. */
export function PostEditor({ label, draft, onDraft, action, busy, error, onSubmit, onClose, note, more }: PostEditorProps) {
  const id = useId();
  const title = useRef<HTMLInputElement>(null);
  const body = useRef<HTMLTextAreaElement>(null);

  useEffect(() => title.current?.focus(), []);
  useEffect(() => {
    const element = body.current;
    if (element === null) return;
    element.style.blockSize = "0";
    element.style.blockSize = `${Math.min(element.scrollHeight, LINES_PX_MAX)}px`;
  }, [draft.body]);

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      onClose();
    } else if (event.key === "Enter" && commandHeld(event.nativeEvent)) {
      event.preventDefault();
      onSubmit();
    }
  }

  const line = "w-full bg-transparent placeholder:text-ink-3 focus-visible:shadow-none";
  return (
    <form
      aria-label={label}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <div className="rounded-large border border-line-strong bg-raised shadow-1 focus-within:border-[color-mix(in_oklch,var(--text-3)_55%,transparent)]">
        <input ref={title} aria-label={words.title} placeholder={words.titlePlaceholder} value={draft.title} maxLength={TITLE_CHARACTERS_MAX} autoComplete="off" onKeyDown={onKeyDown} onChange={(event) => onDraft({ ...draft, title: event.target.value })} className={`${line} h-10 px-4 font-strong text-title`} />
        <textarea ref={body} aria-label={words.body} placeholder={words.bodyPlaceholder} value={draft.body} rows={4} onKeyDown={onKeyDown} onChange={(event) => onDraft({ ...draft, body: event.target.value })} className={`${line} block min-h-[84px] px-4 pb-2 resize-none overflow-y-auto scroller text-body foreign`} />
        <input aria-label={words.tags} placeholder={words.tagsPlaceholder} value={draft.tags} autoComplete="off" onKeyDown={onKeyDown} onChange={(event) => onDraft({ ...draft, tags: event.target.value })} className={`${line} h-9 px-4 border-t border-line text-small`} />
      </div>
      {error !== null && <Refusal>{error.message}</Refusal>}
      <div className="flex flex-wrap items-center gap-2 mt-2">
        <p id={`${id}-note`} className="flex-1 min-w-[180px] text-small text-ink-3">
          {note}
        </p>
        {more}
        <Button onClick={onClose}>{strings.cancel}</Button>
        <Button tone="main" type="submit" disabled={busy} aria-describedby={`${id}-note`}>
          {action}
        </Button>
      </div>
    </form>
  );
}
