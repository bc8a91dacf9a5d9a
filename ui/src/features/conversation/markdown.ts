// The Markdown of messages: what markdown-it reads, as a small tree that React paints. Nothing becomes HTML on the way.
//
// Pure, and remembered per text. What a chat does not need is switched off: headings, images, tables, rules, indented
// code, references (whose definitions would hide text), entities and HTML stay the characters that they are.
//
// Invariants: only what `safeHref` lets through is a link; nesting and cost are bounded whatever the text
// (`hostile Markdown` in the tests); every character that is not markup is painted.
import MarkdownIt, { type StateInline, type Token } from "markdown-it";
import { addressAt, safeHref } from "@/features/conversation/text";

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "break" }
  | { kind: "code"; text: string }
  | { kind: "strong" | "emphasis" | "strike"; children: readonly Inline[] }
  | { kind: "link"; href: string; children: readonly Inline[] }
  /** An `@` and what may be a handle. Whether it is one, the message says. */
  | { kind: "mention"; name: string };

export type Block =
  | { kind: "paragraph"; children: readonly Inline[] }
  | { kind: "code"; text: string; language: string }
  | { kind: "quote"; children: readonly Block[] }
  | { kind: "list"; start: number | null; items: readonly (readonly Block[])[] };

/** Longer texts are painted as they are: nobody writes so much Markdown in one message. */
export const MARKDOWN_CHARACTERS_MAX = 8_000;
const NESTING_MAX = 16;
/** Texts remembered. The log mounts and unmounts its rows while it is scrolled. */
const REMEMBERED_MAX = 400;
/** A letter or a digit, then what joins them. */
const MENTION = /(?<![\p{L}\p{N}_@/.])@([\p{L}\p{N}][\p{L}\p{N}\p{M}._-]{1,31})/gu;

const parser = new MarkdownIt("zero", { html: false, breaks: true, maxNesting: NESTING_MAX });
parser.enable(["fence", "blockquote", "list", "newline", "escape", "backticks", "strikethrough", "emphasis", "link", "autolink"]);
parser.validateLink = (address) => safeHref(address) !== null;
// Before emphasis, so that an underscore in an address stays one.
parser.inline.ruler.before("emphasis", "address", address);

const remembered = new Map<string, readonly Block[]>();

export function parseMarkdown(text: string): readonly Block[] {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const blocks = text.length > MARKDOWN_CHARACTERS_MAX ? [{ kind: "paragraph" as const, children: wordsOf(text) }] : read(text);
  const oldest = remembered.keys().next();
  if (remembered.size >= REMEMBERED_MAX && oldest.done !== true) remembered.delete(oldest.value);
  remembered.set(text, blocks);
  return blocks;
}

/** At a colon: the scheme before it is in `pending` already. */
function address(state: StateInline, silent: boolean): boolean {
  if (state.linkLevel > 0 || state.src.charAt(state.pos) !== ":") return false;
  const scheme = /(?:^|[^\p{L}\p{N}_])(https?|momoland|mailto)$/iu.exec(state.pending)?.[1];
  if (scheme === undefined) return false;
  const found = addressAt(state.src, state.pos - scheme.length);
  if (found === null || found.text.length <= scheme.length + 1) return false;
  if (!silent) {
    state.pending = state.pending.slice(0, -scheme.length);
    state.push("link_open", "a", 1).attrs = [["href", found.href]];
    state.push("text", "", 0).content = found.text;
    state.push("link_close", "a", -1);
  }
  state.pos += found.text.length - scheme.length;
  return true;
}

type Frame = { open: string; blocks: Block[]; items: (readonly Block[])[]; start: number | null };

