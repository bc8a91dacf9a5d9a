/**
 * After something on top was closed: the focus goes to where one works if nothing else has it, since what had it before
 * may be gone (a menu's item, a row of the palette).
 */
export function giveFocusBack(): void {
  queueMicrotask(() => {
    if (document.activeElement !== document.body && document.activeElement !== null) return;
    document.querySelector<HTMLElement>("[data-pane] textarea, [data-pane] [aria-current='page'], [data-pane] button")?.focus();
  });
}
