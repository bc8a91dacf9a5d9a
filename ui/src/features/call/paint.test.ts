import { expect, test } from "vitest";
import type { Picture } from "@/client/pictures";
import { convert } from "@/features/call/paint";

function picture(width: number, height: number, y: readonly number[], u: readonly number[], v: readonly number[]): Picture {
  return { view: 0, tile: 0, width, height, at: 0, y: new Uint8Array(y), u: new Uint8Array(u), v: new Uint8Array(v) };
}

function pixels(of: Picture): number[][] {
  const rgba = new Uint8ClampedArray(of.width * of.height * 4);
  convert(of, rgba);
  return Array.from({ length: of.width * of.height }, (_, at) => [...rgba.slice(at * 4, at * 4 + 4)]);
}

// The primaries of BT.601 with limited range, as every table of them has it.
test.each([
  ["black", 16, 128, 128, [0, 0, 0]],
  ["white", 235, 128, 128, [255, 255, 255]],
  ["grey", 126, 128, 128, [128, 128, 128]],
  ["red", 81, 90, 240, [254, 0, 0]],
  ["green", 145, 54, 34, [0, 255, 1]],
  ["blue", 41, 240, 110, [0, 0, 255]],
])("%s is %s", (_, y, u, v, rgb) => {
  const [pixel] = pixels(picture(1, 1, [y], [u], [v]));
  rgb.forEach((value, at) => expect(Math.abs((pixel?.[at] ?? -1) - value)).toBeLessThanOrEqual(1));
  expect(pixel?.[3]).toBe(255);
});

test("what no camera makes is cut off, not wrapped", () => {
  expect(pixels(picture(1, 1, [255], [255], [255]))[0]).toEqual([255, 125, 255, 255]);
  expect(pixels(picture(1, 1, [0], [0], [0]))[0]).toEqual([0, 136, 0, 255]);
});

test("four pixels share a colour, and the last column of an odd picture has its own", () => {
  const rows = pixels(picture(3, 2, [81, 81, 41, 81, 81, 41], [90, 240], [240, 110]));
  const red = rows[0];
  const blue = rows[2];
  expect(red?.[0]).toBeGreaterThan(250);
  expect(blue?.[2]).toBeGreaterThan(250);
  expect(rows).toEqual([red, red, blue, red, red, blue]);
});
