import { expect, test } from "vitest";
import { between, clamped, fitted, panned, radii, scaleBar, SCALE_MAX, scaleMin, shortWay, toPosition, toScreen, wrapped, zoomed, type View } from "@/features/places/geo";

const SIZE = { width: 600, height: 300 };
const VIEW: View = { lat: 20, lng: 170, scale: 8 };

test("the way is the short one, across the antimeridian too", () => {
  expect(shortWay(179.9, -179.9)).toBeCloseTo(0.2);
  expect(shortWay(-179.9, 179.9)).toBeCloseTo(-0.2);
  expect(shortWay(10, 20)).toBe(10);
  for (let from = -180; from <= 180; from += 17.5) {
    for (let to = -180; to <= 180; to += 12.5) {
      expect(Math.abs(shortWay(from, to))).toBeLessThanOrEqual(180);
      expect(Math.abs(shortWay(to, wrapped(from + shortWay(from, to))))).toBeLessThan(1e-9);
    }
  }
});

test("somebody who crosses it does not go around the world", () => {
  const steps = Array.from({ length: 11 }, (_, n) => between({ lat: 0, lng: 179.9 }, { lat: 1, lng: -179.9 }, n / 10));
  for (const [at, step] of steps.entries()) {
    expect(Math.abs(step.lng)).toBeGreaterThan(179.899);
    const before = steps[at - 1];
    if (before !== undefined) expect(Math.abs(shortWay(before.lng, step.lng))).toBeCloseTo(0.02);
  }
  expect(steps.at(-1)?.lng).toBeCloseTo(-179.9);
});

test("what the screen shows is found where it shows it", () => {
  for (const position of [{ lat: 20, lng: 170 }, { lat: 5, lng: -175 }, { lat: 30, lng: 150 }]) {
    const found = toPosition(VIEW, SIZE, toScreen(VIEW, SIZE, position));
    expect(found.lat).toBeCloseTo(position.lat);
    expect(shortWay(found.lng, position.lng)).toBeCloseTo(0);
  }
  expect(toScreen(VIEW, SIZE, { lat: 20, lng: -175 }).x).toBeGreaterThan(300);
});

test("zooming keeps what is under the pointer, and ends at both ends", () => {
  const around = { x: 420, y: 120 };
  const before = toPosition(VIEW, SIZE, around);
  const after = toPosition(zoomed(VIEW, SIZE, 2, around), SIZE, around);
  expect([after.lat, after.lng]).toEqual([expect.closeTo(before.lat), expect.closeTo(before.lng)]);
  expect(zoomed(VIEW, SIZE, 1e9, around).scale).toBe(SCALE_MAX);
  expect(zoomed(VIEW, SIZE, 1e-9, around)).toMatchObject({ scale: scaleMin(SIZE), lat: 0 });
});

test("no view goes beyond a pole; east and west go on", () => {
  const far = panned(VIEW, SIZE, { x: -400, y: 1e6 });
  expect(far.lat).toBeCloseTo(90 - 150 / 8);
  expect(far.lng).toBeCloseTo(wrapped(170 + 50));
  expect(clamped({ lat: 0, lng: 190, scale: 8 }, SIZE).lng).toBe(-170);
});

test("everybody is in sight, and two beside the antimeridian are near each other", () => {
  const pair = [{ lat: -17, lng: 178 }, { lat: -14, lng: -171 }];
  const view = fitted(pair, SIZE);
  expect(view.scale).toBeGreaterThan(20);
  for (const position of pair) {
    const { x, y } = toScreen(view, SIZE, position);
    expect([x > 0 && x < SIZE.width, y > 0 && y < SIZE.height]).toEqual([true, true]);
  }
  expect(fitted([], SIZE).scale).toBe(scaleMin(SIZE));
});

test("a circle is as wide as it is on the ground, and the scale bar is a round length that fits", () => {
  const { x, y } = radii(VIEW, 60, 111_320);
  expect([x, y]).toEqual([expect.closeTo(16), expect.closeTo(8)]);
  for (const scale of [1, 7, 90, 2_000]) {
    const bar = scaleBar({ lat: 50, lng: 0, scale }, 80);
    expect(bar.pixels).toBeLessThanOrEqual(80);
    expect(bar.pixels).toBeGreaterThan(30);
    expect(["1", "2", "5"]).toContain(String(bar.metres)[0]);
  }
});
