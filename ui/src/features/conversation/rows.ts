// The rows of a log: messages, grouped by author and nearness in time, with rules between days and above what is new.
//
// Pure. `message-list.tsx` virtualises what comes out; a row's key never changes while its message is there.
import type { Message } from "@/client/types";
import type { Unsent } from "@/state/state";

export type Row =
  | { kind: "beginning"; key: string }
  | { kind: "day"; key: string; at: number }
  | { kind: "new"; key: string }
  | { kind: "message"; key: string; message: Message; head: boolean }
  | { kind: "unsent"; key: string; unsent: Unsent };

/** Messages of one author no further apart than this stand under one name. */
const GROUP_MS = 5 * 60_000;

export type RowsInput = {
  messages: readonly Message[];
  unsent: readonly Unsent[];
  /** Above this message goes the "New" rule. */
  firstNew: string | null;
  /** Whether the first message is the first of the room. */
  complete: boolean;
};

export function rowsOf({ messages, unsent, firstNew, complete }: RowsInput): readonly Row[] {
  const rows: Row[] = complete ? [{ kind: "beginning", key: "beginning" }] : [];
  let before: Message | null = null;
  // Of a hundred thousand messages few begin a day: a calendar is asked about those alone.
  let day = { from: 0, until: 0 };
  for (const message of messages) {
    const newDay = before === null || message.sentAt < day.from || message.sentAt >= day.until;
    if (newDay) day = { from: dayOf(message.sentAt), until: dayOf(message.sentAt, 1) };
    // Days are not unique: an author's clock may step back, so the key names the message below.
    if (newDay) rows.push({ kind: "day", key: `day-${message.messageId}`, at: message.sentAt });
    const isNew = message.messageId === firstNew;
    if (isNew) rows.push({ kind: "new", key: "new" });
    const call = message.call !== undefined || before?.call !== undefined;
    const head = newDay || isNew || call || before?.author !== message.author || Math.abs(message.sentAt - before.sentAt) >= GROUP_MS;
    rows.push({ kind: "message", key: message.messageId, message, head });
    before = message;
  }
  for (const each of unsent) rows.push({ kind: "unsent", key: each.id, unsent: each });
  return rows;
}

/**
 * Whether rows came in above the last one, so that the list keeps its place counted from its end. Older pages do; so
 * does a message that arrives late and belongs further up.
 */
export function growsAbove(before: readonly Row[], after: readonly Row[]): boolean {
  return before.length > 0 && after.length > before.length && before.at(-1)?.key === after.at(-1)?.key;
}

/** When the day of a moment begins, or one that follows it. */
function dayOf(at: number, later = 0): number {
  const date = new Date(at);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + later).getTime();
}

/** Whole days between two moments, as a calendar counts them. */
export function daysBetween(at: number, now: number): number {
  return Math.round((dayOf(now) - dayOf(at)) / 86_400_000);
}
