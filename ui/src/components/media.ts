import { useSyncExternalStore } from "react";

/** The widths at which the shell changes its shape; the sheet has the same two numbers. */
export const NARROW = "(width < 720px)";
export const WITHOUT_DETAILS = "(width < 1080px)";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = window.matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => window.matchMedia(query).matches,
  );
}
