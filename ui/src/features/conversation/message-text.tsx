import { useMemo, useState, type ReactNode } from "react";
import { blocksOf, clamp, paintable, piecesOf } from "@/features/conversation/text";
import { bytes, strings } from "@/strings/strings";

/** The words of a message: plain, with links, as much of them as a window can bear. `end` stands after the last word. */
export function MessageText({ id, text, end }: { id: string; text: string; end?: ReactNode }) {
  const [all, setAll] = useState(false);
  const whole = useMemo(() => paintable(text), [text]);
  const shown = useMemo(() => clamp(whole), [whole]);
  const long = shown.hidden > 0;

  return (
    <div id={id} className="foreign whitespace-pre-wrap overflow-clip [overflow-clip-margin:6px] leading-(--lead-body)">
      {all ? blocksOf(whole).map((block, at) => <Block key={at} text={block} />) : <Linked text={shown.text} />}
      {long && !all && "…"}
      {long && (
        <button
          type="button"
          onClick={() => setAll(!all)}
          className="ms-1.5 px-1.5 rounded-small font-medium text-small text-accent-text transition-colors duration-(--fast) hover:bg-accent-soft"
        >
          {all ? strings.conversation.showLess : strings.conversation.showAll}
          {!all && <span className="ms-1.5 font-body text-ink-3">{strings.conversation.hiddenRest(bytes(shown.hidden))}</span>}
        </button>
      )}
      {end}
    </div>
  );
}

/** Blocks off the screen are neither shaped nor painted. */
function Block({ text }: { text: string }) {
  return (
    <div className="[content-visibility:auto] [contain-intrinsic-size:auto_840px]">
      <Linked text={text} />
    </div>
  );
}

function Linked({ text }: { text: string }) {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return pieces.map((piece, at) =>
    piece.kind === "text" ? (
      piece.text
    ) : (
      <a
        key={at}
        href={piece.href}
        target="_blank"
        rel="noopener noreferrer"
        className="foreign rounded-[3px] text-accent-text underline decoration-accent-line underline-offset-2 hover:decoration-current"
      >
        {piece.text}
      </a>
    ),
  );
}
