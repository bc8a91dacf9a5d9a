import { ArrowDown, ArrowUp } from "lucide-react";
import { createContext, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState, type FocusEvent, type KeyboardEvent, type MouseEvent, type Ref } from "react";
import { Virtualizer, type CustomItemComponentProps, type VirtualizerHandle } from "virtua";
import type { Message, Room } from "@/client/types";
import { Button } from "@/components/button";
import { useMinute } from "@/components/clock";
import { EmojiPopover } from "@/components/emoji/emoji-picker";
import type { AnchoredMenuProps } from "@/components/menu";
import { useWindowFocus } from "@/components/window-focus";
import { oneEntryACall } from "@/features/conversation/call-summary";
import { useEmojiChoice } from "@/features/conversation/emoji-choice";
import { plainText } from "@/features/conversation/markdown";
import { MessageRow, UnsentRow } from "@/features/conversation/message-row";
import { MessageMenu, TOOL_KEYS, type RowCommands } from "@/features/conversation/message-tools";
import { useRowCommands } from "@/features/conversation/row-commands";
import { growsAbove, rowsOf, type Row } from "@/features/conversation/rows";
import { dayName } from "@/features/conversation/times";
import { coversRoom } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { asChanged, ownAccount, sayerOf, toolsFor } from "@/state/selectors";
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

