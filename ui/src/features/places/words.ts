// Positions and times as a person reads them.
import type { Location } from "@/client/types";
import type { Position } from "@/features/places/geo";
import { strings } from "@/strings/strings";

const words = strings.places;
const MINUTE_MS = 60_000;
const HOUR_MINUTES = 60;
const DAY_MINUTES = 1_440;

export function positionWords({ lat, lng }: Position): string {
  return `${words.latitude(Math.abs(lat).toFixed(3), lat >= 0)}, ${words.longitude(Math.abs(lng).toFixed(3), lng >= 0)}`;
}

/** How long it lasts, or how old it is. */
export function timeWords(location: Location, now: number): string {
  if (location.until !== undefined && location.until > now) return words.live(words.left(Math.floor((location.until - now) / MINUTE_MS)));
  const minutes = Math.floor((now - location.at) / MINUTE_MS);
  if (minutes < 1) return words.now;
  if (minutes < HOUR_MINUTES) return words.minutesAgo(minutes);
  if (minutes < DAY_MINUTES) return words.hoursAgo(Math.floor(minutes / HOUR_MINUTES));
  return words.daysAgo(Math.floor(minutes / DAY_MINUTES));
}
