import { ArrowDown } from "lucide-react";
import { createContext, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, type FocusEvent, type KeyboardEvent, type Ref } from "react";
import { toast } from "sonner";
import { Virtualizer, type CustomItemComponentProps, type VirtualizerHandle } from "virtua";
import type { Message, Room } from "@/api/types.gen";
import { Button } from "@/components/button";
import { copyText } from "@/components/clipboard";
import { useMinute } from "@/components/clock";
import { useWindowFocus } from "@/components/window-focus";
import { MessageRow, UnsentRow } from "@/features/conversation/message-row";
import { growsAbove, rowsOf, type Row } from "@/features/conversation/rows";
import { dayName } from "@/features/conversation/times";
import { useActions, useAppState } from "@/state/context";
import { ownAccount } from "@/state/selectors";
import type { Timeline } from "@/state/state";
import { strings } from "@/strings/strings";

const words = strings.conversation;
/** Nearer to the end than this counts as being there. */
const END_PX = 32;
/** Older messages are asked for this far before the top is reached. */
const OLDER_PX = 800;
/** A room with more new rows than this is opened at the first of them instead of at its end. */
const NEW_ROWS_AT_END_MAX = 10;
/** What is read already and stays visible above the "New" rule. */
const ABOVE_NEW_PX = 24;
/** Nothing was measured for so long: the rule is where it stays. */
const SETTLED_MS = 300;

/** Nobody listens to a longer message in passing. */
const SAID_CHARACTERS_MAX = 300;

export type MessageListProps = { room: Room; timeline: Extract<Timeline, { kind: "ready" }> };

