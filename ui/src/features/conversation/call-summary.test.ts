import { expect, test } from "vitest";
import type { MessageCall } from "@/client/types";
import { callSummary, oneEntryACall } from "@/features/conversation/call-summary";
import { message } from "../../../tests/unit/world.js";

const call = (more: Partial<MessageCall> = {}): MessageCall => ({ callId: "c1", from: "ingrid", media: "audio", beganAt: 1_000, lengthMs: 754_000, userIds: ["ada", "ingrid"], outcome: "held", ...more });

test("a call is summed up for who looks", () => {
  const of = (more: Partial<MessageCall>, ownId = "ada"): string => callSummary(call(more), ownId);
  expect([of({}), of({ lengthMs: 200 }), of({ lengthMs: 59_400 }), of({ media: "video", lengthMs: 3_900_000 })]).toEqual(["Call, 13 min", "Call, 1 s", "Call, 59 s", "Video call, 1 h 5 min"]);
  expect([of({ outcome: "unanswered" }), of({ outcome: "busy", media: "video" }), of({ outcome: "declined" })]).toEqual(["Missed call", "Missed video call", "Call, declined"]);
  expect([of({ outcome: "unanswered" }, "ingrid"), of({ outcome: "busy" }, "ingrid")]).toEqual(["Call, no answer", "Call, busy"]);
});

test("of several entries of one call the longest is shown", () => {
  const told = (messageId: string, lengthMs: number, callId = "c1") => message(messageId, { text: "", call: call({ callId, lengthMs }) });
  const messages = [message("a"), told("b", 10), told("c", 30), told("d", 30), told("e", 5, "c2"), message("f")];
  expect(oneEntryACall(messages).map((each) => each.messageId)).toEqual(["a", "c", "e", "f"]);
  const without = [message("a")];
  expect(oneEntryACall(without)).toBe(without);
});
