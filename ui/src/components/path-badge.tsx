import type { PeerPath } from "@/client/types";

export type PathBadgeProps = {
  path: PeerPath;
  /** The word for it. It carries the meaning; the colour only helps. */
  word: string;
  title: string;
  rttMs: number | null;
};

const TONES: Readonly<Record<PeerPath, string>> = {
  direct: "bg-ok-soft text-ok",
  turn: "bg-notice-soft text-notice",
  relay: "bg-quiet-soft text-quiet",
};

/** How bytes reach somebody, and how long they take there and back. */
export function PathBadge({ path, word, title, rttMs }: PathBadgeProps) {
  return (
    <span
      data-path={path}
      title={title}
      className={`inline-flex items-center gap-1 h-5 px-[7px] rounded-round font-medium text-[11px]/none tabular-nums whitespace-nowrap ${TONES[path]}`}
    >
      {word}
      {rttMs !== null && ` ${roundTrip(rttMs)} ms`}
    </span>
  );
}

/** Below ten the tenths matter on a fast network only below one; nobody reads more than two figures. */
export function roundTrip(rttMs: number): string {
  return rttMs < 1 ? Math.max(0.1, rttMs).toFixed(1) : String(Math.round(rttMs));
}
