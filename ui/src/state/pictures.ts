// Which pictures of the call this window shows, and how large. The engine is told whenever that changes, at a pace that
// a window which is pulled at its corner does not outrun, and hands each picture to who shows it.
import type { Client } from "@/client/client";
import type { Picture } from "@/client/pictures";
import type { PictureSource, Tile } from "@/client/types";
import { currentCall } from "@/state/calls";
import type { Store } from "@/state/store";

export type PictureOf = { deviceId: string; source: PictureSource };

/** One place on the screen where somebody is seen. */
export interface Watch {
  /** How large it is, in pixels of the screen. Nothing comes before it is known, or while either side is zero. */
  resize(width: number, height: number): void;
  stop(): void;
}

export type Watcher = (of: PictureOf, draw: (picture: Picture) => void) => Watch;

/** What the engine takes. */
export const TILES_MAX = 12;
/** Sizes change at every frame while a window is pulled. */
export const PAUSE_MS = 150;
/** Larger than any screen; beyond it the engine would refuse the whole list. */
const SIDE_MAX = 8_192;

/** Stands for no call. */
const TRIAL = "";

type Watched = PictureOf & { width: number; height: number; draw: (picture: Picture) => void };

export function createPictures(client: Client, store: Store): Watcher {
  const watched = new Set<Watched>();
  /** What the engine answered last, and what it had been asked for. */
  let asked: { callId: string; key: string; list: readonly Watched[]; view: number } | null = null;
  /** Pictures of a view that it answered with, but the answer is not here yet. The newest of each tile. */
  let early = new Map<number, Picture>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;
  let pacedUntil = 0;

  /** The call that this window is in; `TRIAL` while the camera is tried out instead. */
  const callId = (): string | null => {
    const { calls } = store.getState();
    return currentCall(calls)?.callId ?? (calls.trial === null ? null : TRIAL);
  };

  /** All that is on the screen. Where it is more than the engine takes, the largest. */
  function wanted(): readonly Watched[] {
    if (document.visibilityState === "hidden") return [];
    const seen = [...watched].filter(({ width, height }) => width > 0 && height > 0);
    return seen.length <= TILES_MAX ? seen : seen.sort((a, b) => b.width * b.height - a.width * a.height).slice(0, TILES_MAX);
  }

  async function ask(): Promise<void> {
    const of = callId();
    const list = wanted();
    const tiles = list.map(({ deviceId, source, width, height }): Tile => ({ deviceId, source, width, height }));
    const key = JSON.stringify(tiles);
    if (of === null || (asked === null && list.length === 0)) {
      asked = null;
      return;
    }
    if (asked?.callId === of && asked.key === key && asked.list.every((each, at) => each === list[at])) return;
    asking = true;
    try {
      const { view } = await client.call("calls.view", of === TRIAL ? { tiles } : { callId: of, tiles });
      asked = { callId: of, key, list, view };
      for (const picture of early.values()) show(picture);
    } catch {
      // The call is over, or the way to the engine broke; whatever comes next asks again.
      asked = null;
    } finally {
      asking = false;
      early = new Map();
    }
  }

  function soon(afterMs = 0): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (asking) soon(PAUSE_MS);
      else {
        pacedUntil = performance.now() + PAUSE_MS;
        void ask();
      }
    }, Math.max(afterMs, pacedUntil - performance.now()));
  }

  function show(picture: Picture): void {
    if (asked?.view === picture.view) asked.list[picture.tile]?.draw(picture);
    else if (asking && picture.tile < TILES_MAX) early.set(picture.tile, picture);
  }

  client.onPicture(show);
  client.onLink((link) => {
    // A front that comes back has forgotten what this window shows.
    asked = null;
    if (link === "open" && watched.size > 0) soon();
  });
  store.subscribe((state, before) => {
    if (state.calls !== before.calls && watched.size > 0 && (asked?.callId ?? null) !== callId()) soon();
  });
  document.addEventListener("visibilitychange", () => soon());

  return (of, draw) => {
    const one: Watched = { ...of, width: 0, height: 0, draw: (picture) => watched.has(one) && draw(picture) };
    watched.add(one);
    return {
      resize(width, height) {
        const next = [width, height].map((side) => Math.max(0, Math.min(SIDE_MAX, Math.round(side))));
        if (next[0] === one.width && next[1] === one.height) return;
        [one.width = 0, one.height = 0] = next;
        soon();
      },
      stop() {
        watched.delete(one);
        soon();
      },
    };
  };
}
