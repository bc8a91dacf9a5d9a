import { SmilePlus } from "lucide-react";
import { Tooltip } from "radix-ui";
import type { Reaction } from "@/client/types";
import { useAppState } from "@/state/context";
import { strings } from "@/strings/strings";

const words = strings.reactions;
const NAMED_MAX = 12;
/** Chips of one message. Beyond these the rest is a number: a message is not a wall. */
const CHIPS_MAX = 24;

export type ReactionsProps = {
  reactions: readonly Reaction[];
  ownId: string;
  /** Whether the reader may react; who may not sees them all the same. */
  may: boolean;
  onToggle: (emoji: string, on: boolean) => void;
  onAdd: (anchor: Element) => void;
};

/** The reactions under a message. One's own are in the accent; pressing one gives or takes it back. */
export function Reactions({ reactions, ownId, may, onToggle, onAdd }: ReactionsProps) {
  return (
    <div role="group" aria-label={words.label} className="flex flex-wrap items-center gap-1 mt-1 mb-0.5">
      {reactions.slice(0, CHIPS_MAX).map((reaction) => (
        <Chip key={reaction.emoji} reaction={reaction} ownId={ownId} may={may} onToggle={onToggle} />
      ))}
      {reactions.length > CHIPS_MAX && <span className="px-1 text-small text-ink-3 tabular-nums">+{reactions.length - CHIPS_MAX}</span>}
      {may && (
        <button
          type="button"
          data-control=""
          tabIndex={-1}
          aria-label={words.add}
          title={words.add}
          onClick={(event) => onAdd(event.currentTarget)}
          className="grid place-items-center w-[31px] h-6 touch:w-9 touch:h-9 rounded-round border border-line bg-raised text-ink-3 transition-colors duration-(--fast) hover:border-line-strong hover:text-ink"
        >
          <SmilePlus aria-hidden="true" className="size-3.5 stroke-[1.75]" />
        </button>
      )}
    </div>
  );
}

function Chip({ reaction: { emoji, userIds }, ownId, may, onToggle }: { reaction: Reaction; ownId: string; may: boolean; onToggle: (emoji: string, on: boolean) => void }) {
  const own = userIds.includes(ownId);
  const shown = emoji.slice(0, 32);
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>
        <button
          type="button"
          data-control=""
          tabIndex={-1}
          aria-pressed={own}
          aria-label={words.chip(shown, userIds.length, own)}
          aria-disabled={!may || undefined}
          onClick={() => may && onToggle(emoji, !own)}
          className={`inline-flex items-center gap-1.5 h-6 touch:h-9 px-[7px] touch:px-2.5 rounded-round border text-small font-medium tabular-nums transition-colors duration-(--fast) ${own ? "border-accent-line bg-accent-soft text-accent-text hover:border-accent" : "border-line bg-raised text-ink-2 hover:border-line-strong"}`}
        >
          <span aria-hidden="true" className="emoji text-[15px]/none">
            {shown}
          </span>
          {userIds.length}
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content sideOffset={6} collisionPadding={8} className="floats z-50 max-w-[260px] px-2 py-1 rounded-control bg-raised border border-line shadow-2 text-small text-ink-2 foreign">
          <Names userIds={userIds} ownId={ownId} />
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

function Names({ userIds, ownId }: { userIds: readonly string[]; ownId: string }) {
  const others = userIds.filter((userId) => userId !== ownId);
  const named = useAppState((state) => others.slice(0, NAMED_MAX).map((userId) => state.people.get(userId)?.displayName ?? strings.somebody));
  return words.by(named, others.length < userIds.length, others.length - named.length);
}
