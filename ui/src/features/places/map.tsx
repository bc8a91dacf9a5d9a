import { Minus, Plus, Users } from "lucide-react";
import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { Avatar } from "@/components/avatar";
import { IconButton } from "@/components/icon-button";
import { between, clamped, fitted, panned, radii, scaleBar, shortWay, toPosition, toScreen, zoomed, type Point, type Position, type Size, type View } from "@/features/places/geo";
import { worldLand } from "@/features/places/land";
import { strings } from "@/strings/strings";

const words = strings.places;
const MOVE_MS = 700;
const BAR_PX = 80;
const KEY_PX = 48;
const STEP = 1.6;
/** A press that moved less is a click. */
const CLICK_PX = 4;

export type Marker = Position & { userId: string; name: string; accuracyM: number | undefined; live: boolean };

export type MapProps = {
  markers: readonly Marker[];
  /** Brought into the middle; a new object is a new wish. */
  target: Position | null;
  /** Where somebody puts themselves, while they do. */
  picked: Position | null;
  /** Given while a position is chosen. */
  onPick: ((position: Position) => void) | null;
  /** A control more, after those of the map. */
  more?: ReactNode;
  className?: string;
};

type Motion = { from: Position; to: Position; start: number };

/**
 * The world on a canvas, with people on it. Drawn from the packaged land: no network, no WebGL. The people are elements
 * over it, so that they look like everywhere else; what they say is in the list beside it.
 */
