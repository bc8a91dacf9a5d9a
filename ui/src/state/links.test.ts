import { expect, test } from "vitest";
import { linkToMessage, placeOf } from "@/state/links";

test("a link to a message leads back to it, whatever its ids are made of", () => {
  for (const [roomId, messageId] of [["shed", "m1"], ["a/b", "c d"], ["é", "%41"]] as const) {
    expect(placeOf(linkToMessage(roomId, messageId))).toEqual({ kind: "message", roomId, messageId });
  }
});

test.each([
  ["momoland://room/shed", { kind: "room", roomId: "shed" }],
  ["momoland://join/abc", { kind: "invite", invite: "momoland://join/abc" }],
  ["momoland://room/", null],
  ["momoland://room/%zz", null],
  ["momoland://else/x", null],
  ["https://room/shed", null],
])("%s", (link, place) => {
  expect(placeOf(link)).toEqual(place);
});
