// The first blocks of a document, to be looked at until its editor is there: a picture of what the editor will show.
//
// The engine says them with its answer, so that they wait for nothing that grows with the document: neither for Yjs to take
// its history in nor for the editor to build and lay out all of it. Nothing of it can be focused, chosen or read by
// assistive technology; `editor-page` puts the editor in its place within one frame, and nothing moves then.
import { DOMSerializer, Node } from "@tiptap/pm/model";
import { useLayoutEffect, useRef } from "react";
import { SCHEMA } from "@/features/documents/extensions";

const SERIALIZER = DOMSerializer.fromSchema(SCHEMA);

export function Beginning({ blocks }: { blocks: readonly unknown[] }) {
  const page = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => page.current?.replaceChildren(drawn(blocks)), [blocks]);
  return <div ref={page} className="prose" dir="auto" inert />;
}

/** Blocks as the editor's own elements have them. What this schema does not know ends it: the editor says what it makes of that. */
export function drawn(blocks: readonly unknown[]): DocumentFragment {
  const page = document.createDocumentFragment();
  for (const block of blocks) {
    let node: Node;
    try {
      node = Node.fromJSON(SCHEMA, block);
      node.check();
    } catch {
      break;
    }
    page.append(SERIALIZER.serializeNode(node));
  }
  page.querySelectorAll("p, h1, h2, h3, h4, h5, h6").forEach(fillLastLine);
  page.querySelectorAll("table").forEach(wrapTable);
  return page;
}

/** An empty line has no height of its own, and the editor gives it one. */
function fillLastLine(block: Element): void {
  if (block.lastChild === null || block.lastChild.nodeName === "BR") block.append(document.createElement("br"));
}

/** The editor has tables scroll within their own width. */
function wrapTable(table: Element): void {
  if (table.parentElement?.classList.contains("tableWrapper") === true) return;
  const wrapper = document.createElement("div");
  wrapper.className = "tableWrapper";
  table.replaceWith(wrapper);
  wrapper.append(table);
}
