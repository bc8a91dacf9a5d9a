// What of a message's text is painted. A text comes from outside: it may be a megabyte without a space, or one letter
// under a hundred thousand accents, and shaping that would freeze the window for everybody in the room.
//
// Pure. Nothing is lost: copying takes the whole text, and "Show all" paints it, in blocks that a layout can bear.

export type Piece = { kind: "text"; text: string } | { kind: "link"; text: string; href: string };

export type Painted = { text: string; /** Characters left out. */ hidden: number };

/** Painted of a long text before somebody asks for all of it. */
export const SHOWN_CHARACTERS_MAX = 2_000;
export const SHOWN_LINES_MAX = 30;
/** Accents on one letter; real languages need fewer. Always applies: more is never writing. */
const MARKS_MAX = 6;
/** A block of "Show all". */
const BLOCK_CHARACTERS_MAX = 4_000;

const MANY_MARKS = new RegExp(`(\\p{M}{${MARKS_MAX}})\\p{M}+`, "gu");
const SCHEMES: readonly string[] = ["http:", "https:", "mailto:", "momoland:"];
const ADDRESS = "(?:https?://|momoland://|mailto:)[^\\s<>\"'`\\u0000-\\u001f]+";
const LINK = new RegExp(`\\b${ADDRESS}`, "giu");
const LINK_HERE = new RegExp(ADDRESS, "iuy");
const LINK_CHARACTERS_MAX = 2_048;

/**
 * The text without towers of accents, without control characters that no font can paint, and without the two that turn
 * whatever follows around, which serve only to make an address look like another.
 */
export function paintable(text: string): string {
  return text.replace(MANY_MARKS, "$1").replace(/[\u0000-\u0008\u000b-\u001f\u007f\u202d\u202e]/gu, "");
}

export function clamp(text: string): Painted {
  let end = Math.min(text.length, SHOWN_CHARACTERS_MAX);
  let newline = -1;
  for (let lines = 0; lines < SHOWN_LINES_MAX; lines += 1) {
    newline = text.indexOf("\n", newline + 1);
    if (newline === -1 || newline >= end) break;
    if (lines === SHOWN_LINES_MAX - 1) end = newline;
  }
  if (end >= text.length) return { text, hidden: 0 };
  // Not between the halves of a pair.
  if (/[\uD800-\uDBFF]/u.test(text.charAt(end - 1))) end -= 1;
  return { text: text.slice(0, end), hidden: text.length - end };
}

/** Cuts a long text at its lines where it has any, so that each block can be laid out by itself. */
export function blocksOf(text: string): readonly string[] {
  const blocks: string[] = [];
  let start = 0;
  while (text.length - start > BLOCK_CHARACTERS_MAX) {
    const newline = text.lastIndexOf("\n", start + BLOCK_CHARACTERS_MAX);
    const end = newline > start ? newline : start + BLOCK_CHARACTERS_MAX;
    blocks.push(text.slice(start, end));
    start = newline > start ? end + 1 : end;
  }
  blocks.push(text.slice(start));
  return blocks;
}

/** The address that begins exactly here, without what belongs to the sentence around it; `null` where none does. */
export function addressAt(text: string, start: number): { text: string; href: string } | null {
  LINK_HERE.lastIndex = start;
  const raw = LINK_HERE.exec(text)?.[0].slice(0, LINK_CHARACTERS_MAX);
  if (raw === undefined) return null;
  const address = withoutTail(raw);
  const href = safeHref(address);
  return href === null ? null : { text: address, href };
}

/** Splits a text at its addresses. */
export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const address = addressAt(text, match.index);
    if (address === null) continue;
    if (match.index > from) pieces.push({ kind: "text", text: text.slice(from, match.index) });
    pieces.push({ kind: "link", ...address });
    from = match.index + address.text.length;
  }
  if (from < text.length) pieces.push({ kind: "text", text: text.slice(from) });
  return pieces;
}

/** An address that may be followed, in its canonical form: the web, mail, and places in Momoland. Nothing else is a link. */
export function safeHref(address: string): string | null {
  if (address.length > LINK_CHARACTERS_MAX) return null;
  try {
    const url = new URL(address);
    return SCHEMES.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A full stop after an address belongs to the sentence, and a star to its Markdown; a bracket does unless it was opened in the address. */
function withoutTail(address: string): string {
  const count = (bracket: string): number => address.split(bracket).length - 1;
  const spare = new Map([
    [")", count(")") - count("(")],
    ["]", count("]") - count("[")],
  ]);
  let end = address.length;
  while (end > 0) {
    const last = address.charAt(end - 1);
    const unopened = spare.get(last) ?? 0;
    if (unopened > 0) spare.set(last, unopened - 1);
    else if (!/[.,;:!?…»”’*~]/u.test(last)) break;
    end -= 1;
  }
  return address.slice(0, end);
}

const EMOJI_ALONE_MAX = 3;
const EMOJI_ALONE_CHARACTERS_MAX = 40;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** One to three emoji and nothing else: they are painted large. */
export function onlyEmoji(text: string): boolean {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > EMOJI_ALONE_CHARACTERS_MAX) return false;
  const parts = [...graphemes.segment(trimmed.replace(/\s+/gu, ""))].map(({ segment }) => segment);
  return parts.length <= EMOJI_ALONE_MAX && parts.every((part) => /^(?:\p{Emoji_Presentation}|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}\uFE0F)/u.test(part));
}
