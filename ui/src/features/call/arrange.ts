// Where the pictures of a call go. Pure.
import type { Call, PictureSource } from "@/client/types";
import type { Box } from "@/components/box";
import type { CallLook } from "@/state/calls";

/** Somebody in the call, or a screen that is shown in it. */
export type Seat = { key: string; userId: string; deviceId: string; source: PictureSource; own: boolean };

export type Arrangement = {
  /** The one that has most of the room. */
  large: Seat | null;
  /** The others, beside it; all of them where none is large. */
  rest: readonly Seat[];
  /** Oneself in a corner, where one has no place among the others. */
  corner: Seat | null;
};

export const keyOf = (deviceId: string, source: PictureSource): string => `${source} ${deviceId}`;

/** Everybody in the call, screens first, oneself last. */
export function seatsOf(call: Call, own: { userId: string; deviceId: string }): readonly Seat[] {
  const seat = (userId: string, deviceId: string, source: PictureSource): Seat => ({ key: keyOf(deviceId, source), userId, deviceId, source, own: deviceId === own.deviceId });
  const others = call.participants;
  return [
    ...others.filter(({ screen }) => screen).map(({ userId, deviceId }) => seat(userId, deviceId, "screen")),
    // One's own screen in one's own window would show itself in itself without end: a word says that it is shown.
    ...others.map(({ userId, deviceId }) => seat(userId, deviceId, "camera")),
    seat(own.userId, own.deviceId, "camera"),
  ];
}

export function arrange(seats: readonly Seat[], look: Pick<CallLook, "arranged" | "pinned" | "self">, speaker: string | null, ownCamera: boolean): Arrangement {
  const others = seats.filter((seat) => !seat.own);
  const own = seats.find((seat) => seat.own) ?? null;
  // Nobody else to look at: oneself, as others will see it.
  if (others.length === 0) return { large: null, rest: own === null ? [] : [own], corner: null };
  const self = look.self ? own : null;
  const screen = others.find((seat) => seat.source === "screen");
  const pinned = seats.find((seat) => seat.key === look.pinned && (!seat.own || look.self));
  const focus = pinned ?? (look.arranged === "grid" ? undefined : (screen ?? (look.arranged === "speaker" ? (others.find((seat) => seat.deviceId === speaker) ?? others[0]) : undefined)));
  // Beside one other person one is a corner; among more one is one of them.
  const cornered = self !== null && pinned?.key !== self.key && others.length === 1;
  const corner = cornered && ownCamera ? self : null;
  const among = [...others, ...(self === null || cornered ? [] : [self])];
  if (focus === undefined || (among.length === 1 && corner === null && focus.key === among[0]?.key)) return { large: null, rest: among, corner };
  return { large: focus, rest: among.filter((seat) => seat.key !== focus.key), corner };
}

/** What a face is framed in. */
export const ASPECT = 16 / 9;

export type Grid = { columns: number; rows: number; width: number; height: number };

/** The rows and columns in which so many tiles of one shape are as large as they can be in a box. */
export function bestGrid(count: number, width: number, height: number, gap: number, aspect = ASPECT): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const widest = Math.min((width - gap * (columns - 1)) / columns, ((height - gap * (rows - 1)) / rows) * aspect);
    // Of two that are alike the one with fewer columns: rows are read first.
    if (widest > best.width + 0.5) best = { columns, rows, width: Math.floor(widest), height: Math.floor(widest / aspect) };
  }
  return best;
}

/** Beside the large one: columns at the end where the box is wide, rows below where it is tall. One, while all have room in it. */
export type Strip = { side: "end" | "below"; lanes: number; tile: Box };

const STRIP_MIN = 80;
const STRIP_MAX = 240;
/** How much of the box the others take where they are not too many. */
const STRIP_SHARE = 0.24;

/** Where they leave the large one most. */
export function stripFor(count: number, width: number, height: number, gap: number): Strip {
  const end = strip("end", count, width, height, gap);
  const below = strip("below", count, width, height, gap);
  const beside = Math.min(width - depthOf(end, gap), height * ASPECT);
  const above = Math.min(width, (height - depthOf(below, gap)) * ASPECT);
  return beside >= above ? end : below;
}

/** What it takes from the large one. */
function depthOf({ side, lanes, tile }: Strip, gap: number): number {
  return lanes * ((side === "end" ? tile.width : tile.height) + gap);
}

/** As large as lets all of them be seen, within what leaves the large one most of the room. */
function strip(side: Strip["side"], count: number, width: number, height: number, gap: number): Strip {
  const [along, across] = side === "end" ? [height, width] : [width, height];
  // How wide a tile is that is so long, and so deep.
  const [ofLength, ofDepth] = side === "end" ? [ASPECT, 1] : [1, ASPECT];
  let best: Strip = { side, lanes: 1, tile: { width: 0, height: 0 } };
  for (let lanes = 1; lanes <= count && best.tile.width < STRIP_MIN; lanes += 1) {
    const inLane = Math.ceil(count / lanes);
    const fits = ((along - gap * (inLane - 1)) / inLane) * ofLength;
    const most = Math.max(STRIP_MIN, ((across * STRIP_SHARE) / lanes) * ofDepth);
    const half = ((across / 2 - gap * lanes) / lanes) * ofDepth;
    const tileWidth = Math.floor(Math.max(0, Math.min(STRIP_MAX, fits, most, half)));
    if (tileWidth > best.tile.width) best = { side, lanes, tile: { width: tileWidth, height: Math.floor(tileWidth / ASPECT) } };
  }
  return best;
}
