import { useState } from "react";

/** Where the focus can go when what had it is gone. */
const COMPOSER = "[data-composer] textarea:not([inert] *)";
const PLACES = [COMPOSER, "[data-pane] [aria-current='page']", "[data-pane] button"];

/** To where one writes in the open room, as when it is opened. */
export function focusComposer(): void {
  document.querySelector<HTMLElement>(COMPOSER)?.focus();
}

/**
 * For something that opens over the panes: what to do when it closes. The focus goes back to what had it before, unless
 * something else took it meanwhile (the composer of a room that was just opened).
 */
export function useFocusReturn(): (event: Event) => void {
  const [before] = useState(() => document.activeElement);
  return (event) => {
    event.preventDefault();
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    const target = before instanceof HTMLElement && before !== document.body && before.isConnected ? before : PLACES.map((place) => document.querySelector<HTMLElement>(place)).find((place) => place !== null);
    target?.focus();
  };
}
