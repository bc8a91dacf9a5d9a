// Links that the system opened lead to their places, once somebody is signed in and the rooms are there.
import { useEffect, useState } from "react";
import { watchLinks } from "@/client/desktop";
import { useActions, useAppState } from "@/state/context";
import { placeOf } from "@/state/links";

/** On a device that has just signed in the rooms come one by one; a link waits so long for its own. */
export const ROOM_WAIT_MS = 8_000;

export function useOpenedLinks(watch: typeof watchLinks = watchLinks): void {
  const actions = useActions();
  const ready = useAppState((state) => state.rooms !== null);
  const [waiting, setWaiting] = useState<string | null>(null);

  // Whether the room that a link waits for is there.
  const arrived = useAppState((state) => {
    const place = waiting === null ? null : placeOf(waiting);
    return place === null || place.kind === "invite" || state.rooms?.has(place.roomId) === true;
  });

  useEffect(() => (ready ? watch(setWaiting) : undefined), [ready, watch]);

  useEffect(() => {
    if (waiting === null) return;
    const follow = (): void => {
      setWaiting(null);
      actions.follow(waiting);
    };
    const timer = setTimeout(follow, arrived ? 0 : ROOM_WAIT_MS);
    return () => clearTimeout(timer);
  }, [actions, waiting, arrived]);
}
