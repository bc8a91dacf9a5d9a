const MAC = /Mac|iPhone|iPad/u.test(navigator.userAgent);

/** The key that this system uses for commands. */
export const COMMAND_KEY = MAC ? "⌘" : "Ctrl";

export function commandHeld(event: { ctrlKey: boolean; metaKey: boolean }): boolean {
  return MAC ? event.metaKey : event.ctrlKey;
}

/** Keys as they are printed on a keyboard. Decoration: what they do is named elsewhere. */
export function Keys({ keys, className = "" }: { keys: readonly string[]; className?: string }) {
  return (
    <span aria-hidden="true" className={`flex gap-[3px] ${className}`}>
      {keys.map((key) => (
        <kbd key={key} className="inline-grid place-items-center min-w-[18px] h-[18px] px-1 rounded-small border border-line bg-sunken text-ink-2 font-ui font-medium text-[11px]/none">
          {key}
        </kbd>
      ))}
    </span>
  );
}