function read(text: string): readonly Block[] {
  const root: Frame = { open: "", blocks: [], items: [], start: null };
  const stack: Frame[] = [];
  let here = root;
  for (const token of parser.parse(text, {})) {
    if (token.type === "fence") here.blocks.push({ kind: "code", text: token.content.replace(/\n$/u, ""), language: (token.info.trim().split(/\s/u)[0] ?? "").slice(0, 40) });
    else if (token.type === "inline") here.blocks.push({ kind: "paragraph", children: inlineOf(token.children ?? []) });
    else if (token.nesting === 1 && token.type !== "paragraph_open") {
      stack.push(here);
      here = { open: token.type, blocks: [], items: [], start: token.type === "ordered_list_open" ? Number(token.attrGet("start") ?? 1) : null };
    } else if (token.nesting === -1 && token.type !== "paragraph_close") {
      const done = here;
      here = stack.pop() ?? root;
      if (done.open === "list_item_open") here.items.push(done.blocks);
      else if (done.open === "blockquote_open") here.blocks.push({ kind: "quote", children: done.blocks });
      else here.blocks.push({ kind: "list", start: done.start, items: done.items });
    }
  }
  return root.blocks;
}

const SPANS: Readonly<Partial<Record<string, "strong" | "emphasis" | "strike">>> = { strong_open: "strong", em_open: "emphasis", s_open: "strike" };

function inlineOf(tokens: readonly Token[]): readonly Inline[] {
  const root: Inline[] = [];
  const stack: { children: Inline[]; close: (children: Inline[]) => Inline }[] = [];
  let here = root;
  for (const token of tokens) {
    const span = SPANS[token.type];
    if (token.type === "text") here.push(...(stack.length > 0 && stack.some((each) => each.close([]).kind === "link") ? [{ kind: "text" as const, text: token.content }] : wordsOf(token.content)));
    else if (token.type === "code_inline") here.push({ kind: "code", text: token.content });
    else if (token.type === "softbreak" || token.type === "hardbreak") here.push({ kind: "break" });
    else if (span !== undefined || token.type === "link_open") {
      const href = safeHref(String(token.attrGet("href") ?? "")) ?? "";
      stack.push({ children: here, close: (children) => (span === undefined ? { kind: "link", href, children } : { kind: span, children }) });
      here = [];
    } else if (token.nesting === -1) {
      const done = here;
      const frame = stack.pop();
      if (frame === undefined) continue;
      here = frame.children;
      here.push(frame.close(done));
    } else here.push({ kind: "text", text: token.content });
  }
  return root;
}

function wordsOf(text: string): Inline[] {
  const words: Inline[] = [];
  let from = 0;
  for (const match of text.matchAll(MENTION)) {
    if (match.index > from) words.push({ kind: "text", text: text.slice(from, match.index) });
    words.push({ kind: "mention", name: match[1] ?? "" });
    from = match.index + match[0].length;
  }
  if (from < text.length) words.push({ kind: "text", text: text.slice(from) });
  return words;
}

/** The words alone, in one line: for a quote, a list, a notification. */
export function plainText(text: string, charactersMax = 300): string {
  const parts: string[] = [];
  const inline = (children: readonly Inline[]): void => {
    for (const child of children) {
      switch (child.kind) {
        case "text":
        case "code":
          parts.push(child.text);
          break;
        case "break":
          parts.push(" ");
          break;
        case "mention":
          parts.push(`@${child.name}`);
          break;
        case "strong":
        case "emphasis":
        case "strike":
        case "link":
          inline(child.children);
          break;
      }
    }
  };
  const block = (blocks: readonly Block[]): void => {
    for (const each of blocks) {
      parts.push(" ");
      switch (each.kind) {
        case "paragraph":
          inline(each.children);
          break;
        case "code":
          parts.push(each.text);
          break;
        case "quote":
          block(each.children);
          break;
        case "list":
          each.items.forEach(block);
          break;
      }
    }
  };
  block(parseMarkdown(text.slice(0, 4 * charactersMax)));
  return parts.join("").replace(/\s+/gu, " ").trim().slice(0, charactersMax);
}

/** What a link's words say it leads to, where they say so and it is somewhere else. Such words are not believed. */
export function misleads(words: string, href: string): boolean {
  const claimed = /^\s*(?:https?:\/\/)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?:[/:?#]|\s*$)/iu.exec(words)?.[1];
  if (claimed === undefined) return false;
  try {
    return new URL(href).hostname !== new URL(`https://${claimed}`).hostname;
  } catch {
    return true;
  }
}
