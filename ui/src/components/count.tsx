/** How many are unread. `forYou` where it is about the reader; then it has the accent. */
export function Count({ shown, label, forYou = false }: { shown: string; label: string; forYou?: boolean }) {
  return (
    <span
      role="img"
      aria-label={label}
      className={`inline-grid place-items-center min-w-[18px] h-[18px] px-[5px] rounded-round font-strong text-[11px]/none tabular-nums ${forYou ? "bg-accent text-on-accent" : "bg-selected text-ink-2"}`}
    >
      {shown}
    </span>
  );
}
