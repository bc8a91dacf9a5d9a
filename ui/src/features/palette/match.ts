// How the palette finds things: every word that was typed must begin a word of the name, or stand in it. Pure.

export type Match = { /** Lower is better. */ rank: number; ranges: readonly (readonly [number, number])[] };

/** Where `query` stands in `name`; `null` where it does not. An empty query matches everything alike. */
export function matchName(name: string, query: string): Match | null {
  const words = query.trim().toLocaleLowerCase().split(/\s+/u).filter((word) => word !== "");
  const folded = name.toLocaleLowerCase();
  // Folding can change the length of a name; then nothing is marked, and it is found all the same.
  const marks = folded.length === name.length;
  let rank = 0;
  const ranges: [number, number][] = [];
  for (const word of words) {
    const at = folded.indexOf(word);
    if (at === -1) return null;
    rank += at === 0 ? 0 : /[\s\-_.]/u.test(folded.charAt(at - 1)) ? 1 : 2;
    if (marks) ranges.push([at, at + word.length]);
  }
  return { rank, ranges: ranges.sort((a, b) => a[0] - b[0]).filter((range, at) => at === 0 || range[0] >= (ranges[at - 1]?.[1] ?? 0)) };
}
