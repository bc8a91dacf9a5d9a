import { expect, test } from "vitest";
import { floatAt, MARGIN, placeAt, type Surroundings } from "@/features/call/float";

const wide: Surroundings = { window: { width: 1280, height: 800 }, panel: { width: 228, height: 200 }, composer: { left: 268, top: 700, width: 728, height: 84 }, rightToLeft: false, narrow: false };

test("at first it lies over the foot of the rooms, and under the head of a narrow window", () => {
  expect(floatAt(null, wide)).toEqual({ left: MARGIN, top: 534 });
  expect(floatAt(null, { ...wide, rightToLeft: true })).toEqual({ left: 1280 - 228 - MARGIN, top: 534 });
  expect(floatAt(null, { ...wide, window: { width: 360, height: 740 }, narrow: true })).toEqual({ left: 120, top: 60 });
});

test("wherever it is put it is whole in the window and never over what one writes", () => {
  for (const size of [{ width: 1280, height: 800 }, { width: 360, height: 740 }, { width: 3840, height: 2160 }]) {
    const around: Surroundings = { ...wide, window: size, composer: { left: Math.min(268, size.width / 10), top: size.height - 100, width: size.width * 0.6, height: 84 } };
    for (let start = -0.5; start <= 1.5; start += 0.1) {
      for (let from = -0.5; from <= 1.5; from += 0.1) {
        const { left, top } = floatAt({ start, top: from }, around);
        expect(left).toBeGreaterThanOrEqual(0);
        expect(left + 228).toBeLessThanOrEqual(size.width);
        expect(top).toBeGreaterThanOrEqual(0);
        expect(top + 200).toBeLessThanOrEqual(size.height);
        const { composer } = around;
        const over = composer !== null && left < composer.left + composer.width && left + 228 > composer.left && top < composer.top + composer.height && top + 200 > composer.top;
        expect(over).toBe(false);
      }
    }
  }
});

test("it keeps its place when the window is another, and is where it was put", () => {
  const place = placeAt({ left: 1280 - 228 - MARGIN, top: MARGIN }, wide);
  expect(floatAt(place, { ...wide, window: { width: 2560, height: 1440 } })).toEqual({ left: 2560 - 228 - MARGIN, top: MARGIN });
  for (const rightToLeft of [false, true]) {
    const around = { ...wide, rightToLeft };
    const at = floatAt(placeAt({ left: 500, top: 300 }, around), around);
    expect([Math.round(at.left), Math.round(at.top)]).toEqual([500, 300]);
  }
});

test("a window that is smaller than it has it in its corner", () => {
  expect(floatAt({ start: 0.7, top: 0.7 }, { ...wide, window: { width: 200, height: 150 }, composer: null })).toEqual({ left: MARGIN, top: MARGIN });
});
