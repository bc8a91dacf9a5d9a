import { describe, expect, test } from "vitest";
import { arrange, keyOf, type Seat } from "@/features/call/arrange";
import { layOut, type Placed } from "@/features/call/layout";

const GAP = 8;
const AUTO = { arranged: "auto", pinned: null, self: true } as const;
const BOXES = [[320, 150], [344, 285], [340, 600], [1_028, 250], [1_028, 400], [1_600, 700], [3_840, 2_000]] as const;

const seat = (name: string, source: Seat["source"] = "camera"): Seat => ({ key: keyOf(name, source), userId: name, deviceId: name, source, own: name === "ada" });
const people = (count: number): Seat[] => [...Array.from({ length: count }, (_, at) => seat(`p${at}`)), seat("ada")];
const laid = (seats: readonly Seat[], [width, height]: readonly [number, number], look: Parameters<typeof arrange>[1] = AUTO): readonly Placed[] => layOut(seats, arrange(seats, look, null, true), { width, height }, GAP);
const at = (placed: readonly Placed[], key: string): Placed => {
  const found = placed.find((each) => each.seat.key === key);
  if (found === undefined) throw new Error(`${key} has no place`);
  return found;
};

describe("nothing lies outside of the box, nothing but the corner over another, and everybody can be seen", () => {
  for (const count of [1, 2, 3, 5, 8, 12, 20])
    for (const shown of ["side by side", "one large", "a screen"] as const)
      test(`${count} others, ${shown}`, () => {
        for (const box of BOXES) {
          const seats = shown === "a screen" ? [seat("p0", "screen"), ...people(count)] : people(count);
          const placed = laid(seats, box, shown === "one large" ? { ...AUTO, pinned: "camera p0" } : AUTO);
          expect(placed.length).toBe(seats.length);
          for (const { place, as } of placed) {
            expect(place.width).toBeGreaterThan(as === "large" ? 60 : 20);
            expect(Math.min(place.start, place.top)).toBeGreaterThanOrEqual(0);
            expect(place.start + place.width).toBeLessThanOrEqual(box[0]);
            expect(place.top + place.height).toBeLessThanOrEqual(box[1]);
            for (const other of placed) {
              if (other.place === place || as === "corner" || other.as === "corner") continue;
              const apart = place.start + place.width <= other.place.start || other.place.start + other.place.width <= place.start || place.top + place.height <= other.place.top || other.place.top + other.place.height <= place.top;
              expect(apart, `${count} in ${box.join()}`).toBe(true);
            }
          }
        }
      });
});

test("the order is that of the seats, whoever is large", () => {
  const seats = people(3);
  const order = (look: Parameters<typeof arrange>[1]): string[] => laid(seats, [1_028, 400], look).map((each) => each.seat.key);
  expect(order({ ...AUTO, pinned: "camera p2" })).toEqual(order(AUTO));
});

test("a screen has all the room beside the others, and they are in the middle of the rest", () => {
  const placed = laid([seat("p0", "screen"), ...people(2)], [1_028, 400]);
  const screen = at(placed, "screen p0");
  expect(screen).toMatchObject({ as: "large", place: { start: 0, top: 0, height: 400 } });
  const others = placed.filter((each) => each.as === "beside").map(({ place }) => place);
  expect(others.map(({ start }) => start)).toEqual(others.map(() => screen.place.width + GAP));
  const [first, last] = [others[0], others.at(-1)];
  expect(Math.abs((first?.top ?? 0) - (400 - (last?.top ?? 0) - (last?.height ?? 0)))).toBeLessThanOrEqual(1);
});

test("oneself is in the corner of the one other", () => {
  const [other, corner] = laid(people(1), [1_028, 400]);
  expect(corner?.as).toBe("corner");
  expect((other?.place.start ?? 0) + (other?.place.width ?? 0) - (corner?.place.start ?? 0) - (corner?.place.width ?? 0)).toBe(GAP);
});

test("the last row of people is in the middle", () => {
  const placed = laid(people(2), [600, 400]);
  expect(placed.map(({ place }) => place.top > 0 && place.start)).toHaveLength(3);
  const own = at(placed, "camera ada").place;
  expect(Math.abs(own.start + own.width / 2 - 300)).toBeLessThanOrEqual(1);
});
