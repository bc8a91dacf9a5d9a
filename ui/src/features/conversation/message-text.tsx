import { Copy } from "lucide-react";
import { createContext, useContext, useMemo, useState, type MouseEvent, type ReactNode } from "react";
import { toast } from "sonner";
import { copyText } from "@/components/clipboard";
import { useHighlighted } from "@/features/conversation/highlight";
import { MARKDOWN_CHARACTERS_MAX, misleads, parseMarkdown, type Block, type Inline } from "@/features/conversation/markdown";
import { blocksOf, clamp, onlyEmoji, paintable, piecesOf } from "@/features/conversation/text";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import { bytes, strings } from "@/strings/strings";

/** Whom a message mentions, as its author's engine settled it: an `@` that it did not settle is only an `@`. */
type Mentions = { userIds: readonly string[]; room: boolean };
const NOBODY: Mentions = { userIds: [], room: false };
const MentionsContext = createContext<Mentions>(NOBODY);

export type MessageTextProps = {
  id: string;
  text: string;
  mentions?: Mentions;
  /** Stands after the last word. */
  end?: ReactNode;
};

/** The words of a message: its Markdown, as much of it as a window can bear. */
export function MessageText({ id, text, mentions = NOBODY, end }: MessageTextProps) {
  const [all, setAll] = useState(false);
  const whole = useMemo(() => paintable(text), [text]);
  const shown = useMemo(() => clamp(whole), [whole]);
  const long = shown.hidden > 0;
  const tail = (
    <>
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
    </>
  );

  return (
    <MentionsContext value={mentions}>
      <div id={id} className={`message-text foreign max-w-[920px] overflow-clip [overflow-clip-margin:6px] ${onlyEmoji(whole) ? "emoji text-[30px]/[38px]" : "leading-(--lead-body)"}`}>
        {all ? <WholeText text={whole} end={tail} /> : <Blocks blocks={parseMarkdown(shown.text)} end={tail} />}
      </div>
    </MentionsContext>
  );
}

/** As Markdown where that can be borne, else as it was typed, in blocks of which those off the screen cost nothing. */
function WholeText({ text, end }: { text: string; end: ReactNode }) {
  const blocks = useMemo(() => blocksOf(text), [text]);
  if (text.length <= MARKDOWN_CHARACTERS_MAX) return <Blocks blocks={parseMarkdown(text)} end={end} />;
  return (
    <>
      {blocks.map((block, at) => (
        <div key={at} className="whitespace-pre-wrap [content-visibility:auto] [contain-intrinsic-size:auto_840px]">
          {piecesOf(block).map((piece, n) => (piece.kind === "text" ? piece.text : <Address key={n} href={piece.href}>{piece.text}</Address>))}
        </div>
      ))}
      <p>{end}</p>
    </>
  );
}

/** `within`: a list or a quote, whose marks stand where its text begins, so that all of it has one direction. */
function Blocks({ blocks, end, within = false }: { blocks: readonly Block[]; end?: ReactNode; within?: boolean }) {
  const last = blocks.at(-1);
  return (
    <>
      {blocks.map((block, at) => (
        <BlockView key={at} block={block} within={within} end={block === last && block.kind === "paragraph" ? end : null} />
      ))}
      {last?.kind !== "paragraph" && end !== undefined && <p>{end}</p>}
    </>
  );
}

function BlockView({ block, end, within }: { block: Block; end: ReactNode; within: boolean }) {
  const dir = within ? undefined : "auto";
  switch (block.kind) {
    case "paragraph":
      return (
        <p dir={dir} className="whitespace-pre-wrap">
          <Line children={block.children} />
          {end}
        </p>
      );
    case "code":
      return <Code text={block.text} language={block.language} />;
    case "quote":
      return (
        <blockquote dir={dir} className="my-0.5 ps-2.5 border-s-2 border-line-strong text-ink-2">
          <Blocks within blocks={block.children} />
        </blockquote>
      );
    case "list": {
      const items = block.items.map((item, at) => (
        <li key={at}>
          <Blocks within blocks={item} />
        </li>
      ));
      return block.start === null ? <ul dir={dir} className="ps-5 list-disc marker:text-ink-3">{items}</ul> : <ol dir={dir} start={block.start} className="ps-6 list-decimal marker:text-ink-3 marker:tabular-nums">{items}</ol>;
    }
  }
}