/** The log of one room. Stays at its end while it is there, and otherwise wherever it is being read. */
export function MessageList({ room, timeline }: MessageListProps) {
  const actions = useActions();
  const account = useAppState(ownAccount);
  const people = useAppState((state) => state.people);
  const firstNew = useAppState((state) => state.marker?.firstNew ?? null);
  const unsent = useAppState((state) => state.unsent.filter((each) => each.roomId === room.roomId));
  const focused = useWindowFocus();
  const minute = useMinute();
  const ownId = account?.userId ?? "";

  const rows = useMemo(() => rowsOf({ messages: timeline.messages, unsent, firstNew, complete: timeline.next === null }), [timeline, unsent, firstNew]);
  const [shown, setShown] = useState({ rows, above: false });
  if (shown.rows !== rows) setShown({ rows, above: growsAbove(shown.rows, rows) });

  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  // Where much is new the list opens at the rule above it. The rows are measured only after they are mounted, each
  // measurement moves the rule, and so it is put in its place again and again until it stays there or somebody acts.
  const [seeksNew, setSeeksNew] = useState(() => beginsAtNew(rows));
  const seeking = useRef(seeksNew);
  const [atEnd, setAtEnd] = useState(!seeksNew);
  const holdsEnd = useRef(!seeksNew);
  const lastTop = useRef(0);

  const messages = timeline.messages;
  const newest = messages.at(-1);
  const newestForeign = messages.findLast((message) => message.author !== ownId);
  const [seenId, setSeenId] = useState(newest?.messageId);
  if (atEnd && seenId !== newest?.messageId) setSeenId(newest?.messageId);
  const newBelow = atEnd ? 0 : messages.slice(messages.findLastIndex((message) => message.messageId === seenId) + 1).filter((message) => message.author !== ownId).length;

  const letGoOfNew = useCallback(() => {
    seeking.current = false;
    setSeeksNew(false);
  }, []);

  const toEnd = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    letGoOfNew();
    holdsEnd.current = true;
    element.scrollTop = element.scrollHeight;
  }, [letGoOfNew]);

  /** Puts the list where it belongs by what is measured so far. */
  const place = useCallback(() => {
    const element = scroller.current;
    if (element === null) return;
    if (holdsEnd.current) element.scrollTop = element.scrollHeight;
    else if (seeking.current) element.scrollTop += distanceToNew(element);
  }, []);

  // Before the first paint, and whenever rows come or go.
  useLayoutEffect(place, [rows, place]);

  // Rows are measured after they are mounted, the composer grows, the window is resized: the end moves, and we with it.
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(place);
    observer.observe(element);
    for (const child of element.children) observer.observe(child);
    return () => observer.disconnect();
  }, [place]);

  useEffect(() => {
    const element = scroller.current;
    if (!seeksNew || element === null) return;
    // A key counts wherever the focus is: somebody who already writes is not to be moved about.
    window.addEventListener("keydown", letGoOfNew, true);
    const byHand = ["wheel", "touchmove", "pointerdown", "focusin"] as const;
    for (const name of byHand) element.addEventListener(name, letGoOfNew, { passive: true });
    const stopWaiting = whenSettled(element, letGoOfNew);
    return () => {
      window.removeEventListener("keydown", letGoOfNew, true);
      for (const name of byHand) element.removeEventListener(name, letGoOfNew);
      stopWaiting();
    };
  }, [seeksNew, letGoOfNew]);

  // One's own message is always worth seeing, wherever one was reading.
  const newestOwnId = newest?.author === ownId ? newest.messageId : undefined;
  const sentId = useRef(newestOwnId);
  useLayoutEffect(() => {
    if (newestOwnId !== undefined && newestOwnId !== sentId.current) toEnd();
    sentId.current = newestOwnId;
  }, [newestOwnId, toEnd]);

  const attending = atEnd && focused;
  useEffect(() => {
    actions.setAttending(attending);
    return () => actions.setAttending(false);
  }, [actions, attending]);

  const readAt = room.readUpTo === undefined ? -1 : messages.findLastIndex((message) => message.messageId === room.readUpTo);
  const unreadId = newestForeign !== undefined && messages.lastIndexOf(newestForeign) > readAt ? newestForeign.messageId : null;
  useEffect(() => {
    if (attending && unreadId !== null) actions.markRead(room.roomId, unreadId);
  }, [actions, attending, unreadId, room.roomId]);

  function readOlderIfNear(): void {
    const element = scroller.current;
    // Not while the rule is sought: on its way there the list may pass the top.
    if (element !== null && !seeking.current && element.scrollTop < OLDER_PX && timeline.next !== null && timeline.older === "idle") actions.readOlder(room.roomId);
  }
  // A page that does not fill the pane cannot be scrolled, so it asks by itself.
  useEffect(readOlderIfNear);

  function onScroll(): void {
    const element = scroller.current;
    if (element === null) return;
    // Nobody scrolled: the virtualiser evened out what it measured.
    if (seeking.current) {
      place();
      lastTop.current = element.scrollTop;
      return;
    }
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    // Only somebody's scrolling up lets go of the end; rows that grow do not.
    if (below < END_PX) holdsEnd.current = true;
    else if (element.scrollTop < lastTop.current - 1) holdsEnd.current = false;
    lastTop.current = element.scrollTop;
    setAtEnd(holdsEnd.current);
    readOlderIfNear();
  }

  // Roving focus: one message is in the tab order, arrows move it. The row that is wanted and the row that has the focus
  // are both kept mounted, so the focus goes from the one to the other and is never without a row between.
  const [activeId, setActiveId] = useState<string | null>(null);
  const [heldId, setHeldId] = useState<string | null>(null);
  const active = activeId !== null && messages.some((message) => message.messageId === activeId) ? activeId : (newest?.messageId ?? null);
  const activeRow = shown.rows.findIndex((row) => row.key === active);
  const newRow = seeksNew ? shown.rows.findIndex((row) => row.kind === "new") : -1;
  const heldRow = heldId === null || heldId === active ? -1 : shown.rows.findIndex((row) => row.key === heldId);
  /** The message that shall have the focus and does not have it yet. */
  const wanted = useRef<string | null>(null);
  /** The message that has the focus, or had it last where nothing else took it. */
  const held = useRef<string | null>(null);

  // Called whenever a row was mounted or shown. A row that was never measured is mounted hidden, and a hidden element
  // refuses the focus without a word, so a message stays wanted until it really has it.
  const settleFocus = useCallback(() => {
    // A focused element that is hidden or removed leaves the focus with the body, where arrow keys reach nobody.
    if (wanted.current === null && held.current !== null && document.activeElement === document.body) wanted.current = held.current;
    if (wanted.current === null) return;
    const element = scroller.current?.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(wanted.current)}"]`) ?? null;
    if (element === null) return;
    element.focus({ preventScroll: true });
    if (document.activeElement !== element) return;
    wanted.current = null;
    element.scrollIntoView({ block: "nearest" });
  }, []);

  useLayoutEffect(() => {
    if (wanted.current !== null && activeRow !== -1) list.current?.scrollToIndex(activeRow, { align: "nearest" });
  }, [activeId, activeRow]);

  useLayoutEffect(() => {
    // What had the focus is no longer in the log: the message that Tab would reach takes its place.
    if (held.current !== null && !messages.some((message) => message.messageId === held.current)) held.current = active;
    if (wanted.current !== null && !messages.some((message) => message.messageId === wanted.current)) wanted.current = null;
    settleFocus();
  }, [messages, active, settleFocus]);

  function onFocus(event: FocusEvent): void {
    const id = event.target.closest<HTMLElement>("[data-message-id]")?.dataset.messageId ?? null;
    wanted.current = null;
    held.current = id;
    setHeldId(id);
    if (id !== null) setActiveId(id);
  }

  function onBlur(event: FocusEvent): void {
    // Without a taker the row was hidden, or the whole window lost the focus: in both it is still ours.
    if (event.relatedTarget === null) return;
    wanted.current = null;
    held.current = null;
  }

  function onKeyDown(event: KeyboardEvent): void {
    const article = (event.target as HTMLElement).closest<HTMLElement>("[data-message-id]");
    if (article === null || event.ctrlKey || event.metaKey || event.altKey) return;
    // Keys may come faster than rows are mounted: each counts from where the one before it leads.
    const from = wanted.current ?? article.dataset.messageId;
    const at = messages.findIndex((message) => message.messageId === from);
    const steps: Partial<Record<string, number>> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: messages.length - 1 };
    const to = steps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      const next = messages[Math.max(0, Math.min(to, messages.length - 1))];
      if (next === undefined) return;
      wanted.current = next.messageId;
      holdsEnd.current = false;
      setActiveId(next.messageId);
      // Also where nothing changes that would be committed: at either end, or back at the row with the focus.
      settleFocus();
    } else if (event.key.toLowerCase() === "c" && window.getSelection()?.isCollapsed !== false) {
      const message = messages[at];
      if (message === undefined) return;
      event.preventDefault();
      void copyText(message.text).then((copied) => (copied ? toast(words.messageCopied) : toast.error(strings.notCopied)));
    }
  }

  function paint(row: Row) {
    switch (row.kind) {
      case "beginning":
        return (
          <p key={row.key} className="pt-6 pb-1 text-small text-ink-3 foreign">
            {words.beginning(room.name)}
          </p>
        );
      case "day":
        return (
          <div key={row.key} className="rule">
            <h2>{dayName(row.at, minute)}</h2>
          </div>
        );
      case "new":
        return (
          <div key={row.key} className="rule" data-fresh="">
            <h2>{words.fresh}</h2>
          </div>
        );
      case "message":
        return (
          <MessageRow
            key={row.key}
            message={row.message}
            name={people.get(row.message.author)?.displayName ?? (row.message.author === ownId ? (account?.displayName ?? "") : strings.somebody)}
            head={row.head}
            own={row.message.author === ownId}
            focusable={row.key === active}
          />
        );
      case "unsent":
        return (
          <UnsentRow
            key={row.key}
            unsent={row.unsent}
            userId={ownId}
            name={account?.displayName ?? ""}
            onRetry={() => actions.retry(row.unsent)}
            onDiscard={() => actions.discard(row.unsent)}
          />
        );
    }
  }

  return (
    <div className="relative flex-1 min-h-0">
      {timeline.older === "loading" && <div className="loading-line z-10" />}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- arrow keys move between the messages in it, which are focusable */}
      <div
        ref={scroller}
        role="log"
        aria-label={words.log}
        aria-live="off"
        onScroll={onScroll}
        onKeyDown={onKeyDown}
        onFocus={onFocus}
        onBlur={onBlur}
        className="absolute inset-0 flex flex-col overflow-x-hidden overflow-y-auto scroller [overflow-anchor:none] px-6 touch:px-3.5"
      >
        <div className="flex-1" />
        {timeline.older === "failed" && (
          <div className="flex items-center justify-center gap-2 py-2 text-small text-ink-2">
            {words.olderFailed}
            <Button tone="quiet" onClick={() => actions.readOlder(room.roomId)}>
              {strings.tryAgain}
            </Button>
          </div>
        )}
        <Placed value={settleFocus}>
          <Virtualizer ref={list} data={shown.rows} shift={shown.above} bufferSize={600} item={Place} keepMounted={[activeRow, heldRow, newRow].filter((at) => at !== -1)} onResize={place}>
            {paint}
          </Virtualizer>
        </Placed>
        <div className="flex-none h-1" />
      </div>
      <Announcer newest={newest} ownId={ownId} name={people.get(newest?.author ?? "")?.displayName ?? strings.somebody} />
      {!atEnd && (
        <div className="absolute inset-x-0 bottom-2 flex justify-center pointer-events-none">
          <Button className="pointer-events-auto rounded-round shadow-2" onClick={toEnd}>
            <ArrowDown aria-hidden="true" className="size-4 stroke-[1.75] text-ink-2" />
            {words.jumpToLatest}
            {newBelow > 0 && <span className="text-accent-text tabular-nums">{words.newBelow(newBelow)}</span>}
          </Button>
        </div>
      )}
    </div>
  );
}

