import { expect, test } from "vitest";
import { formatOf } from "@/components/text-files";

test("a file is plain text by its name, and Markdown otherwise", () => {
  expect(formatOf("notes.txt")).toBe("text");
  expect(formatOf("NOTES.TXT")).toBe("text");
  expect(formatOf("notes.md")).toBe("markdown");
  expect(formatOf("README")).toBe("markdown");
});
