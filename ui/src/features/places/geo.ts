// Degrees, and where they are on the screen. Pure.
//
// The map is plate carrée (equirectangular): a degree is as wide as it is high, so a view is a middle and a scale, and to
// pan or zoom is one transform of shapes that were projected once. The world repeats to the east and to the west.
//
// Invariants, held by the tests beside this: the way between two positions is never longer than half the world, across
// the antimeridian too; a view never shows more than the world from pole to pole; what is on the screen is found again
// at the position that it shows.

export type Position = { lat: number; lng: number };
/** The middle, and pixels to a degree. */
export type View = { lat: number; lng: number; scale: number };
export type Size = { width: number; height: number };
export type Point = { x: number; y: number };

/** About 40 m to a pixel: closer than that a coast of 1 : 110 000 000 says nothing. */
export const SCALE_MAX = 2_800;
const METRES_PER_DEGREE = 111_320;

/** A longitude as it is written: −180 (not included) to 180. */
export function wrapped(lng: number): number {
  const turned = ((((lng + 180) % 360) + 360) % 360) - 180;
  return turned === -180 ? 180 : turned;
}

/** Degrees to go from one longitude to another the short way, east positive. */
export function shortWay(from: number, to: number): number {
  return wrapped(to - from);
}

/** A position on the short way, `part` (0 to 1) of it done. */
export function between(from: Position, to: Position, part: number): Position {
  return { lat: from.lat + (to.lat - from.lat) * part, lng: wrapped(from.lng + shortWay(from.lng, to.lng) * part) };
}

export function toScreen(view: View, size: Size, position: Position): Point {
  return { x: size.width / 2 + shortWay(view.lng, position.lng) * view.scale, y: size.height / 2 - (position.lat - view.lat) * view.scale };
}

/** The position under a point of the screen; beyond a pole, the pole. */
export function toPosition(view: View, size: Size, point: Point): Position {
  const lat = view.lat - (point.y - size.height / 2) / view.scale;
  return { lat: Math.max(-90, Math.min(90, lat)), lng: wrapped(view.lng + (point.x - size.width / 2) / view.scale) };
}

/** Pixels to a degree at which the whole world from pole to pole is as high as the map. */
export function scaleMin(size: Size): number {
  return Math.max(size.height / 180, 0.1);
}

export function clamped(view: View, size: Size): View {
  const scale = Math.max(scaleMin(size), Math.min(SCALE_MAX, view.scale));
  const reach = Math.max(0, 90 - size.height / 2 / scale);
  return { scale, lat: Math.max(-reach, Math.min(reach, view.lat)), lng: wrapped(view.lng) };
}

/** Nearer or further, while what is under the point stays there. */
export function zoomed(view: View, size: Size, factor: number, around: Point): View {
  const scale = Math.max(scaleMin(size), Math.min(SCALE_MAX, view.scale * factor));
  const fixed = toPosition(view, size, around);
  return clamped({ scale, lng: fixed.lng - (around.x - size.width / 2) / scale, lat: fixed.lat + (around.y - size.height / 2) / scale }, size);
}

export function panned(view: View, size: Size, by: Point): View {
  return clamped({ scale: view.scale, lng: view.lng - by.x / view.scale, lat: view.lat + by.y / view.scale }, size);
}

/** Everybody on the map, as near as they allow; people on both sides of the antimeridian are near each other. */
export function fitted(positions: readonly Position[], size: Size): View {
  const first = positions[0];
  if (first === undefined) return clamped({ lat: 15, lng: 10, scale: 0 }, size);
  const { west, east } = narrowest(positions.map((position) => position.lng));
  const south = Math.min(...positions.map((position) => position.lat));
  const north = Math.max(...positions.map((position) => position.lat));
  const margin = 0.72;
  const scale = Math.min((size.width * margin) / Math.max(east - west, 0.001), (size.height * margin) / Math.max(north - south, 0.001), CLOSE);
  return clamped({ lat: (south + north) / 2, lng: (west + east) / 2, scale }, size);
}

/** One person alone is shown with the country around them. */
const CLOSE = 24;

/** The shortest stretch of longitudes that has all of them; `east` may be beyond 180. */
function narrowest(lngs: readonly number[]): { west: number; east: number } {
  const sorted = [...new Set(lngs)].sort((a, b) => a - b);
  let best = { west: sorted[0] ?? 0, east: sorted.at(-1) ?? 0 };
  for (let at = 1; at < sorted.length; at += 1) {
    const west = sorted[at] ?? 0;
    const east = (sorted[at - 1] ?? 0) + 360;
    if (east - west < best.east - best.west) best = { west, east };
  }
  return best;
}

/** Half-axes, in pixels, of so many metres around a position. Towards the poles a degree of longitude is shorter. */
export function radii(view: View, lat: number, metres: number): Point {
  const degrees = metres / METRES_PER_DEGREE;
  return { x: (degrees / Math.max(0.01, Math.cos((lat * Math.PI) / 180))) * view.scale, y: degrees * view.scale };
}

/** A round length for the scale bar, at most `pixelsMax` long at the middle of the view. */
export function scaleBar(view: View, pixelsMax: number): { metres: number; pixels: number } {
  const metresPerPixel = (METRES_PER_DEGREE * Math.max(0.01, Math.cos((view.lat * Math.PI) / 180))) / view.scale;
  const most = metresPerPixel * pixelsMax;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = ([5, 2, 1].find((step) => step * power <= most) ?? 1) * power;
  return { metres, pixels: metres / metresPerPixel };
}
