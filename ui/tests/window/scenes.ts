// What the cameras and screens of the scripted engine show, in I420, and the message that carries it.
import type { PictureSource } from "@/client/types";

export type Planes = { width: number; height: number; y: Uint8Array; u: Uint8Array; v: Uint8Array };
export type Scene = (width: number, height: number) => Planes;
type Rgb = readonly [number, number, number];

/** As the engine lays it out for the window. */
export function messageOf({ view, tile, at = 0 }: { view: number; tile: number; at?: number }, { width, height, y, u, v }: Planes): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt8(1, 0);
  head.writeUInt16LE(tile, 2);
  head.writeUInt32LE(view, 4);
  head.writeUInt16LE(width, 8);
  head.writeUInt16LE(height, 10);
  head.writeUInt32LE(at, 12);
  return Buffer.concat([head, y, u, v]);
}

/** A scene of pixels, in the engine's way: as large as fits into the tile in its own shape, with even sides. */
function scene(aspect: number, pixel: (x: number, y: number) => Rgb): Scene {
  return (tileWidth, tileHeight) => {
    const width = Math.max(2, Math.floor(Math.min(tileWidth, tileHeight * aspect) / 2) * 2);
    const height = Math.max(2, Math.floor(Math.min(tileHeight, tileWidth / aspect) / 2) * 2);
    const planes = { width, height, y: new Uint8Array(width * height), u: new Uint8Array((width * height) / 4), v: new Uint8Array((width * height) / 4) };
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const [r, g, b] = pixel((column + 0.5) / width, (row + 0.5) / height);
        planes.y[row * width + column] = 16 + (65.738 * r + 129.057 * g + 25.064 * b) / 256;
        if (row % 2 === 1 || column % 2 === 1) continue;
        const at = (row / 2) * (width / 2) + column / 2;
        planes.u[at] = 128 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256;
        planes.v[at] = 128 + (112.439 * r - 94.154 * g - 18.285 * b) / 256;
      }
    }
    return planes;
  };
}

const mix = (a: Rgb, b: Rgb, t: number): Rgb => [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];

/** One colour at the left, another at the right. */
export const halves = (left: Rgb, right: Rgb, aspect = 16 / 9): Scene => scene(aspect, (x) => (x < 0.5 ? left : right));

/** Somebody in a room with a window, roughly. */
export function person(wall: Rgb, coat: Rgb, hair: Rgb, skin: Rgb, aspect = 16 / 9): Scene {
  return scene(aspect, (x, y) => {
    const dx = (x - 0.5) * aspect;
    const face = (dx / 0.17) ** 2 + ((y - 0.42) / 0.22) ** 2;
    const tuft = (dx / 0.2) ** 2 + ((y - 0.36) / 0.25) ** 2;
    const shoulders = (dx / 0.42) ** 2 + ((y - 1.02) / 0.36) ** 2;
    const eyes = Math.abs(Math.abs(dx) - 0.065) < 0.018 && Math.abs(y - 0.41) < 0.016;
    const mouth = Math.abs(dx) < 0.06 && Math.abs(y - 0.53 + (dx / 0.06) ** 2 * 0.015) < 0.008;
    if (face < 1 && (y > 0.34 || face < 0.6)) return eyes || mouth ? [60, 40, 40] : mix(skin, [40, 20, 20], 0.25 * Math.max(0, dx / 0.17));
    if (tuft < 1 && y < 0.5) return hair;
    if (shoulders < 1 || (Math.abs(dx) < 0.08 && y > 0.55 && y < 0.75)) return y < 0.72 && Math.abs(dx) < 0.08 ? mix(skin, [40, 20, 20], 0.3) : mix(coat, [0, 0, 0], 0.2 * y);
    const window = x > 0.68 && x < 0.92 && y > 0.12 && y < 0.55;
    if (window) return Math.abs(x - 0.8) < 0.006 || Math.abs(y - 0.33) < 0.01 ? wall : mix([196, 220, 240], [240, 236, 214], y / 0.55);
    return mix(wall, [255, 255, 255], 0.25 * (1 - y));
  });
}

/** A page of writing beside a drawing, roughly. */
export const page: Scene = scene(16 / 10, (x, y) => {
  if (y < 0.05) return [54, 58, 66];
  if (x < 0.18) return y % 0.06 < 0.02 && x > 0.02 && x < 0.14 ? [120, 126, 138] : [236, 238, 242];
  if (x > 0.62 && x < 0.95 && y > 0.2 && y < 0.8) {
    const beam = Math.abs(y - 0.35 - 0.03 * Math.sin((x - 0.62) * 9.5)) < 0.012 || Math.abs(x - 0.65) < 0.006 || Math.abs(x - 0.92) < 0.006;
    return beam ? [178, 84, 48] : [246, 242, 234];
  }
  const line = Math.floor(y / 0.045);
  const long = 0.3 + 0.26 * Math.abs(Math.sin(line * 12.9));
  return y > 0.12 && y < 0.93 && y % 0.045 < 0.016 && x > 0.22 && x < 0.22 + long * 0.62 && Math.sin(x * 260 + line * 7) > -0.7 ? [48, 50, 56] : [255, 255, 255];
});

/** The club's cameras, each with what it sees. */
export const CAMERAS: Readonly<Record<string, Scene>> = {
  "ada-1": person([188, 170, 150], [146, 62, 44], [44, 32, 30], [150, 104, 82]),
  "ingrid-1": person([170, 190, 200], [52, 84, 120], [214, 184, 120], [236, 200, 178]),
  "mateo-1": person([200, 186, 160], [70, 104, 78], [60, 40, 30], [206, 160, 128]),
  "sam-1": person([160, 160, 172], [96, 78, 116], [120, 70, 40], [240, 208, 190], 4 / 3),
};

export const sceneOf = (deviceId: string, source: PictureSource): Scene => (source === "screen" ? page : (CAMERAS[deviceId] ?? halves([200, 60, 60], [60, 60, 200])));
