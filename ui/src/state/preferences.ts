// What a person chose for this window alone, never sent anywhere. The desktop keeps it in a file of its own, since webviews
// write their storage seconds later; a browser in its storage, and where that keeps nothing (it can be told so), it holds
// until the page is closed.
import { useSyncExternalStore } from "react";
import { keepValue, readKept } from "@/client/desktop";

export type Theme = "light" | "dark" | "system";

const THEME_KEY = "momoland.theme";
const SERVER_KEY = "momoland.server";
const LAST_ROOM_KEY = "momoland.lastRoom.";
const RECENT_EMOJI_KEY = "momoland.emoji.recent";
const SKIN_TONE_KEY = "momoland.emoji.tone";
const POST_DRAFT_KEY = "momoland.feed.draft.";
const FLOAT_PLACE_KEY = "momoland.call.place";
const RECENT_EMOJI_MAX = 36;
const DEFAULT_SERVER = "http://127.0.0.1:7420";
const listeners = new Set<() => void>();
/** What the webview did not keep. */
const unkept = new Map<string, string>();
/** What the desktop's file has, by the last that was said. */
let ofDesktop: Map<string, string> | null = null;

/** Reads what the desktop keeps. To be waited for before anything here is asked; where it fails, the webview keeps it. */
export async function loadPreferences(): Promise<void> {
  const kept = await readKept().catch(() => null);
  ofDesktop = kept === null ? null : new Map(kept);
}

function read(key: string): string | null {
  try {
    // What an earlier version kept in the webview's storage goes on counting.
    return unkept.get(key) ?? ofDesktop?.get(key) ?? window.localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  if (ofDesktop === null) {
    keepHere(key, value);
    return;
  }
  ofDesktop.set(key, value);
  unkept.delete(key);
  keepValue(key, value).then(
    () => forgetHere(key),
    () => keepHere(key, value),
  );
}

/** What an earlier version left here is not to come back. */
function forgetHere(key: string): void {
  try {
    window.localStorage.removeItem(key);
  } catch {
    // A webview that keeps nothing has nothing to forget.
  }
}

function keepHere(key: string, value: string): void {
  try {
    window.localStorage.setItem(key, value);
    unkept.delete(key);
  } catch {
    unkept.set(key, value);
  }
}

function readTheme(): Theme {
  const kept = read(THEME_KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Puts the chosen theme onto the document, and follows the system's while that is the choice. */
export function applyTheme(): () => void {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = (): void => {
    const theme = readTheme();
    document.documentElement.dataset.theme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
  };
  apply();
  listeners.add(apply);
  dark.addEventListener("change", apply);
  return () => {
    listeners.delete(apply);
    dark.removeEventListener("change", apply);
  };
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, readTheme);
  return [theme, setTheme];
}

function setTheme(theme: Theme): void {
  keep(THEME_KEY, theme);
  for (const listener of listeners) listener();
}

/** The server to offer: the one in the address (`?server=`), else the last one used, else the one on this machine. */
export function offeredServer(): string {
  return new URLSearchParams(window.location.search).get("server") ?? read(SERVER_KEY) ?? DEFAULT_SERVER;
}

export function rememberServer(server: string): void {
  keep(SERVER_KEY, server);
}

/** The room that this person had open last, in this window or an earlier one. It may be gone by now. */
export function lastRoomOf(userId: string): string | null {
  return read(LAST_ROOM_KEY + userId);
}

export function rememberRoom(userId: string, roomId: string): void {
  keep(LAST_ROOM_KEY + userId, roomId);
}

// Emoji. Read when a picker opens, so nobody needs to be told of a change.

/** Newest first. */
export function recentEmoji(): readonly string[] {
  return (read(RECENT_EMOJI_KEY) ?? "").split(" ").filter((emoji) => emoji !== "");
}

export function rememberEmoji(emoji: string): void {
  keep(RECENT_EMOJI_KEY, [emoji, ...recentEmoji().filter((each) => each !== emoji)].slice(0, RECENT_EMOJI_MAX).join(" "));
}

/** 0 for none, 1 to 5 from light to dark. */
export function skinTone(): 0 | 1 | 2 | 3 | 4 | 5 {
  return ([1, 2, 3, 4, 5] as const).find((tone) => String(tone) === read(SKIN_TONE_KEY)) ?? 0;
}

export function rememberSkinTone(tone: number): void {
  keep(SKIN_TONE_KEY, String(tone));
}

// The feed

/** What this person began to post, as it was handed to `keepPostDraft`; empty where there is nothing. */
export function keptPostDraft(userId: string): string {
  return read(POST_DRAFT_KEY + userId) ?? "";
}

export function keepPostDraft(userId: string, draft: string): void {
  keep(POST_DRAFT_KEY + userId, draft);
}

// Calls

/** Where the small call was put, in shares of the window from its start and its top; `null` where it never was moved. */
export function keptFloatPlace(): { start: number; top: number } | null {
  const [start = NaN, top = NaN] = (read(FLOAT_PLACE_KEY) ?? "").split(" ").map(Number.parseFloat);
  return Number.isFinite(start) && Number.isFinite(top) ? { start, top } : null;
}

export function keepFloatPlace({ start, top }: { start: number; top: number }): void {
  keep(FLOAT_PLACE_KEY, `${start.toFixed(4)} ${top.toFixed(4)}`);
}
