import { describe, expect, test } from "vitest";
import { blocksOf, clamp, paintable, piecesOf, SHOWN_CHARACTERS_MAX, SHOWN_LINES_MAX } from "@/features/conversation/text";

describe("links", () => {
  test.each<[string, string[]]>([
    ["see https://example.com.", ["https://example.com"]],
    ["(https://example.com/a) and", ["https://example.com/a"]],
    ["https://en.wikipedia.org/wiki/Peach_(fruit)", ["https://en.wikipedia.org/wiki/Peach_(fruit)"]],
    ["http://a.example/?q=1&r=2#x, then", ["http://a.example/?q=1&r=2#x"]],
    ["javascript:alert(1) data:text/html,x file:///etc/passwd ftp://a.example", []],
    ["https://", []],
    ["nohttps://example.com", []],
    ["https://a.example https://b.example", ["https://a.example", "https://b.example"]],
  ])("%s", (text, expected) => {
    const pieces = piecesOf(text);
    expect(pieces.flatMap((piece) => (piece.kind === "link" ? [piece.text] : []))).toEqual(expected);
    expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  });
});

describe("hostile texts", () => {
  test("a tower of a hundred thousand accents is painted as a small one", () => {
    expect(paintable(`a${"\u0301".repeat(100_000)}b`)).toBe(`a${"\u0301".repeat(6)}b`);
  });

  test("writing that needs marks keeps them", () => {
    const words = "Đặng Thị क्षत्रिय שָׁלוֹם";
    expect(paintable(words)).toBe(words);
  });

  test("nothing turns an address around", () => {
    expect(paintable("\u202Emoc.elpmaxe\u0000")).toBe("moc.elpmaxe");
  });

  test("a megabyte without a space is clipped, and says how much is left", () => {
    const { text, hidden } = clamp("x".repeat(1_000_000));
    expect(text.length).toBe(SHOWN_CHARACTERS_MAX);
    expect(hidden).toBe(1_000_000 - SHOWN_CHARACTERS_MAX);
  });

  test("many lines are clipped at a line", () => {
    expect(clamp("line\n".repeat(500)).text).toBe(Array.from({ length: SHOWN_LINES_MAX }, () => "line").join("\n"));
  });

  test("a pair is never cut in half", () => {
    expect(clamp("🍑".repeat(5_000)).text.endsWith("🍑")).toBe(true);
    expect(clamp(`x${"🍑".repeat(5_000)}`).text.endsWith("🍑")).toBe(true);
  });

  test("an ordinary text is left alone", () => {
    expect(clamp("Morning.\nLow water is at 10:40.")).toEqual({ text: "Morning.\nLow water is at 10:40.", hidden: 0 });
  });

  test("blocks hold the whole text", () => {
    const lines = Array.from({ length: 3_000 }, (_, n) => `line ${n}`).join("\n");
    expect(blocksOf(lines).join("\n")).toBe(lines);
    expect(blocksOf("x".repeat(9_000)).join("")).toBe("x".repeat(9_000));
    expect(Math.max(...blocksOf(lines).map((block) => block.length))).toBeLessThanOrEqual(4_000);
  });
});
