// A window does not begin with an empty pane where there is something to read. Which room: `startingRoom` in the selectors.
//
// Invariant: it is the window's choice only until the first room is open or somebody does something; after that nothing
// moves by itself. So leaving a room leaves none open, and no focus is taken from what somebody is in the middle of.
import { useEffect, useRef } from "react";
import { NARROW } from "@/components/media";
import { useActions, useAppState } from "@/state/context";

/** For the shell of one account: it has to be mounted anew for another. */
export function useStartingRoom(): void {
  const actions = useActions();
  const open = useAppState((state) => state.openRoomId !== null || state.inboxOpen || state.feedOpen);
  // On a device that has just signed in the rooms come one by one, and their messages after them.
  const rooms = useAppState((state) => (state.openRoomId === null ? state.rooms : null));
  const chosen = useRef(false);

  useEffect(() => {
    const choose = (): void => {
      chosen.current = true;
    };
    window.addEventListener("keydown", choose, true);
    window.addEventListener("pointerdown", choose, true);
    return () => {
      window.removeEventListener("keydown", choose, true);
      window.removeEventListener("pointerdown", choose, true);
    };
  }, []);

  useEffect(() => {
    if (open) chosen.current = true;
    if (chosen.current || rooms === null || rooms.size === 0) return;
    // One pane at a time begins with the list, and stays there when the window is made wider.
    if (window.matchMedia(NARROW).matches) chosen.current = true;
    else actions.openStartingRoom();
  }, [actions, open, rooms]);
}
