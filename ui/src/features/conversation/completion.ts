// What a composer offers while one types: people after `@`, emoji after `:`. Pure; `text-box.tsx` shows it.
import type { Emoji, EmojiSet } from "@/components/emoji/emoji-data";
import { searchEmoji } from "@/components/emoji/emoji-data";
import type { Person } from "@/state/state";

export type Token = { kind: "mention" | "emoji"; query: string; start: number; end: number };

export type Option =
  | { kind: "person"; key: string; person: Person; insert: string }
  | { kind: "room"; key: string; insert: string }
  | { kind: "emoji"; key: string; emoji: Emoji; insert: string };

const OPTIONS_MAX = 8;
const LOOK_BACK = 40;

/** What is being typed right before the caret, if it asks for something. */
export function tokenAt(text: string, caret: number): Token | null {
  const before = text.slice(Math.max(0, caret - LOOK_BACK), caret);
  const mention = /(?:^|[\s(])@([\p{L}\p{N}\p{M}._-]*)$/u.exec(before);
  if (mention !== null) return { kind: "mention", query: mention[1] ?? "", start: caret - (mention[1] ?? "").length - 1, end: caret };
  const emoji = /(?:^|[\s(]):([\p{L}\p{N}_+-]{2,})$/u.exec(before);
  return emoji === null ? null : { kind: "emoji", query: emoji[1] ?? "", start: caret - (emoji[1] ?? "").length - 1, end: caret };
}

/** Members by name or handle; who has the query at the beginning comes first. */
export function mentionOptions(people: readonly Person[], query: string, roomWord: string): readonly Option[] {
  const wanted = query.toLocaleLowerCase();
  const rankOf = (text: string): number => {
    const folded = text.toLocaleLowerCase();
    return folded.startsWith(wanted) ? 0 : folded.split(/\s+/u).some((word) => word.startsWith(wanted)) ? 1 : 9;
  };
  const found = people
    .map((person) => ({ person, rank: Math.min(rankOf(person.displayName), rankOf(person.handle)) }))
    .filter(({ rank }) => rank < 9)
    .sort((a, b) => a.rank - b.rank || a.person.displayName.localeCompare(b.person.displayName))
    .map(({ person }): Option => ({ kind: "person", key: person.userId, person, insert: `@${person.handle} ` }));
  const room: readonly Option[] = wanted === "" || "room".startsWith(wanted) || rankOf(roomWord) < 9 ? [{ kind: "room", key: "@room", insert: "@room " }] : [];
  return [...found.slice(0, OPTIONS_MAX - room.length), ...room];
}

export function emojiOptions(set: EmojiSet, query: string, insertOf: (emoji: Emoji) => string): readonly Option[] {
  return searchEmoji(set, query, OPTIONS_MAX).map((emoji) => ({ kind: "emoji", key: emoji.emoji, emoji, insert: `${insertOf(emoji)} ` }));
}

export function completed(text: string, token: Token, insert: string): { text: string; caret: number } {
  // A space that is there already is not doubled.
  const rest = text.slice(token.end);
  const put = insert.endsWith(" ") && rest.startsWith(" ") ? insert.slice(0, -1) : insert;
  return { text: text.slice(0, token.start) + put + rest, caret: token.start + insert.length };
}

/** A shortcode that was typed to its second colon. */
export function closedShortcode(text: string, caret: number): { code: string; start: number } | null {
  const match = /(?:^|[\s(]):([\p{L}\p{N}_+-]{2,}):$/u.exec(text.slice(Math.max(0, caret - LOOK_BACK), caret));
  return match === null ? null : { code: match[1] ?? "", start: caret - (match[1] ?? "").length - 2 };
}
