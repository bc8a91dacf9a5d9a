/** The peach. Decoration: the name stands beside it. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" className="flex-none">
      <path d="M12 5.2c5.2-2 9.4 1.5 9.4 7.2 0 5.2-4.2 9.2-9.4 9.2s-9.4-4-9.4-9.2c0-5.7 4.2-9.2 9.4-7.2Z" fill="var(--accent)" />
      <path d="M12 5.2c-1.9 3.6-2 9 .2 13.2" fill="none" stroke="var(--surface)" strokeOpacity=".72" strokeWidth="1.5" strokeLinecap="round" />
      <path d="M12.1 5c.3-2.2 2.2-3.6 5-3.4-.2 2.6-2.3 4-5 3.4Z" fill="var(--ok-dot)" />
    </svg>
  );
}