/** Who is told that a row was mounted, or was measured and so became visible. */
const Placed = createContext<() => void>(() => undefined);

/** Where the virtualiser puts one row. It mounts and shows rows by commits of its own, which the list does not see. */
function Place({ ref, style, children }: Pick<CustomItemComponentProps, "style" | "children"> & { ref?: Ref<HTMLDivElement> }) {
  const placed = useContext(Placed);
  useLayoutEffect(placed, [placed, style.visibility]);
  return (
    <div ref={ref} style={style} data-row="">
      {children}
    </div>
  );
}

/** Whether too much follows the "New" rule to begin at the end. */
function beginsAtNew(rows: readonly Row[]): boolean {
  const at = rows.findIndex((row) => row.kind === "new");
  return at !== -1 && rows.length - at > NEW_ROWS_AT_END_MAX;
}

/** How far is to be scrolled until the "New" rule is in its place, which is mounted while it is sought. */
function distanceToNew(element: HTMLElement): number {
  const rule = element.querySelector("[data-fresh]");
  if (rule === null) return 0;
  const distance = rule.getBoundingClientRect().top - element.getBoundingClientRect().top - ABOVE_NEW_PX;
  return Math.abs(distance) < 1 ? 0 : distance;
}

/**
 * Calls back once the rows in view are measured and nothing moved for a while: by the clock, and in frames that were
 * really painted, since a window that is short of time may have neither for long. Returns how to stop waiting.
 */
