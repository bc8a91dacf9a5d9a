import { GripVertical, Maximize2 } from "lucide-react";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type RefObject } from "react";
import type { Call } from "@/client/types";
import { Avatar } from "@/components/avatar";
import { useDirection } from "@/components/direction";
import { IconButton } from "@/components/icon-button";
import { NARROW, useMedia } from "@/components/media";
import { keyOf } from "@/features/call/arrange";
import { CallControls } from "@/features/call/controls";
import { floatAt, placeAt, type FloatPlace, type Surroundings } from "@/features/call/float";
import { Listening } from "@/features/call/listening";
import { Face, Lasting, Problems } from "@/features/call/parts";
import { PictureView } from "@/features/call/picture";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import type { PictureOf } from "@/state/pictures";
import { keepFloatPlace, keptFloatPlace } from "@/state/preferences";
import { strings } from "@/strings/strings";

const words = strings.call;
/** More faces than this say no more. */
const FACES_MAX = 2;
/** How far one press of an arrow key moves it. */
const STEP = 24;

/** The call that one is in, small, while one reads elsewhere. */
export function FloatingCall() {
  const call = useAppState((state) => currentCall(state.calls));
  const name = useAppState((state) => (call === null ? undefined : state.rooms?.get(call.roomId)?.name));
  const there = useAppState((state) => state.openRoomId === call?.roomId && state.openDocId === null && !state.inboxOpen && !state.feedOpen);
  if (call === null || name === undefined || there) return null;
  return <Floating call={call} name={name} />;
}

function Floating({ call, name }: { call: Call; name: string }) {
  const actions = useActions();
  const people = useAppState((state) => state.people);
  const speaker = useAppState((state) => state.calls.speaker);
  const panel = useRef<HTMLElement>(null);
  const { corner, held, grip, onArrow } = usePlace(panel);
  const watched = watchedOf(call, speaker);
  const of = call.participants.find(({ deviceId }) => deviceId === watched?.deviceId);
  const ofName = people.get(of?.userId ?? "")?.displayName ?? strings.somebody;
  return (
    <section
      ref={panel}
      aria-label={words.elsewhere(name)}
      data-kept-free=""
      style={corner ?? { visibility: "hidden" }}
      {...grip}
      className={`fixed z-20 w-[calc(var(--size-rooms)-24px)] touch:w-[256px] max-w-[calc(100%-24px)] grid grid-cols-[minmax(0,1fr)] gap-1.5 p-2 rounded-large border border-line bg-raised touch-none select-none [--under:var(--raised)] ${held ? "shadow-3 cursor-grabbing" : "shadow-2 cursor-grab"}`}
    >
      <div className="flex items-center gap-1.5">
        <IconButton label={words.move} className="-ms-1 w-5 touch:w-6 cursor-[inherit]" data-grip="" onKeyDown={onArrow}>
          <GripVertical aria-hidden="true" />
        </IconButton>
        <p className="flex-1 min-w-0 truncate foreign font-medium">{name}</p>
        <p className="text-small text-ink-3 tabular-nums">{call.part === "calling" ? words.calling : <Lasting since={call.since} />}</p>
        <IconButton label={words.goTo} onClick={() => actions.openRoom(call.roomId)}>
          <Maximize2 aria-hidden="true" />
        </IconButton>
      </div>
      {watched !== null && of !== undefined && (
        <div className="relative overflow-hidden aspect-video rounded-control bg-sunken grid place-items-center">
          <Avatar userId={of.userId} name={ofName} size={48} />
          <PictureView key={keyOf(watched.deviceId, watched.source)} {...watched} label={watched.source === "screen" ? words.screenOf(ofName) : words.pictureOf(ofName)} />
        </div>
      )}
      <Problems call={call} className="px-1" />
      <Listening call={call} small />
      <div className="flex items-center gap-2">
        <div className="flex flex-1 gap-2 min-w-0 p-1 -m-1">
          {call.participants.slice(0, FACES_MAX).map((participant) => (
            <Face key={participant.deviceId} userId={participant.userId} name={people.get(participant.userId)?.displayName ?? ""} speaking={participant.mic && participant.speaking} size={26} />
          ))}
        </div>
        <CallControls call={call} small />
      </div>
    </section>
  );
}

