// What is said of a call that is over where there is one line for it.
import type { Message, MessageCall } from "@/client/types";
import { strings } from "@/strings/strings";

const words = strings.conversation.callEntry;

export function callSummary(call: MessageCall, ownId: string): string {
  const video = call.media === "video";
  switch (call.outcome) {
    case "held":
      return words.held(video, lasted(call.lengthMs));
    case "declined":
      return words.declined(video);
    case "busy":
    case "unanswered":
      if (call.from !== ownId) return words.missed(video);
      return call.outcome === "busy" ? words.busy(video) : words.unanswered(video);
  }
}

/** Seconds of a short call, minutes of a longer one. */
function lasted(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1_000));
  if (seconds < 60) return words.seconds(seconds);
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? words.minutes(minutes) : words.hours(Math.floor(minutes / 60), minutes % 60);
}

/** More than one device may tell of one call: the longest counts, and the first of those that say the same. */
export function oneEntryACall(messages: readonly Message[]): readonly Message[] {
  if (!messages.some((message) => message.call !== undefined)) return messages;
  const longest = new Map<string, Message>();
  for (const message of messages) {
    if (message.call === undefined) continue;
    const known = longest.get(message.call.callId)?.call;
    if (known === undefined || message.call.lengthMs > known.lengthMs) longest.set(message.call.callId, message);
  }
  return messages.filter((message) => message.call === undefined || longest.get(message.call.callId) === message);
}