/** How long a message that somebody was led to stands out. */
const FLASH_MS = 1_600;

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

  const changes = useAppState((state) => state.changes.filter((change) => change.roomId === room.roomId));
  const held = useAppState((state) => state.marker?.held === true);
  const unreadAbove = useAppState((state) => state.marker?.unread ?? 0);
  const jump = useAppState((state) => (state.jump?.roomId === room.roomId ? state.jump : null));

  const messages = useMemo(() => {
    const shown = oneEntryACall(timeline.messages);
    return changes.length === 0 ? shown : shown.map((message) => asChanged(message, changes, ownId));
  }, [timeline.messages, changes, ownId]);
  const byId = useMemo(() => new Map(messages.map((message) => [message.messageId, message])), [messages]);
  const rows = useMemo(() => rowsOf({ messages, unsent, firstNew, complete: timeline.next === null }), [messages, timeline.next, unsent, firstNew]);
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
  const newestOwnId = newest?.author === ownId && newest.call === undefined ? newest.messageId : undefined;
  const sentId = useRef(newestOwnId);
  useLayoutEffect(() => {
    if (newestOwnId !== undefined && newestOwnId !== sentId.current) toEnd();
    sentId.current = newestOwnId;
  }, [newestOwnId, toEnd]);

  const covered = useAppState((state) => coversRoom(state.calls, room.roomId));
  const attending = atEnd && focused && !covered;
  useEffect(() => {
    actions.setAttending(attending);
    return () => actions.setAttending(false);
  }, [actions, attending]);

  const readAt = room.readUpTo === undefined ? -1 : messages.findLastIndex((message) => message.messageId === room.readUpTo);
  const unreadId = newestForeign !== undefined && messages.lastIndexOf(newestForeign) > readAt ? newestForeign.messageId : null;
  useEffect(() => {
    if (attending && unreadId !== null && !held) actions.markRead(room.roomId, unreadId);
  }, [actions, attending, held, unreadId, room.roomId]);

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
    lookForNew();
    readOlderIfNear();
  }

  // What is new lies further up than the pane reaches: then there is a way to it.
  const [newIsAbove, setNewIsAbove] = useState(false);
  const newAt = useMemo(() => shown.rows.findIndex((row) => row.kind === "new"), [shown.rows]);
  const newIsFar = newAt === -1 && firstNew === null && unreadAbove > 0 && room.readUpTo !== undefined && timeline.next !== null;
  function lookForNew(): void {
    const handle = list.current;
    setNewIsAbove(handle !== null && newAt !== -1 && newAt < handle.findItemIndex(handle.scrollOffset));
  }

  // Roving focus: one message is in the tab order, arrows move it. The row that is wanted and the row that has the focus
  // are both kept mounted, so the focus goes from the one to the other and is never without a row between.
  const [activeId, setActiveId] = useState<string | null>(null);
  const [heldId, setHeldId] = useState<string | null>(null);
  const active = activeId !== null && byId.has(activeId) ? activeId : (newest?.messageId ?? null);
  // Of many rows, the ones near the end are asked for most.
  const activeRow = shown.rows.findLastIndex((row) => row.key === active);
  const newRow = seeksNew ? newAt : -1;
  const heldRow = heldId === null || heldId === active ? -1 : shown.rows.findLastIndex((row) => row.key === heldId);
  /** The message that shall have the focus and does not have it yet. */
  const wanted = useRef<string | null>(null);
  /** The message that has the focus, or had it last where nothing else took it. */
  const focusedId = useRef<string | null>(null);

  // Called whenever a row was mounted or shown. A row that was never measured is mounted hidden, and a hidden element
  // refuses the focus without a word, so a message stays wanted until it really has it.
  const settleFocus = useCallback(() => {
    // A focused element that is hidden or removed leaves the focus with the body, where arrow keys reach nobody.
    if (wanted.current === null && focusedId.current !== null && document.activeElement === document.body) wanted.current = focusedId.current;
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
    if (focusedId.current !== null && !byId.has(focusedId.current)) focusedId.current = active;
    if (wanted.current !== null && !byId.has(wanted.current)) wanted.current = null;
    settleFocus();
  }, [byId, active, settleFocus]);

  function onFocus(event: FocusEvent): void {
    const id = event.target.closest<HTMLElement>("[data-message-id]")?.dataset.messageId ?? null;
    wanted.current = null;
    focusedId.current = id;
    setHeldId(id);
    if (id !== null) setActiveId(id);
  }

  function onBlur(event: FocusEvent): void {
    // Without a taker the row was hidden, or the whole window lost the focus: in both it is still ours.
    if (event.relatedTarget === null) return;
    wanted.current = null;
    focusedId.current = null;
  }

  // One menu and one picker for all rows: where they are open, and for which message.
  const [menu, setMenu] = useState<{ messageId: string; at: AnchoredMenuProps["at"]; anchor: Element | null } | null>(null);
  const [picker, setPicker] = useState<{ messageId: string; anchor: Element } | null>(null);
  const emoji = useEmojiChoice();
  const openPicker = useCallback<RowCommands["openPicker"]>((message, anchor) => setPicker({ messageId: message.messageId, anchor }), []);
  const openMenu = useCallback<RowCommands["openMenu"]>((message, at, anchor) => setMenu({ messageId: message.messageId, at, anchor }), []);
  const commands = useRowCommands(room, { openPicker, openMenu });
  const menuMessage = menu === null ? undefined : byId.get(menu.messageId);
  const focusRow = (messageId: string): void => {
    // Only if nothing took the focus meanwhile: an editor, a dialog.
    if (document.activeElement === null || document.activeElement === document.body || scroller.current?.contains(document.activeElement) === true) scroller.current?.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(messageId)}"]`)?.focus({ preventScroll: true });
  };

  const [flashId, setFlashId] = useState<string | null>(null);
  // A wish to go somewhere is taken up once its message is among the rows. Whose editor opens takes the focus by itself,
  // and needs no pointing at.
  const [jumped, setJumped] = useState<{ messageId: string; row: number; round: number; edits: boolean } | null>(null);
  const jumpRow = jump === null || jumped?.round === jump.round ? -1 : shown.rows.findIndex((row) => row.key === jump.messageId);
  const jumpEdits = useAppState((state) => jump !== null && state.editors.has(jump.messageId));
  if (jump !== null && jumpRow !== -1) {
    setJumped({ messageId: jump.messageId, row: jumpRow, round: jump.round, edits: jumpEdits });
    setSeeksNew(false);
    if (!jumpEdits) {
      setAtEnd(false);
      setActiveId(jump.messageId);
      setFlashId(jump.messageId);
    }
  }
  useLayoutEffect(() => {
    if (jumped === null) return;
    seeking.current = false;
    if (jumped.edits) {
      list.current?.scrollToIndex(jumped.row, { align: "nearest" });
      return;
    }
    holdsEnd.current = false;
    list.current?.scrollToIndex(jumped.row, { align: "center" });
    wanted.current = jumped.messageId;
    settleFocus();
  }, [jumped, settleFocus]);
  useEffect(() => {
    if (flashId === null) return;
    const timer = setTimeout(() => setFlashId(null), FLASH_MS);
    return () => clearTimeout(timer);
  }, [flashId]);

  function onKeyDown(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const article = target.closest<HTMLElement>("[data-message-id]");
    if (article === null || event.ctrlKey || event.metaKey || event.altKey || target.matches("textarea, input, select")) return;
    if (target !== article && walkControls(event, article, target)) return;
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
      return;
    }
    const message = messages[at];
    if (message === undefined || target !== article) return;
    if (event.key === forwardKey(article)) {
      event.preventDefault();
      article.querySelector<HTMLElement>("[data-control]")?.focus();
    } else if (runKey(event, message, article)) event.preventDefault();
  }

  /** The key of a tool, while a message has the focus. Answers whether it was one. */
  function runKey(event: KeyboardEvent, message: Message, article: HTMLElement): boolean {
    const tools = toolsFor(room, message, ownId);
    const alive = message.deletedAt === undefined;
    const copies = alive && message.call === undefined;
    const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const { x, y, width } = article.getBoundingClientRect();
    if (key === TOOL_KEYS.react && tools.react) commands.openPicker(message, article);
    else if (key === TOOL_KEYS.reply && tools.reply) commands.reply(message);
    else if (key === TOOL_KEYS.edit && tools.edit) commands.edit(message);
    else if (key === TOOL_KEYS.remove && tools.delete) commands.remove(message);
    else if (key === TOOL_KEYS.pin && tools.pin) commands.pin(message);
    else if (key === TOOL_KEYS.copyText && copies && window.getSelection()?.isCollapsed !== false) commands.copyText(message);
    else if (key === TOOL_KEYS.copyLink) commands.copyLink(message);
    else if (key === TOOL_KEYS.markUnread) commands.markUnread(message);
    else if (key === TOOL_KEYS.receipts && alive) commands.receipts(message);
    else if (key === TOOL_KEYS.menu || key === "ContextMenu" || (key === "F10" && event.shiftKey)) commands.openMenu(message, { x: x + width - 40, y, width: 24, height: 24 }, article);
    else return false;
    return true;
  }

  // Some systems select the word under the pointer before they ask for a menu: only what was selected before is a selection.
  const selected = useRef(false);
  function onPointerDown(): void {
    selected.current = window.getSelection()?.isCollapsed === false;
  }

  function onContextMenu(event: MouseEvent): void {
    const target = event.target as HTMLElement;
    const messageId = target.closest<HTMLElement>("[data-message-id]")?.dataset.messageId;
    const message = messageId === undefined ? undefined : byId.get(messageId);
    // The system's own menu, where it has something of its own to offer.
    if (message === undefined || target.closest("a, textarea, input") !== null || selected.current) return;
    event.preventDefault();
    commands.openMenu(message, { x: event.clientX, y: event.clientY, width: 0, height: 0 }, target.closest("article"));
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
            room={room}
            message={row.message}
            name={people.get(sayerOf(row.message))?.displayName ?? (sayerOf(row.message) === ownId ? (account?.displayName ?? "") : strings.somebody)}
            ownId={ownId}
            head={row.head}
            origin={row.message.replyTo === undefined ? undefined : (byId.get(row.message.replyTo) ?? null)}
            focusable={row.key === active}
            flash={row.key === flashId}
            commands={commands}
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
        onPointerDownCapture={onPointerDown}
        onContextMenu={onContextMenu}
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
      {menu !== null && menuMessage !== undefined && (
        <MessageMenu
          key={`${menu.messageId} ${menu.at.x} ${menu.at.y}`}
          message={menuMessage}
          tools={toolsFor(room, menuMessage, ownId)}
          commands={commands}
          at={menu.at}
          anchor={menu.anchor}
          onClose={() => setMenu(null)}
          onClosed={() => focusRow(menu.messageId)}
        />
      )}
      {picker !== null && (
        <EmojiPopover
          {...emoji}
          anchor={picker.anchor}
          onPick={(picked) => {
            emoji.onPick(picked);
            actions.react(room.roomId, picker.messageId, picked, true);
            setPicker(null);
          }}
          onClose={() => setPicker(null)}
          onClosed={() => focusRow(picker.messageId)}
        />
      )}
      {(newIsAbove || newIsFar) && (
        <div className="absolute inset-x-0 top-2 flex justify-center pointer-events-none">
          <Button className="pointer-events-auto rounded-round shadow-2" onClick={() => void actions.jumpToFirstNew(room.roomId)}>
            <ArrowUp aria-hidden="true" className="size-4 stroke-[1.75] text-accent-text" />
            <span className="text-accent-text tabular-nums">{words.toFirstNew(unreadAbove)}</span>
          </Button>
        </div>
      )}
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

/** The arrow that leads on in the direction of the text. */
function forwardKey(element: HTMLElement): "ArrowLeft" | "ArrowRight" {
  return getComputedStyle(element).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
}

/** Left and right walk the controls of a message, Esc goes back to it. Answers whether the key was one of these. */
function walkControls(event: KeyboardEvent, article: HTMLElement, target: HTMLElement): boolean {
  const controls = [...article.querySelectorAll<HTMLElement>("[data-control]")];
  const at = controls.indexOf(target);
  if (at === -1) return false;
  if (event.key === "Escape") article.focus();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") (controls[at + (event.key === forwardKey(article) ? 1 : -1)] ?? article).focus();
  else return false;
  event.preventDefault();
  event.stopPropagation();
  return true;
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
      {arrived && newest.deletedAt === undefined && newest.call === undefined && words.arrived(name, plainText(newest.text, SAID_CHARACTERS_MAX))}
    </p>
  );
}