export function WorldMap({ markers, target, picked, onPick, more, className = "" }: MapProps) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const view = useRef<View | null>(null);
  const size = useRef<Size>({ width: 0, height: 0 });
  const frame = useRef(0);
  const motions = useRef(new Map<string, Motion>());
  const latest = useRef({ markers, picked });
  const press = useRef<{ at: Point; last: Point; moved: boolean } | null>(null);
  const [dragging, setDragging] = useState(false);

  const redraw = useCallback((): void => {
    function draw(): void {
      frame.current = 0;
      const element = canvas.current;
      const context = element?.getContext("2d");
      if (element === null || context === null || context === undefined || view.current === null) return;
      const moving = paint(context, element, view.current, size.current, latest.current.markers, motions.current);
      place(layer.current, view.current, size.current, latest.current.markers, motions.current, latest.current.picked);
      const { metres, pixels } = scaleBar(view.current, BAR_PX);
      const [label, length] = bar.current?.querySelectorAll("span") ?? [];
      if (label !== undefined && length !== undefined) {
        label.textContent = words.metres(metres);
        length.style.inlineSize = `${pixels}px`;
      }
      if (moving) frame.current = requestAnimationFrame(draw);
    }
    if (frame.current === 0) frame.current = requestAnimationFrame(draw);
  }, []);

  const look = useCallback(
    (next: View): void => {
      view.current = clamped(next, size.current);
      redraw();
    },
    [redraw],
  );

  const showEverybody = useCallback((): void => look(fitted(latest.current.markers, size.current)), [look]);

  // The size decides the first view; after that it only bounds it.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      size.current = { width: element.clientWidth, height: element.clientHeight };
      const ratio = window.devicePixelRatio;
      if (canvas.current !== null) {
        canvas.current.width = Math.round(size.current.width * ratio);
        canvas.current.height = Math.round(size.current.height * ratio);
      }
      if (view.current === null) showEverybody();
      else look(view.current);
    });
    observer.observe(element);
    // The colours come from the sheet, and change with the theme.
    const themed = new MutationObserver(redraw);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      observer.disconnect();
      themed.disconnect();
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [look, redraw, showEverybody]);

  useLayoutEffect(() => {
    const now = performance.now();
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const first = latest.current.markers.length === 0 && markers.length > 0;
    for (const marker of markers) {
      const motion = motions.current.get(marker.userId);
      const to = { lat: marker.lat, lng: marker.lng };
      if (motion?.to.lat === to.lat && motion.to.lng === to.lng) continue;
      motions.current.set(marker.userId, { from: motion === undefined || still ? to : whereabouts(motion, now), to, start: now });
    }
    for (const userId of motions.current.keys()) if (!markers.some((marker) => marker.userId === userId)) motions.current.delete(userId);
    latest.current = { markers, picked };
    if (first && view.current !== null) showEverybody();
    else redraw();
  }, [markers, picked, redraw, showEverybody]);

  useEffect(() => {
    if (target !== null && view.current !== null) look({ ...target, scale: Math.max(view.current.scale, fitted([target], size.current).scale) });
  }, [target, look]);

  // React listens to the wheel passively, and a page that scrolls while the map zooms is no use.
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    function onWheel(event: WheelEvent): void {
      if (element === null || view.current === null) return;
      event.preventDefault();
      look(zoomed(view.current, size.current, Math.exp(-event.deltaY / 400), pointIn(element, event)));
    }
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [look]);

  function zoomBy(factor: number): void {
    if (view.current !== null) look(zoomed(view.current, size.current, factor, { x: size.current.width / 2, y: size.current.height / 2 }));
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (view.current === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const pan: Readonly<Partial<Record<string, Point>>> = { ArrowLeft: { x: KEY_PX, y: 0 }, ArrowRight: { x: -KEY_PX, y: 0 }, ArrowUp: { x: 0, y: KEY_PX }, ArrowDown: { x: 0, y: -KEY_PX } };
    const by = pan[event.key];
    if (by !== undefined) look(panned(view.current, size.current, by));
    else if (event.key === "+" || event.key === "=") zoomBy(STEP);
    else if (event.key === "-") zoomBy(1 / STEP);
    else if (event.key === "0") showEverybody();
    else if (event.key === "Enter" && onPick !== null) onPick({ lat: view.current.lat, lng: view.current.lng });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function onPointerDown(event: PointerEvent<HTMLDivElement>): void {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const at = { x: event.clientX, y: event.clientY };
    press.current = { at, last: at, moved: false };
    setDragging(true);
  }

  function onPointerMove(event: PointerEvent): void {
    const held = press.current;
    if (held === null || view.current === null) return;
    const here = { x: event.clientX, y: event.clientY };
    if (!held.moved && Math.hypot(here.x - held.at.x, here.y - held.at.y) < CLICK_PX) return;
    look(panned(view.current, size.current, { x: here.x - held.last.x, y: here.y - held.last.y }));
    press.current = { ...held, last: here, moved: true };
  }

  function onPointerUp(event: PointerEvent<HTMLDivElement>): void {
    const held = press.current;
    press.current = null;
    setDragging(false);
    if (held?.moved === false && onPick !== null && view.current !== null) onPick(toPosition(view.current, size.current, pointIn(event.currentTarget, event)));
  }

  return (
    <div className={`relative overflow-hidden rounded-large border border-line [--sea:var(--sunken)] dark:[--sea:var(--bg)] ${className}`}>
      {/* A map is moved by the arrow keys, so a screen reader has to let them through. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={box}
        role="application"
        aria-label={words.mapLabel(markers.map((marker) => marker.name))}
        aria-describedby={`${id}-hint`}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        data-map
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => {
          press.current = null;
          setDragging(false);
        }}
        className={`group/map absolute inset-0 touch-none rounded-large focus-visible:shadow-[inset_0_0_0_2px_var(--accent)] focus-visible:z-10 ${onPick !== null ? "cursor-crosshair" : dragging ? "cursor-grabbing" : "cursor-grab"}`}
      >
        <canvas ref={canvas} aria-hidden="true" className="block size-full" />
        <div ref={layer} aria-hidden="true" className="absolute inset-0 pointer-events-none">
          {markers.map((marker) => (
            <div key={marker.userId} data-marker={marker.userId} className="absolute left-0 top-0 will-change-transform">
              <div className={`-translate-1/2 rounded-[31%] shadow-2 ${marker.live ? "outline-2 outline-surface" : "opacity-75"}`}>
                <Avatar userId={marker.userId} name={marker.name} size={26} />
              </div>
            </div>
          ))}
          <div data-picked hidden className="absolute left-0 top-0">
            <div className="-translate-1/2 size-4 rounded-round border-2 border-surface bg-accent shadow-2" />
          </div>
          {onPick !== null && <Plus className="hidden group-focus-visible/map:block absolute inset-0 m-auto size-5 stroke-[1.75] text-accent-text" />}
        </div>
      </div>
      <p id={`${id}-hint`} className="sr-only">
        {onPick === null ? words.mapHint : words.pickHint}
      </p>
      <div className="absolute end-2 bottom-2 flex rounded-control border border-line bg-raised shadow-1">
        <IconButton label={words.zoomIn} keys={["+"]} className="size-7 touch:size-9" onClick={() => zoomBy(STEP)}>
          <Plus aria-hidden="true" />
        </IconButton>
        <IconButton label={words.zoomOut} keys={["−"]} className="size-7 touch:size-9" onClick={() => zoomBy(1 / STEP)}>
          <Minus aria-hidden="true" />
        </IconButton>
        <IconButton label={words.everybody} keys={["0"]} className="size-7 touch:size-9" onClick={showEverybody}>
          <Users aria-hidden="true" />
        </IconButton>
        {more}
      </div>
      <div ref={bar} aria-hidden="true" className="absolute start-2 bottom-2 text-micro text-ink-2 tabular-nums whitespace-nowrap pointer-events-none">
        <span />
        <span className="block h-1 border-b-2 border-x-2 border-ink-3" />
      </div>
    </div>
  );
}

function pointIn(element: Element, event: { clientX: number; clientY: number }): Point {
  const { left, top } = element.getBoundingClientRect();
  return { x: event.clientX - left, y: event.clientY - top };
}

function whereabouts({ from, to, start }: Motion, now: number): Position {
  const part = Math.max(0, Math.min(1, (now - start) / MOVE_MS));
  return part === 1 ? to : between(from, to, 1 - (1 - part) ** 3);
}

/** Land, borders and how exactly people are known to be there. Answers whether somebody is still moving. */
function paint(context: CanvasRenderingContext2D, element: HTMLCanvasElement, view: View, size: Size, markers: readonly Marker[], motions: ReadonlyMap<string, Motion>): boolean {
  const style = getComputedStyle(element);
  const ink = (name: string): string => style.getPropertyValue(name);
  const ratio = element.width / Math.max(1, size.width);
  const { land, borders } = worldLand();
  const now = performance.now();

  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = ink("--sea");
  context.fillRect(0, 0, element.width, element.height);
  // The world, and as many of its repetitions to the west and the east as are in sight.
  const turns = Math.ceil(size.width / 2 / view.scale / 360 + 0.5);
  for (let turn = -turns; turn <= turns; turn += 1) {
    const scale = view.scale * ratio;
    context.setTransform(scale, 0, 0, scale, (size.width / 2) * ratio + (turn * 360 - view.lng) * scale, (size.height / 2) * ratio + view.lat * scale);
    context.fillStyle = ink("--raised");
    context.fill(land);
    context.lineWidth = 1 / view.scale;
    context.strokeStyle = ink("--line-strong");
    context.stroke(land);
    context.strokeStyle = ink("--line");
    context.stroke(borders);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const marker of markers) {
    const motion = motions.get(marker.userId);
    if (marker.accuracyM === undefined || motion === undefined) continue;
    const { x, y } = toScreen(view, size, whereabouts(motion, now));
    const radius = radii(view, marker.lat, marker.accuracyM);
    context.beginPath();
    context.ellipse(x, y, radius.x, radius.y, 0, 0, 2 * Math.PI);
    context.fillStyle = ink("--accent-line");
    context.fill();
  }
  return [...motions.values()].some((motion) => now - motion.start < MOVE_MS && (motion.from.lat !== motion.to.lat || shortWay(motion.from.lng, motion.to.lng) !== 0));
}

function place(layer: HTMLElement | null, view: View, size: Size, markers: readonly Marker[], motions: ReadonlyMap<string, Motion>, picked: Position | null): void {
  if (layer === null) return;
  const now = performance.now();
  const put = (element: HTMLElement | null, position: Position | null): void => {
    if (element === null) return;
    element.hidden = position === null;
    if (position === null) return;
    const { x, y } = toScreen(view, size, position);
    element.style.transform = `translate(${x}px, ${y}px)`;
  };
  for (const marker of markers) {
    const motion = motions.get(marker.userId);
    put(layer.querySelector<HTMLElement>(`[data-marker="${CSS.escape(marker.userId)}"]`), motion === undefined ? null : whereabouts(motion, now));
  }
  put(layer.querySelector<HTMLElement>("[data-picked]"), picked);
}
