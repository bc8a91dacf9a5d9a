import { useSyncExternalStore } from "react";

const MINUTE_MS = 60_000;
/** Often enough that "yesterday" begins at midnight and "2 min ago" is not far off. */
const LOOK_MS = 10_000;

function subscribe(listener: () => void): () => void {
  const timer = setInterval(listener, LOOK_MS);
  return () => clearInterval(timer);
}

/** The present minute, Unix milliseconds. */
export function useMinute(): number {
  return useSyncExternalStore(subscribe, () => Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS);
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** A moment in full, in the reader's own language. */
export const exactTime = (at: number): string => exact.format(at);