function whenSettled(element: HTMLElement, settled: () => void): () => void {
  let since = performance.now();
  let before = "";
  let frame = requestAnimationFrame(look);
  function look(now: number): void {
    const place = `${element.scrollTop} ${element.scrollHeight} ${unmeasuredInView(element)} ${distanceToNew(element)}`;
    if (place !== before || unmeasuredInView(element) > 0) since = now;
    before = place;
    if (now - since >= SETTLED_MS) settled();
    else frame = requestAnimationFrame(look);
  }
  return () => cancelAnimationFrame(frame);
}

/** Rows that the virtualiser mounted in view and did not measure yet; it hides them until then. */
function unmeasuredInView(element: HTMLElement): number {
  const pane = element.getBoundingClientRect();
  const hidden = [...element.querySelectorAll<HTMLElement>("[data-row]")].filter((row) => row.style.visibility === "hidden");
  return hidden.filter((row) => row.getBoundingClientRect().top < pane.bottom && row.getBoundingClientRect().bottom > pane.top).length;
}

/**
 * Says what arrives. The log itself is not a live region: its rows come and go while it is scrolled, and each would be
 * read out again.
 */
function Announcer({ newest, ownId, name }: { newest: Message | undefined; ownId: string; name: string }) {
  const [openedAt] = useState(newest?.messageId);
  const arrived = newest !== undefined && newest.messageId !== openedAt && newest.author !== ownId;
  return (
    <p aria-live="polite" className="sr-only">
      {arrived && words.arrived(name, newest.text.slice(0, SAID_CHARACTERS_MAX))}
    </p>
  );
}