/** What is most worth the little room: a screen, who speaks, or anybody with a camera. */
function watchedOf(call: Call, speaker: string | null): PictureOf | null {
  const screen = call.participants.find((each) => each.screen);
  if (screen !== undefined) return { deviceId: screen.deviceId, source: "screen" };
  const seen = call.participants.filter((each) => each.camera);
  const one = seen.find(({ deviceId }) => deviceId === speaker) ?? seen[0];
  return one === undefined ? null : { deviceId: one.deviceId, source: "camera" };
}

/** Where it lies, and how it is moved: by the pointer wherever it is no button, by the arrow keys on its grip. */
function usePlace(panel: RefObject<HTMLElement | null>) {
  const rightToLeft = useDirection() === "rtl";
  const narrow = useMedia(NARROW);
  const [place, setPlace] = useState<FloatPlace | null>(keptFloatPlace);
  const [corner, setCorner] = useState<{ left: number; top: number } | null>(null);
  const [drag, setDrag] = useState<{ pointer: number; dx: number; dy: number } | null>(null);
  // What is elsewhere decides where its composer is.
  const elsewhere = useAppState((state) => `${state.openRoomId ?? ""} ${state.openDocId ?? ""} ${state.inboxOpen} ${state.feedOpen}`);

  const settle = useEffectEvent(() => {
    if (panel.current === null) return;
    const next = floatAt(place, surroundings(panel.current, rightToLeft, narrow));
    setCorner((held) => (held?.left === next.left && held.top === next.top ? held : next));
  });
  useLayoutEffect(() => {
    const resettle = (): void => settle();
    resettle();
  }, [panel, place, rightToLeft, narrow, elsewhere]);

  // It, or what one writes in, became larger or smaller.
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => settle());
    for (const each of [panel.current, composer()]) if (each !== null) observer.observe(each);
    const onResize = (): void => settle();
    window.addEventListener("resize", onResize);
    return () => {
      observer.disconnect();
      window.removeEventListener("resize", onResize);
    };
  }, [panel, elsewhere]);

  // Where it was put down, by whichever hand.
  useEffect(() => {
    if (place !== null && drag === null) keepFloatPlace(place);
  }, [place, drag]);

  function onArrow(event: KeyboardEvent): void {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    const element = panel.current;
    if (by === undefined || corner === null || element === null) return;
    event.preventDefault();
    event.stopPropagation();
    setPlace(placeAt({ left: corner.left + (by[0] ?? 0), top: corner.top + (by[1] ?? 0) }, surroundings(element, rightToLeft, narrow)));
  }

  const grip = {
    onPointerDown(event: PointerEvent<HTMLElement>) {
      const button = (event.target as Element).closest("button");
      if (event.button !== 0 || corner === null || (button !== null && !button.hasAttribute("data-grip"))) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      setDrag({ pointer: event.pointerId, dx: event.clientX - corner.left, dy: event.clientY - corner.top });
    },
    onPointerMove(event: PointerEvent<HTMLElement>) {
      if (drag?.pointer !== event.pointerId) return;
      setPlace(placeAt({ left: event.clientX - drag.dx, top: event.clientY - drag.dy }, surroundings(event.currentTarget, rightToLeft, narrow)));
    },
    onPointerUp: letGo,
    onPointerCancel: letGo,
  };

  function letGo(event: PointerEvent<HTMLElement>): void {
    if (drag?.pointer !== event.pointerId) return;
    setDrag(null);
  }

  return { corner, held: drag !== null, grip, onArrow };
}

function surroundings(panel: HTMLElement, rightToLeft: boolean, narrow: boolean): Surroundings {
  const box = composer()?.getBoundingClientRect();
  return {
    window: { width: window.innerWidth, height: window.innerHeight },
    panel: { width: panel.offsetWidth, height: panel.offsetHeight },
    composer: box === undefined ? null : { left: box.left, top: box.top, width: box.width, height: box.height },
    rightToLeft,
    narrow,
  };
}

function composer(): Element | null {
  return document.querySelector("[data-composer]");
}
