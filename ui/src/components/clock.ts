import { useCallback, useSyncExternalStore } from "react";

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

/** Now, to the step; while it does not run, as it was when something else changed. */
export function useSteps(stepMs: number, runs: boolean): number {
  const run = useCallback(
    (listener: () => void) => {
      if (!runs) return () => undefined;
      const timer = setInterval(listener, stepMs);
      return () => clearInterval(timer);
    },
    [stepMs, runs],
  );
  return useSyncExternalStore(run, () => Math.floor(Date.now() / stepMs) * stepMs);
}

/** How far something is, as a player writes it: 1:05, or 1:02:07. */
export function playingTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (n: number): string => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3_600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** A moment in full, in the reader's own language. */
export const exactTime = (at: number): string => exact.format(at);
