// Where the small call lies that one has while one reads elsewhere. Pure.
import type { Box } from "@/components/box";

/** Shares of the room that it can move in, from the start and from the top: it keeps its place when the window changes. */
export type FloatPlace = { start: number; top: number };

export type Rect = { left: number; top: number; width: number; height: number };

export const MARGIN = 12;
/** Above the row with one's own name, at the foot of the rooms. */
const FOOT = 66;
/** Below the head of a narrow window. */
const HEAD = 60;

export type Surroundings = { window: Box; panel: Box; /** Where one writes, which is never covered. */ composer: Rect | null; rightToLeft: boolean; narrow: boolean };

/** Its corner, in pixels of the window. */
export function floatAt(place: FloatPlace | null, around: Surroundings): { left: number; top: number } {
  const free = freeIn(around);
  const fromStart = place === null ? (around.narrow ? free.width : 0) : clamp(place.start) * free.width;
  // In a narrow window: under the head of what one writes in, at the foot of a list, where it covers least.
  const fromTop = place === null ? (around.narrow && around.composer !== null ? HEAD - MARGIN : free.height - (FOOT - MARGIN)) : clamp(place.top) * free.height;
  const left = MARGIN + (around.rightToLeft ? free.width - fromStart : fromStart);
  const top = MARGIN + Math.max(0, Math.min(free.height, fromTop));
  const { composer, panel } = around;
  if (composer === null || left >= composer.left + composer.width || left + panel.width <= composer.left || top >= composer.top + composer.height || top + panel.height <= composer.top) return { left, top };
  return { left, top: Math.max(0, composer.top - panel.height - MARGIN) };
}

/** The place whose corner this is. */
export function placeAt(corner: { left: number; top: number }, around: Surroundings): FloatPlace {
  const free = freeIn(around);
  const fromLeft = free.width === 0 ? 0 : clamp((corner.left - MARGIN) / free.width);
  return { start: around.rightToLeft ? 1 - fromLeft : fromLeft, top: free.height === 0 ? 0 : clamp((corner.top - MARGIN) / free.height) };
}

function freeIn({ window, panel }: Surroundings): Box {
  return { width: Math.max(0, window.width - panel.width - 2 * MARGIN), height: Math.max(0, window.height - panel.height - 2 * MARGIN) };
}

const clamp = (share: number): number => Math.max(0, Math.min(1, share));
