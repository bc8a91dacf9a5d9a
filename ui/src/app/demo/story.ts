// What happened in the network, told from one look to the next, with how long it took to heal. Pure.
import type { NetStatus, PeerPath } from "@/client/types";
import { linkTo } from "@/app/demo/traffic";

export type Look = {
  server: boolean;
  /** In the page's order. */
  people: readonly { userId: string; name: string; net: NetStatus | null }[];
};

export type Happening =
  | { kind: "serverCut" }
  | { kind: "serverBack" }
  | { kind: "serverLost" | "serverFound"; name: string }
  | { kind: "linked"; a: string; b: string; path: PeerPath }
  | { kind: "unlinked"; a: string; b: string };

export type Entry = { id: number; at: number; what: Happening; tookMs?: number };

const ENTRIES_MAX = 60;

/** The newest first. `story` is what was told before. */
export function told(story: readonly Entry[], before: Look, now: Look, at: number): readonly Entry[] {
  const news = happenings(before, now);
  if (news.length === 0) return story;
  let id = story[0]?.id ?? 0;
  const fresh: Entry[] = [];
  for (const what of news) {
    id += 1;
    const broke = healed(what, [...fresh, ...story]);
    fresh.unshift({ id, at, what, ...(broke === undefined ? {} : { tookMs: at - broke.at }) });
  }
  return [...fresh, ...story].slice(0, ENTRIES_MAX);
}

function happenings(before: Look, now: Look): readonly Happening[] {
  const news: Happening[] = [];
  if (before.server !== now.server) news.push({ kind: now.server ? "serverBack" : "serverCut" });
  for (const [at, person] of now.people.entries()) {
    const earlier = before.people[at];
    if (earlier?.net === null || earlier === undefined || person.net === null) continue;
    const was = earlier.net.server === "online";
    const is = person.net.server === "online";
    if (was !== is) news.push({ kind: is ? "serverFound" : "serverLost", name: person.name });
    // A link has two ends; the first tells of it.
    for (const other of now.people.slice(at + 1)) {
      const had = linkTo(earlier.net, other.userId)?.path;
      const has = linkTo(person.net, other.userId)?.path;
      if (had === has) continue;
      news.push(has === undefined ? { kind: "unlinked", a: person.name, b: other.name } : { kind: "linked", a: person.name, b: other.name, path: has });
    }
  }
  return news;
}

/** What a healing heals: for a link its last break, for somebody's connection the return of the server, or their own loss. */
function healed(what: Happening, story: readonly Entry[]): Entry | undefined {
  if (what.kind === "linked") return story.find(({ what: each }) => (each.kind === "unlinked" || each.kind === "linked") && each.a === what.a && each.b === what.b && each.kind === "unlinked");
  if (what.kind === "serverFound") return story.find(({ what: each }) => each.kind === "serverBack" || (each.kind === "serverLost" && each.name === what.name));
  return undefined;
}
