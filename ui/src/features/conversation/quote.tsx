import type { Message } from "@/client/types";
import { callSummary } from "@/features/conversation/call-summary";
import { plainText } from "@/features/conversation/markdown";
import { paintable } from "@/features/conversation/text";
import { useAppState } from "@/state/context";
import { ownAccount, sayerOf } from "@/state/selectors";
import { strings } from "@/strings/strings";

const words = strings.conversation;

export type QuoteProps = {
  /** The message that is answered; `null` where it is not held. */
  origin: Message | null;
  onJump: () => void;
};

/** One line of what a message answers. It leads there. */
export function Quote({ origin, onJump }: QuoteProps) {
  const ownId = useAppState((state) => ownAccount(state)?.userId ?? "");
  const name = useAppState((state) => (origin === null ? null : (state.people.get(sayerOf(origin))?.displayName ?? strings.somebody)));
  return (
    <button
      type="button"
      data-control=""
      tabIndex={-1}
      onClick={onJump}
      aria-label={name === null ? words.quoteAway : words.repliesTo(name)}
      className="flex items-baseline gap-1.5 max-w-full my-0.5 ps-2 pe-1 border-s-2 border-line-strong rounded-e-small text-small text-ink-2 text-start transition-colors duration-(--fast) hover:bg-hover hover:text-ink"
    >
      {origin === null ? (
        <span className="italic">{words.quoteAway}</span>
      ) : (
        <>
          <b className="flex-none max-w-[40%] truncate foreign font-medium text-ink">{name}</b>
          <span dir="auto" className="min-w-0 truncate foreign">
            {excerpt(origin, ownId)}
          </span>
        </>
      )}
    </button>
  );
}

/** What stands for a message where there is one line for it. Nothing of what was deleted. */
export function excerpt(message: Message, ownId: string): string {
  if (message.call !== undefined) return callSummary(message.call, ownId);
  return message.deletedAt === undefined ? plainText(paintable(message.text.slice(0, 2_000))) : words.quoteDeleted;
}
