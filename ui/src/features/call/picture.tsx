import { useEffect, useRef, useState } from "react";
import type { Picture } from "@/client/pictures";
import { keyOf } from "@/features/call/arrange";
import { paintByCard, paintByHand } from "@/features/call/paint";
import { useActions } from "@/state/context";
import type { PictureOf, Watch } from "@/state/pictures";

/** A graphics card that was away for longer (or gave the place to another page) is done without. */
const CARD_WAIT_MS = 2_000;
/** Shapes that differ by less are the same. */
const NEAR = 0.03;

export type PictureViewProps = PictureOf & {
  label: string;
  /** As in a mirror, which is how people know themselves. */
  mirrored?: boolean;
};

/** What somebody's camera or screen shows, drawn as it comes. Nothing before the first picture, so what lies under it shows. */
export function PictureView({ deviceId, source, label, mirrored = false }: PictureViewProps) {
  const { watchPicture } = useActions();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [byHand, setByHand] = useState(false);
  const [seen, setSeen] = useState(false);

  useEffect(() => {
    const element = canvas.current;
    const frame = box.current;
    if (element === null || frame === null) return undefined;
    return play(element, frame, { byHand, watch: (draw) => watchPicture({ deviceId, source }, draw), onSeen: () => setSeen(true), onCardGone: () => setByHand(true) });
  }, [watchPicture, deviceId, source, byHand]);

  return (
    <div ref={box} className="absolute inset-0" {...(seen ? { role: "img", "aria-label": label } : {})}>
      <canvas
        // A canvas that a card has drawn on can only be drawn on by one.
        key={`${keyOf(deviceId, source)} ${byHand}`}
        ref={canvas}
        aria-hidden="true"
        className={`absolute inset-0 size-full object-contain ${mirrored ? "-scale-x-100" : ""} ${seen ? "" : "invisible"}`}
      />
    </div>
  );
}

type Playing = { byHand: boolean; watch: (draw: (picture: Picture) => void) => Watch; onSeen: () => void; onCardGone: () => void };

/** Draws onto a canvas what is watched, as large as its frame is, until what it answers is called. */
function play(canvas: HTMLCanvasElement, frame: HTMLElement, { byHand, watch, onSeen, onCardGone }: Playing): () => void {
  let painter = byHand ? paintByHand(canvas) : paintByCard(canvas);
  let last: Picture | null = null;
  let seen = false;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  const watched = watch((picture) => {
    if (picture.width !== last?.width || picture.height !== last.height) fit(picture);
    last = picture;
    paint();
  });
  // What a card was asked for can never be drawn on by hand: another canvas takes its place.
  if (painter === null && !byHand) onCardGone();

  function paint(): void {
    if (painter === null || last === null) return;
    painter.draw(last);
    if (!seen) onSeen();
    seen = true;
  }
  /** Sides are even numbers, so a picture of the frame's own shape can miss it by a pixel: that is no reason for a rim. */
  function fit(picture: Picture): void {
    const stretch = (frame.clientWidth * picture.height) / Math.max(1, frame.clientHeight * picture.width);
    canvas.style.objectFit = Math.abs(stretch - 1) < NEAR ? "fill" : "contain";
  }
  function onLost(event: Event): void {
    // Said so that it may come back.
    event.preventDefault();
    painter = null;
    waiting = setTimeout(onCardGone, CARD_WAIT_MS);
  }
  function onRestored(): void {
    clearTimeout(waiting);
    painter = paintByCard(canvas);
    if (painter === null) onCardGone();
    paint();
  }
  function measure(): void {
    if (last !== null) fit(last);
    watched.resize(frame.clientWidth * window.devicePixelRatio, frame.clientHeight * window.devicePixelRatio);
  }
  canvas.addEventListener("webglcontextlost", onLost);
  canvas.addEventListener("webglcontextrestored", onRestored);
  const observer = new ResizeObserver(measure);
  observer.observe(frame);
  // The same size on a finer screen is more pixels.
  window.addEventListener("resize", measure);
  return () => {
    observer.disconnect();
    window.removeEventListener("resize", measure);
    canvas.removeEventListener("webglcontextlost", onLost);
    canvas.removeEventListener("webglcontextrestored", onRestored);
    clearTimeout(waiting);
    watched.stop();
    painter?.free();
  };
}
