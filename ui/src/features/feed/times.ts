// When something was posted, in as few words as say it.
import { strings } from "@/strings/strings";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const thisYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const anyYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export function shortTime(at: number, now: number): string {
  const words = strings.feed.ago;
  const age = now - at;
  // A clock that runs ahead elsewhere is no reason to speak of the future.
  if (age < MINUTE_MS) return words.now;
  if (age < HOUR_MS) return words.minutes(Math.floor(age / MINUTE_MS));
  if (age < DAY_MS) return words.hours(Math.floor(age / HOUR_MS));
  return (new Date(at).getFullYear() === new Date(now).getFullYear() ? thisYear : anyYear).format(at);
}

