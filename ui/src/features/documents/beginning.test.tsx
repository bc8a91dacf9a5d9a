import { expect, test } from "vitest";
import { drawn } from "@/features/documents/beginning";

const line = (text: string): object => ({ type: "paragraph", content: [{ type: "text", text, marks: [] }] });

function check(blocks: readonly unknown[], expected: string): void {
  const page = document.createElement("div");
  page.append(drawn(blocks));
  expect(page.innerHTML).toBe(expected);
}

test("empty lines have a height, and tables scroll within their own width", () => {
  check([line("a"), { type: "paragraph", content: [] }, { type: "paragraph", content: [{ type: "text", text: "b" }, { type: "hardBreak" }] }], "<p>a</p><p><br></p><p>b<br><br></p>");
  const [wrapper] = drawn([{ type: "table", content: [{ type: "tableRow", content: [{ type: "tableCell", content: [line("low")] }] }] }]).children;
  expect(wrapper?.className).toBe("tableWrapper");
  expect(wrapper?.firstElementChild?.nodeName).toBe("TABLE");
});

test("what the editor would not take ends it", () => {
  check([line("a"), { type: "somethingNewer" }, line("b")], "<p>a</p>");
  check([line("a"), { type: "blockquote", content: [] }, line("b")], "<p>a</p>");
  check([line("a"), null, line("b")], "<p>a</p>");
});

test("text stays text, and no address runs a script", () => {
  check([line("<b onclick=alert(1)>")], "<p>&lt;b onclick=alert(1)&gt;</p>");
  const link = drawn([{ type: "paragraph", content: [{ type: "text", text: "l", marks: [{ type: "link", attrs: { href: "javascript:alert(1)" } }] }] }]).querySelector("a");
  expect(link?.getAttribute("href")).toBe("");
});
