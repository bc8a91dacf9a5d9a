// Where the pictures of a call go. Pure.
import type { Call, PictureSource } from "@/client/types";
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

/** Beside the large one: a column at the end where the box is wide, a row below where it is tall. */
export type Strip = { side: "end" | "below"; tile: { width: number; height: number } };

const STRIP_MIN = 96;
const STRIP_MAX = 240;

export function stripFor(count: number, width: number, height: number, gap: number): Strip {
  const side = width >= height * 1.2 ? "end" : "below";
  const along = side === "end" ? height : width;
  const across = side === "end" ? width : height;
  // As large as lets all of them be seen, within what leaves the large one most of the room.
  const fits = (along - gap * (count - 1)) / Math.max(1, count);
  const tileWidth = side === "end" ? fits * ASPECT : fits;
  const most = side === "end" ? across * 0.24 : across * 0.24 * ASPECT;
  const clamped = Math.round(Math.max(STRIP_MIN, Math.min(STRIP_MAX, tileWidth, most)));
  return { side, tile: { width: clamped, height: Math.round(clamped / ASPECT) } };
}
