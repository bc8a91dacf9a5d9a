import { useEffect, useRef, useState } from "react";
import type { Picture } from "@/client/pictures";
import { paintByCard, paintByHand } from "@/features/call/paint";
import { useActions } from "@/state/context";
import type { PictureOf, Watch } from "@/state/pictures";

/** A graphics card that was away for longer (or gave the place to another page) is done without. */
const CARD_WAIT_MS = 2_000;

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
        key={`${source} ${deviceId} ${byHand}`}
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
  let painter = (byHand ? null : paintByCard(canvas)) ?? paintByHand(canvas);
  let last: Picture | null = null;
  let waiting: ReturnType<typeof setTimeout> | undefined;

  const watched = watch((picture) => {
    last = picture;
    painter?.draw(picture);
    onSeen();
  });
  function onLost(event: Event): void {
    // Said so that it may come back.
    event.preventDefault();
    painter = null;
    waiting = setTimeout(onCardGone, CARD_WAIT_MS);
  }
  function onRestored(): void {
    clearTimeout(waiting);
    painter = paintByCard(canvas);
    if (last !== null) painter?.draw(last);
  }
  function measure(): void {
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
