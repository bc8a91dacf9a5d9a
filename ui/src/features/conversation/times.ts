// Times as a log shows them. 24 hours, so that the gutter holds them; days in the reader's own language.
import { daysBetween } from "@/features/conversation/rows";
import { strings } from "@/strings/strings";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const thisYear = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const anyYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });

export const clockTime = (at: number): string => clock.format(at);

export function dayName(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0) return strings.conversation.today;
  if (days === 1) return strings.conversation.yesterday;
  if (days > 1 && days < 7) return weekday.format(at);
  return new Date(at).getFullYear() === new Date(now).getFullYear() ? thisYear.format(at) : anyYear.format(at);
}
