import { describe, expect, test } from "vitest";
import { daysBetween, growsAbove, rowsOf, type Row } from "@/features/conversation/rows";
import { message } from "../../../tests/unit/world.js";

const MINUTE = 60_000;
const NOON = new Date(2026, 10, 25, 12).getTime();

function shape(rows: readonly Row[]): string[] {
  return rows.map((row) => (row.kind === "message" ? `${row.head ? "*" : ""}${row.key}` : row.kind));
}

const rows = (messages: Parameters<typeof rowsOf>[0]["messages"], more: Partial<Parameters<typeof rowsOf>[0]> = {}): readonly Row[] => rowsOf({ messages, unsent: [], firstNew: null, complete: false, ...more });

describe("groups", () => {
  test("one author within five minutes is one group", () => {
    expect(shape(rows([message("a", { sentAt: NOON }), message("b", { sentAt: NOON + 4 * MINUTE }), message("c", { sentAt: NOON + 9 * MINUTE })]))).toEqual(["day", "*a", "b", "*c"]);
  });

  test("another author begins another group", () => {
    expect(shape(rows([message("a", { sentAt: NOON }), message("b", { sentAt: NOON, author: "yuki" }), message("c", { sentAt: NOON })]))).toEqual(["day", "*a", "*b", "*c"]);
  });

  test("a call stands by itself", () => {
    const told = message("b", { sentAt: NOON, call: { callId: "c", from: "yuki", media: "audio", beganAt: NOON, lengthMs: 0, userIds: ["yuki"], outcome: "unanswered" } });
    expect(shape(rows([message("a", { sentAt: NOON }), told, message("c", { sentAt: NOON })]))).toEqual(["day", "*a", "*b", "*c"]);
  });

  test("midnight and what is new begin one too", () => {
    const midnight = new Date(2026, 10, 26).getTime();
    const messages = [message("a", { sentAt: midnight - MINUTE }), message("b", { sentAt: midnight }), message("c", { sentAt: midnight + MINUTE })];
    expect(shape(rows(messages, { firstNew: "c", complete: true }))).toEqual(["beginning", "day", "*a", "day", "*b", "new", "*c"]);
  });
});

test("keys are unique, whatever clocks do", () => {
  const messages = [message("a", { sentAt: NOON }), message("b", { sentAt: NOON - 86_400_000 }), message("c", { sentAt: NOON })];
  const keys = rows(messages).map((row) => row.key);
  expect(new Set(keys).size).toBe(keys.length);
});

test("rows that come in above are told from rows that come in below", () => {
  const before = rows([message("b"), message("c")]);
  expect(growsAbove(before, rows([message("a"), message("b"), message("c")]))).toBe(true);
  expect(growsAbove(before, rows([message("b"), message("c"), message("d")]))).toBe(false);
  expect(growsAbove([], before)).toBe(false);
});

test("days are counted as a calendar does", () => {
  expect(daysBetween(new Date(2026, 10, 24, 23, 59).getTime(), new Date(2026, 10, 25, 0, 1).getTime())).toBe(1);
  // A night that is an hour longer is still one night.
  expect(daysBetween(new Date(2026, 9, 24, 12).getTime(), new Date(2026, 9, 26, 12).getTime())).toBe(2);
});
