// Texts as files: one goes to the browser's downloads, one is chosen.
import type { ExportedDoc, ImportDocParams } from "@/client/types";

/** Hands a text over as a file. */
export function saveFile({ content, fileName, mediaType }: ExportedDoc): void {
  const address = URL.createObjectURL(new Blob([content], { type: `${mediaType};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Asks for a file of text; `null` where none is chosen. */
export function chooseFile(): Promise<File | null> {
  return new Promise((resolve) => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = ".md,.markdown,.txt,text/markdown,text/plain";
    input.addEventListener("change", () => resolve(input.files?.[0] ?? null));
    input.addEventListener("cancel", () => resolve(null));
    input.click();
  });
}

/** What is plain text by its name is taken as it is, anything else as Markdown. */
export function formatOf(fileName: string): ImportDocParams["format"] {
  return fileName.toLowerCase().endsWith(".txt") ? "text" : "markdown";
}
