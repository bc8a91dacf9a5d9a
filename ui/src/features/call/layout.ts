// Where in the box of a call each of its tiles lies. Pure. They are placed rather than put into one another, so that
// whoever becomes large, or a part of the others, stays the same element: with its picture, and with the focus.
import type { Box } from "@/components/box";
import { ASPECT, bestGrid, stripFor, type Arrangement, type Seat } from "@/features/call/arrange";

/** From the start, and from the top, in whole pixels. */
export type Place = Box & { start: number; top: number };

export type Placed = { seat: Seat; place: Place; as: "one" | "large" | "beside" | "corner" };

/** In the order of the seats, whatever is large: elements that change places lose the focus. */
export function layOut(seats: readonly Seat[], { large, rest, corner }: Arrangement, box: Box, gap: number): readonly Placed[] {
  const placed = large === null ? grid(rest, box, gap) : focus(large, rest, box, gap);
  const all = corner === null ? placed : [...placed, { seat: corner, place: inCorner(box, gap), as: "corner" as const }];
  return seats.flatMap((seat) => all.filter((each) => each.seat.key === seat.key));
}

function grid(seats: readonly Seat[], box: Box, gap: number): readonly Placed[] {
  const { columns, width, height } = bestGrid(seats.length, box.width, box.height, gap);
  return rows(seats, columns, { width, height }, { start: 0, top: 0, ...box }, gap).map((each) => ({ ...each, as: "one" }));
}

function focus(large: Seat, rest: readonly Seat[], box: Box, gap: number): readonly Placed[] {
  const { side, lanes, tile } = stripFor(rest.length, box.width, box.height, gap);
  const inLane = Math.ceil(rest.length / lanes);
  const columns = side === "end" ? lanes : inLane;
  const lines = side === "end" ? inLane : lanes;
  const strip = rest.length === 0 ? { width: 0, height: 0 } : { width: columns * (tile.width + gap) - gap, height: lines * (tile.height + gap) - gap };
  const between = rest.length === 0 ? 0 : gap;
  const room = side === "end" ? { width: box.width - strip.width - between, height: box.height } : { width: box.width, height: box.height - strip.height - between };
  // A screen has the shape that it has; a face is framed.
  const { width, height } = large.source === "screen" ? { width: Math.max(0, Math.floor(room.width)), height: Math.max(0, Math.floor(room.height)) } : bestGrid(1, room.width, room.height, 0);
  // Both are in the middle together.
  const start = side === "end" ? half(box.width - width - between - strip.width) : half(box.width - width);
  const top = side === "end" ? half(box.height - height) : half(box.height - height - between - strip.height);
  const around = side === "end" ? { start: start + width + between, top: 0, width: strip.width, height: box.height } : { start: 0, top: top + height + between, width: box.width, height: strip.height };
  return [{ seat: large, place: { start, top, width, height }, as: "large" }, ...rows(rest, columns, tile, around, gap).map((each) => ({ ...each, as: "beside" as const }))];
}

/** Rows of tiles of one size, in the middle of a place. */
function rows(seats: readonly Seat[], columns: number, { width, height }: Box, around: Place, gap: number): readonly Omit<Placed, "as">[] {
  const count = Math.ceil(seats.length / columns);
  const top = around.top + half(around.height - count * (height + gap) + gap);
  return seats.map((seat, at) => {
    const row = Math.floor(at / columns);
    const inRow = Math.min(columns, seats.length - row * columns);
    const start = around.start + half(around.width - inRow * (width + gap) + gap) + (at % columns) * (width + gap);
    return { seat, place: { start, top: top + row * (height + gap), width, height } };
  });
}

const CORNER_MIN = 72;
const CORNER_MAX = 220;

/** Oneself, in the corner of the one other. */
function inCorner(box: Box, gap: number): Place {
  const other = bestGrid(1, box.width, box.height, 0);
  const width = Math.round(Math.max(CORNER_MIN, Math.min(CORNER_MAX, other.width * 0.26)));
  const height = Math.round(width / ASPECT);
  return { start: Math.max(0, half(box.width - other.width) + other.width - gap - width), top: Math.max(0, half(box.height - other.height) + other.height - gap - height), width, height };
}

const half = (length: number): number => Math.max(0, Math.floor(length / 2));
