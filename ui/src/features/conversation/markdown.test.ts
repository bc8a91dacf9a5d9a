import { describe, expect, test } from "vitest";
import { MARKDOWN_CHARACTERS_MAX, misleads, parseMarkdown, plainText, type Block, type Inline } from "@/features/conversation/markdown";

/** The tree in a line, so that a case can be read. */
function shape(blocks: readonly Block[]): string {
  return blocks
    .map((block) => {
      switch (block.kind) {
        case "paragraph":
          return line(block.children);
        case "code":
          return `code(${block.language}:${block.text})`;
        case "quote":
          return `quote(${shape(block.children)})`;
        case "list":
          return `${block.start === null ? "list" : `list${block.start}`}(${block.items.map(shape).join(";")})`;
      }
    })
    .join("|");
}

function line(children: readonly Inline[]): string {
  return children
    .map((child) => {
      switch (child.kind) {
        case "text":
          return child.text;
        case "break":
          return "⏎";
        case "code":
          return `\`${child.text}\``;
        case "mention":
          return `@(${child.name})`;
        case "link":
          return `<${line(child.children)}→${child.href}>`;
        case "strong":
        case "emphasis":
        case "strike":
          return `${child.kind}(${line(child.children)})`;
      }
    })
    .join("");
}

describe("what a message may hold", () => {
  test.each([
    ["**bold** and *italic*, ~~gone~~, `a*b`", "strong(bold) and emphasis(italic), strike(gone), `a*b`"],
    ["one\ntwo", "one⏎two"],
    ["one\n\ntwo", "one|two"],
    ["- a\n- b\n  - c", "list(a;b|list(c))"],
    ["3. c\n4. d", "list3(c;d)"],
    ["> quoted\n> more\n\nanswer", "quote(quoted⏎more)|answer"],
    ["```rust\nlet x = 1;\n```", "code(rust:let x = 1;)"],
    ["```\nnever closed", "code(:never closed)"],
    ["[the plan](https://a.example/p)", "<the plan→https://a.example/p>"],
    ["see https://a.example/_foo_/*bar*/x.", "see <https://a.example/_foo_/*bar*/x→https://a.example/_foo_/*bar*/x>."],
    ["(https://a.example/x_(y))", "(<https://a.example/x_(y)→https://a.example/x_(y)>)"],
    ["**https://a.example**", "strong(<https://a.example→https://a.example/>)"],
    ["mailto:ada@a.example momoland://join/abc", "<mailto:ada@a.example→mailto:ada@a.example> <momoland://join/abc→momoland://join/abc>"],
    ["@mateo and @room, not ada@mateo", "@(mateo) and @(room), not ada@mateo"],
    ["`@mateo` @snake_case_name @жанна", "`@mateo` @(snake_case_name) @(жанна)"],
    ["[@mateo](https://a.example)", "<@mateo→https://a.example/>"],
    ["\\*not bold\\*", "*not bold*"],
  ])("%s", (text, expected) => {
    expect(shape(parseMarkdown(text))).toBe(expected);
  });
});

describe("what stays the characters that it is", () => {
  test.each([
    "# no heading",
    "line\n===",
    "![no image](https://a.example/x.png)".replace("https", "ftp"),
    "<b>no html</b>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "&lt;no entity&gt;",
    "| no | table |",
    "---",
    "    no indented code",
    "[x](javascript:alert(1))",
    "[x](data:text/html,hello)",
    "[x](file:///etc/passwd)",
    "[x](vbscript:x)",
    "javascript:alert(1) nohttps://x.example",
    "<javascript:alert(1)>",
  ])("%s", (text) => {
    const said = plainText(text);
    expect(shape(parseMarkdown(text))).not.toContain("→");
    expect(said).toBe(text.trim().replace(/\s+/gu, " "));
  });

  test("an image is a link to it, and loads nothing", () => {
    expect(shape(parseMarkdown("![shed](https://a.example/x.png)"))).toBe("!<shed→https://a.example/x.png>");
  });

  test("a definition does not hide its text", () => {
    expect(plainText("[a]: https://evil.example 'hidden'")).toContain("hidden");
  });
});

describe("hostile Markdown", () => {
  const much = (part: string): string => part.repeat(Math.ceil(MARKDOWN_CHARACTERS_MAX / part.length)).slice(0, MARKDOWN_CHARACTERS_MAX);
  test.each([
    ["quotes", much("> ")],
    ["quotes without space", much(">")],
    ["open brackets", much("[")],
    ["brackets", much("[](")],
    ["links", much("[a](https://a.b) ")],
    ["broken links", much("[a](<b")],
    ["stars", much("*")],
    ["stars and letters", much("*a ")],
    ["underscores", much("_a__b ")],
    ["mixed delimiters", much("*_~~*_")],
    ["backticks", Array.from({ length: 190 }, (_, n) => "`".repeat(n)).join(" ").slice(0, MARKDOWN_CHARACTERS_MAX)],
    ["lists", Array.from({ length: 190 }, (_, n) => `${" ".repeat(n)}- x`).join("\n").slice(0, MARKDOWN_CHARACTERS_MAX)],
    ["lists in quotes", much("> - ")],
    ["numbers", much("1. ")],
    ["backslashes", much("\\")],
    ["pointed brackets", much("<")],
    ["addresses", much("http:")],
    ["whole addresses", much("http://a")],
    ["mentions", much("@a.b")],
    ["at signs", much("@")],
    ["fences", much("```\n")],
    ["tildes", much("~~a")],
    ["newlines", much("\n")],
  ])("%s cost little", (_, text) => {
    const from = process.cpuUsage();
    const blocks = parseMarkdown(text);
    // Of the processor, not of the clock: other programs' work is not ours.
    expect(process.cpuUsage(from).user).toBeLessThan(500_000);
    expect(depthOf(blocks)).toBeLessThanOrEqual(24);
  });

  test("a text that is far too long is not read as Markdown", () => {
    expect(parseMarkdown("*a* ".repeat(250_000))).toEqual([{ kind: "paragraph", children: [{ kind: "text", text: "*a* ".repeat(250_000) }] }]);
  });
});

function depthOf(blocks: readonly Block[]): number {
  return Math.max(0, ...blocks.map((block) => 1 + (block.kind === "quote" ? depthOf(block.children) : block.kind === "list" ? Math.max(0, ...block.items.map(depthOf)) : block.kind === "paragraph" ? depthOfLine(block.children) : 0)));
}
function depthOfLine(children: readonly Inline[]): number {
  return Math.max(0, ...children.map((child) => ("children" in child ? 1 + depthOfLine(child.children) : 0)));
}

test.each([
  ["https://bank.example", "https://evil.example/", true],
  ["bank.example/login", "https://evil.example/", true],
  ["https://bank.example/a", "https://bank.example/b", false],
  ["the plan", "https://evil.example/", false],
  ["e.g. this", "https://a.example/", false],
])("words that name another address than the link's are not believed: %s to %s", (words, href, expected) => {
  expect(misleads(words, href)).toBe(expected);
});

test("plain words are one line", () => {
  expect(plainText("**Morning**\n\n- `a`\n- [b](https://b.example)\n\n> c")).toBe("Morning a b c");
});
