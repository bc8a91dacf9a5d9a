// The emoji of Unicode with their names, as emojibase has them: packaged, and loaded when somebody first needs one.
//
// Feeds the picker and the composer's `:shortcode` completion. Nothing is asked of any host.
import { useEffect, useState } from "react";

export type Emoji = {
  emoji: string;
  label: string;
  shortcodes: readonly string[];
  /** In five skin tones, lightest first; empty where it has none, or needs two of them. */
  tones: readonly string[];
  /** What it is found by, folded. */
  words: string;
};

/** None, or one of five from light to dark. */
export type SkinTone = 0 | 1 | 2 | 3 | 4 | 5;

export const EMOJI_GROUPS = ["smileys", "people", "animals", "food", "travel", "activities", "objects", "symbols", "flags"] as const;
export type EmojiGroup = (typeof EMOJI_GROUPS)[number];

export type EmojiSet = {
  groups: ReadonlyMap<EmojiGroup, readonly Emoji[]>;
  all: readonly Emoji[];
  byEmoji: ReadonlyMap<string, Emoji>;
  byShortcode: ReadonlyMap<string, Emoji>;
};

/** Emojibase's numbers of the groups; 2 holds skin tones and hair, which are no emoji of their own. */
const GROUP_OF: Readonly<Record<number, EmojiGroup>> = { 0: "smileys", 1: "people", 3: "animals", 4: "food", 5: "travel", 6: "activities", 7: "objects", 8: "symbols", 9: "flags" };
const TONES = 5;

let loading: Promise<EmojiSet> | null = null;

export function loadEmoji(): Promise<EmojiSet> {
  loading ??= Promise.all([import("emojibase-data/en/compact.json"), import("emojibase-data/en/shortcodes/github.json")]).then(([emoji, shortcodes]) => build(emoji.default, shortcodes.default));
  return loading;
}

/** `null` until they are loaded, which begins when they are first `wanted`. */
export function useEmojiSet(wanted: boolean): EmojiSet | null {
  const [set, setSet] = useState<EmojiSet | null>(null);
  useEffect(() => {
    if (!wanted || set !== null) return;
    let current = true;
    void loadEmoji().then((loaded) => current && setSet(loaded));
    return () => {
      current = false;
    };
  }, [wanted, set]);
  return set;
}

/** The part of emojibase's compact form that is used; its own types need a package of their own. */
type Listed = { hexcode: string; label: string; unicode: string; group?: number; order?: number; tags?: readonly string[]; skins?: readonly { unicode: string }[] };

function build(listed: readonly Listed[], shortcodes: Readonly<Record<string, string | string[]>>): EmojiSet {
  const groups = new Map<EmojiGroup, Emoji[]>(EMOJI_GROUPS.map((group) => [group, []]));
  for (const entry of [...listed].sort((a, b) => (a.order ?? 0) - (b.order ?? 0))) {
    const group = entry.group === undefined ? undefined : GROUP_OF[entry.group];
    if (group === undefined) continue;
    const codes = [shortcodes[entry.hexcode] ?? []].flat();
    const tones = entry.skins?.length === TONES ? entry.skins.map((skin) => skin.unicode) : [];
    groups.get(group)?.push({ emoji: entry.unicode, label: entry.label, shortcodes: codes, tones, words: [entry.label, ...(entry.tags ?? []), ...codes].join(" ").toLowerCase() });
  }
  const all = [...groups.values()].flat();
  return {
    groups,
    all,
    byEmoji: new Map(all.flatMap((each) => [each.emoji, ...each.tones].map((emoji): [string, Emoji] => [emoji, each]))),
    byShortcode: new Map(all.flatMap((each) => each.shortcodes.map((code): [string, Emoji] => [code, each]))),
  };
}

export function withTone(emoji: Emoji, tone: SkinTone): string {
  return tone === 0 ? emoji.emoji : (emoji.tones[tone - 1] ?? emoji.emoji);
}

/** Those that every word of the query is in; names and shortcodes that begin with it come first. */
export function searchEmoji(set: EmojiSet, query: string, limit: number): readonly Emoji[] {
  const words = query.toLowerCase().split(/[\s_:]+/u).filter((word) => word !== "");
  const first = words[0];
  if (first === undefined) return set.all.slice(0, limit);
  const ranked = set.all.flatMap((emoji) => (words.every((word) => emoji.words.includes(word)) ? [{ emoji, rank: rankOf(emoji, first) }] : []));
  return ranked
    .sort((a, b) => a.rank - b.rank)
    .slice(0, limit)
    .map(({ emoji }) => emoji);
}

function rankOf(emoji: Emoji, word: string): number {
  if (emoji.shortcodes.includes(word) || emoji.label.toLowerCase() === word) return 0;
  if (emoji.shortcodes.some((code) => code.startsWith(word)) || emoji.label.toLowerCase().startsWith(word)) return 1;
  return emoji.words.split(" ").some((each) => each.startsWith(word)) ? 2 : 3;
}
