import { useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { playingTime } from "@/components/clock";
import { strings } from "@/strings/strings";

const words = strings.call.listening;
const KEY_MS = 5_000;
const PAGE_MS = 30_000;

export type SeekBarProps = {
  positionMs: number;
  lengthMs: number;
  /** Where it was let go. */
  onSeek: (positionMs: number) => void;
  className?: string;
};

/** How far a file is, and a way to another moment of it: by the pointer or the keys, said once they are let go. */
export function SeekBar({ positionMs, lengthMs, onSeek, className = "" }: SeekBarProps) {
  const bar = useRef<HTMLDivElement>(null);
  /** Where somebody holds it; by a pointer, or by keys. */
  const [held, setHeld] = useState<{ at: number; pointer: number | null } | null>(null);
  const at = clamp(held?.at ?? positionMs, lengthMs);
  const share = lengthMs === 0 ? 0 : at / lengthMs;

  function pointedAt({ clientX }: PointerEvent): number {
    const box = bar.current?.getBoundingClientRect();
    return box === undefined || box.width === 0 ? at : clamp(((clientX - box.left) / box.width) * lengthMs, lengthMs);
  }

  function letGo(to = held?.at): void {
    if (to === undefined) return;
    setHeld(null);
    onSeek(Math.round(to));
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape" && held !== null) {
      event.preventDefault();
      setHeld(null);
      return;
    }
    const to = { ArrowRight: at + KEY_MS, ArrowUp: at + KEY_MS, ArrowLeft: at - KEY_MS, ArrowDown: at - KEY_MS, PageUp: at + PAGE_MS, PageDown: at - PAGE_MS, Home: 0, End: lengthMs }[event.key];
    if (to === undefined || (held !== null && held.pointer !== null)) return;
    event.preventDefault();
    setHeld({ at: clamp(to, lengthMs), pointer: null });
  }

  return (
    // A timeline runs from left to right in every script.
    <div dir="ltr" className={`flex items-center gap-3 text-small text-ink-3 tabular-nums ${className}`}>
      <span aria-hidden="true" className="flex-none text-end" style={{ minWidth: `${playingTime(lengthMs).length}ch` }}>
        {playingTime(at)}
      </span>
      <div
        ref={bar}
        role="slider"
        tabIndex={0}
        aria-label={words.seek}
        aria-valuemin={0}
        aria-valuemax={Math.floor(lengthMs / 1_000)}
        aria-valuenow={Math.floor(at / 1_000)}
        aria-valuetext={words.moment(at, lengthMs)}
        className="group relative flex items-center flex-1 min-w-[60px] h-6 touch:h-9 rounded-control cursor-pointer touch-none select-none"
        onPointerDown={(event) => {
          if (event.button !== 0 || !event.isPrimary) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setHeld({ at: pointedAt(event), pointer: event.pointerId });
        }}
        onPointerMove={(event) => held?.pointer === event.pointerId && setHeld({ at: pointedAt(event), pointer: event.pointerId })}
        onPointerUp={(event) => held?.pointer === event.pointerId && letGo(pointedAt(event))}
        onPointerCancel={(event) => held?.pointer === event.pointerId && setHeld(null)}
        onKeyDown={onKeyDown}
        onKeyUp={() => held?.pointer === null && letGo()}
        onBlur={() => held?.pointer === null && letGo()}
      >
        {/* Drawn by borders, which forced colours leave. */}
        <span className="flex-1 border-t-4 border-line-strong rounded-round" />
        <span className="absolute start-0 border-t-4 border-ink-2 rounded-round" style={{ width: `${share * 100}%` }} />
        <span className="absolute -ms-1.5 border-[6px] border-ink-2 rounded-round transition-[scale] duration-(--fast) group-hover:scale-125" style={{ insetInlineStart: `${share * 100}%` }} />
      </div>
      <span aria-hidden="true" className="flex-none">
        {playingTime(lengthMs)}
      </span>
    </div>
  );
}

const clamp = (ms: number, lengthMs: number): number => Math.max(0, Math.min(lengthMs, ms));
