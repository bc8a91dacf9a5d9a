// What all in a call listen to, as the window shows it: how far it is by the clock, and what was wished of it and is
// not said to be done yet. Pure.
import type { Call, CallListening } from "@/client/types";

/** What somebody here wished of a file, shown at once. What the engine says that answers it takes its place: see `isAnswered`. */
export type Wished = {
  /** The version of what was known when it was wished. */
  of: string;
  /** The file, by who has it and its title. */
  file: string;
  /** Who wished it: whoever uses this window. */
  by: string;
  state: "playing" | "paused";
  positionMs: number;
  at: number;
};

export type Together = {
  /** Whether a file is being opened from here. */
  opening: boolean;
  wished: Wished | null;
  /** The version of a file that is over and was put away. */
  putAway: string | null;
};

export const NOTHING_TOGETHER: Together = { opening: false, wished: null, putAway: null };

/** Another one for whatever the engine says that is new. */
export function versionOf({ deviceId, title, state, positionMs, at }: CallListening): string {
  return JSON.stringify([deviceId, title, state, positionMs, at]);
}

export function fileOf({ deviceId, title }: CallListening): string {
  return JSON.stringify([deviceId, title]);
}

/** A word that is this near to a wish answers it, milliseconds. */
const NEAR_MS = 1_500;

/**
 * Whether what the engine says now is later than a wish. A word of one's own change that is another than was wished answers an
 * older wish, where keys follow each other quickly; what somebody else did counts at once.
 */
export function isAnswered(listening: CallListening, wished: Wished): boolean {
  if (versionOf(listening) === wished.of) return false;
  if (isOver(listening) || fileOf(listening) !== wished.file || listening.changedBy !== wished.by) return true;
  const now = Math.max(listening.at, wished.at);
  const { state, positionMs, at } = wished;
  return listening.state === state && Math.abs(positionAt(listening, now) - positionAt({ ...listening, state, positionMs, at }, now)) < NEAR_MS;
}

/** Whether it is at an end that it does not come back from. */
export function isOver({ state }: CallListening): boolean {
  return state === "stopped" || state === "failed" || state === "left";
}

/** Paused where nothing comes after. */
export function isAtEnd({ state, positionMs, lengthMs }: CallListening): boolean {
  return state === "paused" && lengthMs !== undefined && positionMs >= lengthMs;
}

/** How far it is, in milliseconds, as far as one knows by the clock. */
export function positionAt({ state, positionMs, at, lengthMs }: CallListening, now: number): number {
  // A clock that was set back says nothing.
  const reached = state === "playing" ? positionMs + Math.max(0, now - at) : positionMs;
  return lengthMs === undefined ? reached : Math.min(reached, lengthMs);
}

/** What is listened to in a call, as if what was wished were done; nothing where there is none, or it is put away. */
export function listeningOf({ listening }: Call, { wished, putAway }: Together): CallListening | null {
  if (listening === undefined) return null;
  const version = versionOf(listening);
  if (isOver(listening)) return version === putAway ? null : listening;
  if (wished === null || isAnswered(listening, wished)) return listening;
  const { state, positionMs, at } = wished;
  return { ...listening, state, positionMs, at };
}

/** What is played or paused in a call; not what is over. */
export function playedIn(call: Call, together: Together): CallListening | null {
  const listening = listeningOf(call, together);
  return listening === null || isOver(listening) ? null : listening;
}
