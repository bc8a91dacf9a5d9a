import { useEffect, useEffectEvent, useState, type RefObject } from "react";
import { currentCall } from "@/state/calls";
import { useAppState } from "@/state/context";

/** From the window's top, and from what it makes room for. */
const GAP = 12;

/** How far down something must lie that floats at the window's top, so that the controls of the call that one is in, or the small call as a whole, stay free. */
export function useClearOfControls(sheet: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(GAP);
  // What decides whether there are controls, and where.
  const shown = useAppState((state) => `${currentCall(state.calls)?.callId ?? ""} ${state.openRoomId ?? ""} ${state.openDocId ?? ""} ${state.inboxOpen} ${state.feedOpen} ${state.calls.look.large} ${state.announcements.length}`);

  const settle = useEffectEvent(() => {
    const own = sheet.current?.getBoundingClientRect();
    const controls = document.querySelector("[data-kept-free]");
    if (own === undefined) return;
    const covered = controls !== null && meet({ left: own.left, right: own.right, top: GAP, bottom: GAP + own.height }, controls.getBoundingClientRect());
    setTop(covered ? (controls.closest("section") ?? controls).getBoundingClientRect().bottom + GAP : GAP);
  });

  useEffect(() => {
    const observer = new ResizeObserver(() => settle());
    const controls = document.querySelector("[data-kept-free]");
    for (const each of [sheet.current, controls, controls?.closest("section"), document.body]) if (each) observer.observe(each);
    return () => observer.disconnect();
  }, [sheet, shown]);

  return top;
}

type Sides = { left: number; right: number; top: number; bottom: number };

function meet(a: Sides, b: Sides): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
