// Colours for code: lowlight with the languages that people paste, loaded when the first fenced code is shown.
//
// What it makes is spans with class names of its own and text, nothing else, whatever the code is.
import { useEffect, useState } from "react";

export type Coloured = { text: string; className: string };

/** More than this is shown without colours. */
const CODE_CHARACTERS_MAX = 20_000;
const REMEMBERED_MAX = 100;

type Highlighter = (language: string, code: string) => readonly Coloured[] | null;

const remembered = new Map<string, readonly Coloured[]>();
let highlighter: Highlighter | null = null;
let loading: Promise<Highlighter> | null = null;

function load(): Promise<Highlighter> {
  loading ??= import("lowlight").then(({ common, createLowlight }) => {
    const lowlight = createLowlight(common);
    highlighter = (language, code) => (lowlight.registered(language) ? flatten(lowlight.highlight(language, code).children) : null);
    return highlighter;
  });
  return loading;
}

/** The code in colours; `null` while they are not there, or where there are none for its language. */
export function useHighlighted(language: string, code: string): readonly Coloured[] | null {
  const [ready, setReady] = useState(highlighter !== null);
  const wanted = language !== "" && code.length <= CODE_CHARACTERS_MAX;
  useEffect(() => {
    if (!wanted || ready) return;
    let current = true;
    void load().then(() => current && setReady(true));
    return () => {
      current = false;
    };
  }, [wanted, ready]);
  return wanted && ready ? coloured(language.toLowerCase(), code) : null;
}

function coloured(language: string, code: string): readonly Coloured[] | null {
  const key = `${language}\n${code}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  const spans = highlighter?.(language, code) ?? null;
  if (spans === null) return null;
  const oldest = remembered.keys().next();
  if (remembered.size >= REMEMBERED_MAX && oldest.done !== true) remembered.delete(oldest.value);
  remembered.set(key, spans);
  return spans;
}

type Tree = { type: string; value?: string; properties?: { className?: unknown }; children?: readonly Tree[] };

/** The tree as a row of spans: the innermost class is the one that counts. */
function flatten(children: readonly unknown[], className = ""): readonly Coloured[] {
  return (children as readonly Tree[]).flatMap((node) => {
    if (node.type === "text") return [{ text: node.value ?? "", className }];
    const own = Array.isArray(node.properties?.className) ? node.properties.className.filter((each): each is string => typeof each === "string" && each.startsWith("hljs-")) : [];
    return flatten(node.children ?? [], own.length > 0 ? own.join(" ") : className);
  });
}
