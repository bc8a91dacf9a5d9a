import { describe, expect, test } from "vitest";
import { closedShortcode, completed, emojiOptions, mentionOptions, tokenAt } from "@/features/conversation/completion";
import { loadEmoji, searchEmoji, withTone } from "@/components/emoji/emoji-data";
import type { Person } from "@/state/state";

const person = (userId: string, displayName: string, handle = userId): Person => ({ userId, handle, displayName, status: "online" });
const PEOPLE = [person("ingrid", "Ingrid Solheim"), person("mateo", "Mateo Ruiz"), person("sam", "Sam Matheson", "skipper")];

describe("what is being typed", () => {
  test.each([
    ["hello @ma", { kind: "mention", query: "ma", start: 6, end: 9 }],
    ["@", { kind: "mention", query: "", start: 0, end: 1 }],
    ["mail ada@ma", null],
    ["@mateo ", null],
    ["so :smi", { kind: "emoji", query: "smi", start: 3, end: 7 }],
    ["at 10:40", null],
    ["so :s", null],
    ["(@жан", { kind: "mention", query: "жан", start: 1, end: 5 }],
  ])("%s", (text, token) => {
    expect(tokenAt(text, text.length)).toEqual(token);
  });

  test("the caret counts, not the end", () => {
    expect(tokenAt("@ma and more", 3)).toEqual({ kind: "mention", query: "ma", start: 0, end: 3 });
  });
});

describe("people", () => {
  const keys = (query: string): string[] => mentionOptions(PEOPLE, query, "Everybody in this room").map((option) => option.key);
  test("are found by name, by handle, and by any word of the name", () => {
    expect(keys("ma")).toEqual(["mateo", "sam"]);
    expect(keys("ski")).toEqual(["sam"]);
    expect(keys("solh")).toEqual(["ingrid"]);
    expect(keys("zz")).toEqual([]);
  });
  test("and the room is one of them", () => {
    expect(keys("")).toEqual(["ingrid", "mateo", "sam", "@room"]);
    expect(keys("ro")).toEqual(["@room"]);
    expect(keys("every")).toEqual(["@room"]);
  });
});

test("what is chosen takes the place of what was typed", () => {
  expect(completed("hi @ma!", { kind: "mention", query: "ma", start: 3, end: 6 }, "@mateo ")).toEqual({ text: "hi @mateo !", caret: 10 });
  expect(completed("hi @ma there", { kind: "mention", query: "ma", start: 3, end: 6 }, "@mateo ")).toEqual({ text: "hi @mateo there", caret: 10 });
});

describe("emoji", () => {
  test("the set is whole: every group has some, and no skin tone is an emoji of its own", async () => {
    const set = await loadEmoji();
    expect(set.all.length).toBeGreaterThan(1_800);
    for (const group of set.groups.values()) expect(group.length).toBeGreaterThan(0);
    expect(set.byEmoji.has("🏽")).toBe(false);
    expect(set.byShortcode.get("+1")?.label).toBe("thumbs up");
  });

  test.each([
    ["thumbsup", "thumbs up"],
    ["tada", "party popper"],
    ["heart", "red heart"],
    ["peach", "peach"],
  ])("%s finds %s first", async (query, label) => {
    expect(searchEmoji(await loadEmoji(), query, 5)[0]?.label).toBe(label);
  });

  test("a tone is put on those that have tones", async () => {
    const set = await loadEmoji();
    const [wave, peach] = [set.byShortcode.get("wave"), set.byShortcode.get("peach")];
    if (wave === undefined || peach === undefined) throw new Error("the set lacks them");
    expect([withTone(wave, 3), withTone(peach, 3)]).toEqual(["👋🏽", peach.emoji]);
    expect(set.byEmoji.get("👋🏽")).toBe(wave);
    expect(emojiOptions(set, "wave", (emoji) => withTone(emoji, 5))[0]?.insert).toBe("👋🏿 ");
  });

  test("a shortcode is closed by its second colon", () => {
    expect(closedShortcode("so :tada:", 9)).toEqual({ code: "tada", start: 3 });
    expect(closedShortcode("at 10:40:", 9)).toBeNull();
  });
});
