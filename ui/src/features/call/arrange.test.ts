import { describe, expect, test } from "vitest";
import type { Call, CallParticipant } from "@/client/types";
import { arrange, ASPECT, bestGrid, seatsOf, stripFor, type Arrangement } from "@/features/call/arrange";

const OWN = { userId: "ada", deviceId: "ada-1" };
const AUTO = { arranged: "auto", pinned: null, self: true } as const;

const other = (name: string, more: Partial<CallParticipant> = {}): CallParticipant => ({ userId: name, deviceId: `${name}-1`, mic: true, speaking: false, camera: true, screen: false, since: 1, path: "direct", ...more });
const call = (...participants: CallParticipant[]): Call => ({ callId: "c", roomId: "r", media: "video", part: "in", mic: true, speaking: false, camera: true, screen: false, since: 1, participants });

const shown = ({ large, rest, corner }: Arrangement) => ({ large: large?.key ?? null, rest: rest.map(({ key }) => key), corner: corner?.key ?? null });
const arranged = (of: Call, look: Parameters<typeof arrange>[1] = AUTO, speaker: string | null = null, ownCamera = true) => shown(arrange(seatsOf(of, OWN), look, speaker, ownCamera));

describe("who has which place", () => {
  test("alone one sees oneself", () => {
    expect(arranged(call())).toEqual({ large: null, rest: ["camera ada-1"], corner: null });
    expect(arranged(call(), { ...AUTO, self: false })).toEqual({ large: null, rest: ["camera ada-1"], corner: null });
  });

  test("beside one other one is a corner, and none without a camera", () => {
    expect(arranged(call(other("bo")))).toEqual({ large: null, rest: ["camera bo-1"], corner: "camera ada-1" });
    expect(arranged(call(other("bo")), AUTO, null, false)).toEqual({ large: null, rest: ["camera bo-1"], corner: null });
    expect(arranged(call(other("bo")), { ...AUTO, self: false })).toEqual({ large: null, rest: ["camera bo-1"], corner: null });
  });

  test("among more one is one of them", () => {
    expect(arranged(call(other("bo"), other("cy")))).toEqual({ large: null, rest: ["camera bo-1", "camera cy-1", "camera ada-1"], corner: null });
  });

  test("a shared screen is large until somebody wants them side by side", () => {
    const sharing = call(other("bo", { screen: true }));
    expect(arranged(sharing)).toEqual({ large: "screen bo-1", rest: ["camera bo-1", "camera ada-1"], corner: null });
    expect(arranged(sharing, { ...AUTO, arranged: "grid" })).toEqual({ large: null, rest: ["screen bo-1", "camera bo-1", "camera ada-1"], corner: null });
  });

  test("who speaks is large, and who was chosen is larger than that", () => {
    const three = call(other("bo"), other("cy"));
    expect(arranged(three, { ...AUTO, arranged: "speaker" }, "cy-1").large).toBe("camera cy-1");
    expect(arranged(three, { ...AUTO, arranged: "speaker" }, "gone").large).toBe("camera bo-1");
    expect(arranged(three, { ...AUTO, arranged: "speaker", pinned: "camera bo-1" }, "cy-1").large).toBe("camera bo-1");
    expect(arranged(three, { ...AUTO, pinned: "camera ada-1" }).large).toBe("camera ada-1");
    // Who left cannot be held large, nor oneself once one is hidden.
    expect(arranged(three, { ...AUTO, pinned: "camera dee-1" }).large).toBeNull();
    expect(arranged(three, { ...AUTO, pinned: "camera ada-1", self: false })).toEqual({ large: null, rest: ["camera bo-1", "camera cy-1"], corner: null });
  });

  test("one's own screen is not shown to oneself", () => {
    expect(seatsOf({ ...call(), screen: true }, OWN).map(({ key }) => key)).toEqual(["camera ada-1"]);
  });
});

describe("the grid", () => {
  test.each([
    [1, 1600, 900, 1, 1],
    [2, 1600, 900, 2, 1],
    [2, 360, 640, 1, 2],
    [3, 1600, 900, 2, 2],
    [4, 1600, 900, 2, 2],
    [4, 2400, 400, 4, 1],
    [4, 300, 900, 1, 4],
    [5, 1600, 900, 3, 2],
    [9, 1600, 900, 3, 3],
    [12, 3840, 2160, 4, 3],
  ])("%i in %i × %i are %i × %i", (count, width, height, columns, rows) => {
    expect(bestGrid(count, width, height, 8)).toMatchObject({ columns, rows });
  });

  test("nothing is outside of the box, and no other number of columns gives more", () => {
    for (let count = 1; count <= 12; count += 1) {
      for (const [width, height] of [[320, 180], [360, 640], [1028, 400], [1600, 900], [3840, 2160], [2000, 200], [200, 2000]] as const) {
        const grid = bestGrid(count, width, height, 8);
        expect(grid.columns * grid.width + 8 * (grid.columns - 1)).toBeLessThanOrEqual(width);
        expect(grid.rows * grid.height + 8 * (grid.rows - 1)).toBeLessThanOrEqual(height);
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count);
        for (let columns = 1; columns <= count; columns += 1) {
          const rows = Math.ceil(count / columns);
          const widest = Math.min((width - 8 * (columns - 1)) / columns, ((height - 8 * (rows - 1)) / rows) * ASPECT);
          expect(widest).toBeLessThan(grid.width + 2);
        }
      }
    }
  });

  test("a box without room holds nothing", () => {
    expect(bestGrid(4, 0, 0, 8)).toMatchObject({ width: 0, height: 0 });
    expect(bestGrid(0, 100, 100, 8)).toMatchObject({ width: 0 });
  });
});

test("the others stand beside what is large, or below it where that is taller", () => {
  expect(stripFor(3, 1600, 700, 8).side).toBe("end");
  expect(stripFor(3, 340, 600, 8).side).toBe("below");
  // As in a narrow window, above the conversation: a screen is as wide as the window, and all four have room below it.
  expect(stripFor(4, 344, 285, 8)).toEqual({ side: "below", lanes: 1, tile: { width: 80, height: 45 } });
  // More than have room in one row have two.
  expect(stripFor(6, 344, 285, 8)).toMatchObject({ side: "below", lanes: 2 });
  for (const [width, height] of [[1600, 700], [340, 600], [3840, 2160], [1028, 400]] as const) {
    const { side, tile } = stripFor(3, width, height, 8);
    expect(side === "end" ? tile.width : tile.height).toBeLessThan((side === "end" ? width : height) / 2);
  }
});
