import { expect, test } from "vitest";
import { told, type Entry, type Look } from "@/app/demo/story";
import type { NetStatus } from "@/client/types";

function look(server: boolean, online: boolean, linked: boolean): Look {
  const net = (to: string): NetStatus => ({ server: online ? "online" : "connecting", onlineCount: 2, serverBytesIn: 0, serverBytesOut: 0, peers: linked ? [{ userId: to, deviceId: `${to}-1`, path: "direct", rttMs: 1, bytesIn: 0, bytesOut: 0 }] : [] });
  return { server, people: [{ userId: "ada", name: "Ada", net: net("grace") }, { userId: "grace", name: "Grace", net: net("ada") }] };
}

function tell(...looks: readonly Look[]): readonly Entry[] {
  return looks.reduce<{ story: readonly Entry[]; last: Look | null }>(({ story, last }, now, at) => ({ story: last === null ? story : told(story, last, now, at * 1_000), last: now }), { story: [], last: null }).story;
}

test("a cut and its healing are told in order, with how long each took since the server ran again", () => {
  const story = tell(look(true, true, true), look(false, true, true), look(false, false, true), look(true, false, true), look(true, true, true));
  expect(story.toReversed().map(({ what, tookMs }) => [what.kind, tookMs])).toEqual([
    ["serverCut", undefined],
    ["serverLost", undefined],
    ["serverLost", undefined],
    ["serverBack", undefined],
    ["serverFound", 1_000],
    ["serverFound", 1_000],
  ]);
});

test("a link is told once, though it has two ends, and its return says how long it was away", () => {
  const story = tell(look(true, true, true), look(true, true, false), look(true, true, false), look(true, true, true));
  expect(story).toMatchObject([{ what: { kind: "linked", path: "direct" }, tookMs: 2_000 }, { what: { kind: "unlinked", a: "Ada", b: "Grace" } }]);
});

test("nothing new is no new story", () => {
  const story = tell(look(true, true, true), look(false, true, true));
  expect(told(story, look(false, true, true), look(false, true, true), 9)).toBe(story);
});
