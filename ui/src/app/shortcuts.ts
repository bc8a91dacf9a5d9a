// The keys that work everywhere in the shell. Those of one pane live with the pane; Esc belongs to what is on top.
import { useEffect } from "react";
import { commandHeld } from "@/components/keys";
import { WITHOUT_DETAILS } from "@/components/media";
import { currentCall } from "@/state/calls";
import { useActions, useAppState } from "@/state/context";
import { listedRooms, unreadOf } from "@/state/selectors";

const PANES = ["rooms", "conversation", "details"] as const;

export function useShortcuts(): void {
  const actions = useActions();
  const overlay = useAppState((state) => state.overlay);
  const details = useAppState((state) => state.details);
  const roomId = useAppState((state) => state.openRoomId);
  const roomIds = useAppState((state) => listedRooms(state).map((room) => room.roomId));
  const unreadIds = useAppState((state) =>
    listedRooms(state)
      .filter((room) => unreadOf(state, room) > 0)
      .map((room) => room.roomId),
  );

  const inCall = useAppState((state) => currentCall(state.calls) !== null);

  useEffect(() => {
    function step(direction: 1 | -1, among: readonly string[]): void {
      const from = roomIds.indexOf(roomId ?? "");
      const order = direction === 1 ? [...roomIds.slice(from + 1), ...roomIds.slice(0, Math.max(0, from))] : [...roomIds.slice(0, Math.max(0, from)).reverse(), ...roomIds.slice(from + 1).reverse()];
      const next = order.find((id) => among.includes(id));
      if (next !== undefined) actions.openRoom(next);
    }

    function onKeyDown(event: KeyboardEvent): void {
      if (commandHeld(event) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
        event.preventDefault();
        if (overlay?.kind === "palette") actions.closeOverlay();
        else actions.show({ kind: "palette" });
        return;
      }
      if (commandHeld(event) && event.shiftKey && !event.altKey && event.key.toLowerCase() === "m") {
        event.preventDefault();
        actions.toggleMicrophone();
        return;
      }
      if (inCall && commandHeld(event) && event.shiftKey && !event.altKey && event.key.toLowerCase() === "o") {
        event.preventDefault();
        actions.toggleCamera();
        return;
      }
      if (inCall && commandHeld(event) && event.shiftKey && !event.altKey && event.key.toLowerCase() === "s") {
        event.preventDefault();
        actions.toggleScreen();
        return;
      }
      if (commandHeld(event) && !event.shiftKey && !event.altKey && event.key === "/") {
        event.preventDefault();
        if (overlay?.kind === "shortcuts") actions.closeOverlay();
        else if (overlay === null) actions.show({ kind: "shortcuts" });
        return;
      }
      // Under a dialog the panes do not move.
      if (overlay !== null) return;
      if (commandHeld(event) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "j" && roomId !== null) {
        event.preventDefault();
        void actions.jumpToFirstNew(roomId);
        return;
      }
      if (commandHeld(event) && event.shiftKey && !event.altKey && event.key.toLowerCase() === "l" && roomId !== null) {
        event.preventDefault();
        actions.setDetails({ tab: "places", ...(window.matchMedia(WITHOUT_DETAILS).matches ? { sheet: true } : { pane: true }) });
      } else if (commandHeld(event) && event.key === ".") {
        event.preventDefault();
        actions.setDetails(window.matchMedia(WITHOUT_DETAILS).matches ? { sheet: !details.sheet } : { pane: !details.pane });
      } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        event.preventDefault();
        step(event.key === "ArrowDown" ? 1 : -1, event.shiftKey ? unreadIds : roomIds);
      } else if (event.key === "F6") {
        event.preventDefault();
        focusNextPane(event.shiftKey ? -1 : 1);
      }
    }

    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [actions, details, inCall, overlay, roomId, roomIds, unreadIds]);
}

/** To the pane after the one with the focus: its composer, its open room, or the first thing in it. */
function focusNextPane(direction: 1 | -1): void {
  const panes = PANES.flatMap((name) => document.querySelector<HTMLElement>(`[data-pane="${name}"]`) ?? []);
  const at = panes.findIndex((pane) => pane.contains(document.activeElement));
  const pane = panes[(at + direction + panes.length) % panes.length];
  const target = pane?.querySelector<HTMLElement>("[data-composer] textarea:not([inert] *), [aria-current='page']") ?? pane?.querySelector<HTMLElement>("button:enabled") ?? pane;
  target?.focus();
}
