// Keeps a live place where the device is, while it is shared: listens to the device and tells the engine how it moves.
//
// Invariants, each held by a test beside this: what is told keeps the end that was chosen; no more than one word in
// `MOVE_EVERY_MS`, the newest position last; nothing is told after the end, or after somebody stopped it.
import type { LocationPrecision, ShareLocationParams } from "@/client/types";

/** Positions come once a second from a device in a pocket; others see a marker glide between two of these. */
export const MOVE_EVERY_MS = 5_000;

export type Followed = { roomId: string; precision: LocationPrecision; ttlS: number };

export type Following = {
  /** Begins to follow, in the place of what was followed in the room before. */
  follow: (followed: Followed) => void;
  stop: (roomId: string) => void;
  stopAll: () => void;
};

export function createFollowing(share: (params: ShareLocationParams) => Promise<unknown>, geolocation: Geolocation | undefined): Following {
  const watches = new Map<string, () => void>();

  function stop(roomId: string): void {
    watches.get(roomId)?.();
    watches.delete(roomId);
  }

  return {
    stop,
    stopAll() {
      for (const roomId of [...watches.keys()]) stop(roomId);
    },
    follow({ roomId, precision, ttlS }) {
      stop(roomId);
      if (geolocation === undefined) return;
      const until = Date.now() + ttlS * 1_000;
      let newest: GeolocationCoordinates | null = null;
      let pause: ReturnType<typeof setTimeout> | null = null;

      function tell(): void {
        pause = null;
        const left = Math.round((until - Date.now()) / 1_000);
        if (newest === null || left < 1) return;
        const { latitude: lat, longitude: lng, accuracy: accuracyM } = newest;
        newest = null;
        // What does not get through is followed by a newer one.
        share({ roomId, lat, lng, accuracyM, precision, ttlS: left }).catch(() => undefined);
        pause = setTimeout(tell, MOVE_EVERY_MS);
      }

      const watch = geolocation.watchPosition(
        ({ coords }) => {
          newest = coords;
          if (pause === null) tell();
        },
        (error) => {
          // Without leave there is nothing more to come; a lost signal may come back.
          if (error.code === error.PERMISSION_DENIED) stop(roomId);
        },
        { enableHighAccuracy: true },
      );
      const end = setTimeout(() => stop(roomId), ttlS * 1_000);
      watches.set(roomId, () => {
        geolocation.clearWatch(watch);
        clearTimeout(end);
        if (pause !== null) clearTimeout(pause);
      });
    },
  };
}