function Line({ children }: { children: readonly Inline[] }): ReactNode {
  return children.map((child, at) => <Piece key={at} of={child} />);
}

function Piece({ of }: { of: Inline }): ReactNode {
  switch (of.kind) {
    case "text":
      return of.text;
    case "break":
      return <br />;
    case "code":
      return <code className="px-1 py-px rounded-small bg-sunken border border-line font-mono text-[0.92em] [unicode-bidi:isolate]">{of.text}</code>;
    case "strong":
      return (
        <strong className="font-strong">
          <Line children={of.children} />
        </strong>
      );
    case "emphasis":
      return (
        <em>
          <Line children={of.children} />
        </em>
      );
    case "strike":
      return (
        <s className="text-ink-2">
          <Line children={of.children} />
        </s>
      );
    case "link":
      if (of.href === "") return <Line children={of.children} />;
      return <Address href={of.href}>{misleads(wordsOf(of.children), of.href) ? of.href : <Line children={of.children} />}</Address>;
    case "mention":
      return <Mention name={of.name} />;
  }
}

/** Opens outside of this window; a place in Momoland opens in it. */
function Address({ href, children }: { href: string; children: ReactNode }) {
  const actions = useActions();
  const within = href.startsWith("momoland:");
  function follow(event: MouseEvent): void {
    if (!within) return;
    event.preventDefault();
    actions.follow(href);
  }
  return (
    <a
      href={href}
      title={href}
      {...(within ? {} : { target: "_blank" })}
      rel="noopener noreferrer"
      onClick={follow}
      className="foreign rounded-[3px] text-accent-text underline decoration-accent-line underline-offset-2 hover:decoration-current"
    >
      {children}
    </a>
  );
}

const JOINERS_AT_END = /[._-]+$/u;

/** Somebody who was mentioned, by the name they have now; the reader and everybody in the accent. */
function Mention({ name }: { name: string }) {
  const mentions = useContext(MentionsContext);
  const ownId = useAppState((state) => ownAccount(state)?.userId);
  const short = name.replace(JOINERS_AT_END, "");
  const person = useAppState((state) => {
    const folded = [name, short].map((each) => each.toLocaleLowerCase());
    return mentions.userIds.map((userId) => state.people.get(userId)).find((each) => each !== undefined && folded.includes(each.handle.toLocaleLowerCase()));
  });
  const everybody = mentions.room && short === "room";
  if (person === undefined && !everybody) return `@${name}`;
  const whole = person?.handle.toLocaleLowerCase() === name.toLocaleLowerCase();
  const forReader = everybody || person?.userId === ownId;
  return (
    <>
      <span
        title={person === undefined ? strings.conversation.everybody : `@${person.handle}`}
        data-mention={forReader ? "you" : "other"}
        className={`foreign px-[3px] py-px rounded-small font-medium ${forReader ? "bg-accent-soft text-accent-text" : "bg-sunken text-ink"}`}
      >
        @{person?.displayName ?? short}
      </span>
      {whole ? "" : name.slice(short.length)}
    </>
  );
}

function Code({ text, language }: { text: string; language: string }) {
  const spans = useHighlighted(language, text);
  function copy(): void {
    void copyText(text).then((copied) => (copied ? toast(strings.conversation.codeCopied) : toast.error(strings.notCopied)));
  }
  return (
    <div className="group/code relative my-1 max-w-(--size-measure) rounded-control border border-line bg-sunken">
      <pre dir="ltr" className="px-3 py-2 font-mono text-[12.5px]/[19px] whitespace-pre-wrap [overflow-wrap:anywhere] text-start">
        <code>{spans === null ? text : spans.map((span, at) => (span.className === "" ? span.text : <span key={at} className={span.className}>{span.text}</span>))}</code>
      </pre>
      <button
        type="button"
        aria-label={strings.conversation.copyCode}
        title={strings.conversation.copyCode}
        onClick={copy}
        className="absolute end-1 top-1 grid place-items-center size-7 rounded-control bg-sunken text-ink-3 opacity-0 group-hover/code:opacity-100 focus-visible:opacity-100 hover:text-ink [&_svg]:size-3.5"
      >
        <Copy aria-hidden="true" />
      </button>
    </div>
  );
}

function wordsOf(children: readonly Inline[]): string {
  return children.map((child) => ("children" in child ? wordsOf(child.children) : "text" in child ? child.text : "")).join("");
}
