import { strings } from "@/strings/strings";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** When somebody was last here, in words that stay true for a while. */
export function lastSeenWords(lastSeen: number, now: number): string {
  const words = strings.details.lastSeen;
  const ago = now - lastSeen;
  if (ago < 2 * MINUTE_MS) return words.now;
  if (ago < HOUR_MS) return words.minutes(Math.floor(ago / MINUTE_MS));
  if (new Date(lastSeen).toDateString() === new Date(now).toDateString()) return words.hours(Math.floor(ago / HOUR_MS));
  if (new Date(lastSeen).toDateString() === new Date(now - DAY_MS).toDateString()) return words.yesterday;
  if (ago < 7 * DAY_MS) return words.days(Math.max(2, Math.round(ago / DAY_MS)));
  return date.format(lastSeen);
}
