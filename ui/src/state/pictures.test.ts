import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Picture } from "@/client/pictures";
import type { Call, ViewCallParams } from "@/client/types";
import { createPictures, PAUSE_MS, TILES_MAX, type Watch } from "@/state/pictures";
import { createAppStore } from "@/state/store";
import { fakeClient } from "../../tests/unit/world.js";

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const call = (more: Partial<Call> = {}): Call => ({ callId: "c1", roomId: "shed", media: "video", part: "in", mic: true, speaking: false, camera: true, screen: false, since: 1, participants: [], ...more });
const picture = (view: number, tile: number): Picture => ({ view, tile, width: 2, height: 2, at: 0, y: new Uint8Array(4), u: new Uint8Array(1), v: new Uint8Array(1) });

function stand() {
  let view = 7;
  const client = fakeClient({ "calls.view": () => ({ view: (view += 1) }) });
  const store = createAppStore();
  const told = (it: Call): void => store.dispatch({ type: "event", event: { type: "call.changed", call: it }, now: 1 });
  told(call());
  const watch = createPictures(client, store);
  const drawn: string[] = [];
  const show = (deviceId: string, width = 320, height = 180): Watch => {
    const watched = watch({ deviceId, source: "camera" }, ({ view: of }) => drawn.push(`${deviceId} ${of}`));
    watched.resize(width, height);
    return watched;
  };
  const asked = (): ViewCallParams[] => client.calls.map(({ params }) => params as ViewCallParams);
  const pass = (ms: number = PAUSE_MS): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);
  return { client, told, show, drawn, asked, pass };
}

test("what is shown at once is asked for at once, with its size in whole pixels", async () => {
  const { show, asked, pass } = stand();
  show("bo", 320.4, 179.6);
  show("cy");
  await pass(0);
  expect(asked()).toEqual([{ callId: "c1", tiles: [{ deviceId: "bo", source: "camera", width: 320, height: 180 }, { deviceId: "cy", source: "camera", width: 320, height: 180 }] }]);
});

test("a picture goes to its tile, and to nobody where it is of another list or beyond it", async () => {
  const { client, show, drawn, pass } = stand();
  show("bo");
  show("cy");
  await pass(0);
  for (const [view, tile] of [[8, 1], [8, 0], [8, 2], [8, 65_535], [7, 0], [9, 0]] as const) client.picture(picture(view, tile));
  expect(drawn).toEqual(["cy 8", "bo 8"]);
});

test("a window that is pulled asks at a pace, and for the last size", async () => {
  const { show, asked, pass } = stand();
  const watched = show("bo");
  await pass(0);
  for (let width = 321; width <= 400; width += 1) {
    watched.resize(width, 180);
    await pass(2);
  }
  await pass();
  expect(asked().length).toBeLessThanOrEqual(4);
  expect(asked().at(-1)?.tiles[0]?.width).toBe(400);
  const before = asked().length;
  watched.resize(400.2, 180);
  await pass();
  expect(asked().length).toBe(before);
});

test("a clock that is set back holds nothing up", async () => {
  const { show, asked, pass } = stand();
  const watched = show("bo");
  await pass(0);
  vi.setSystemTime(Date.now() - 3_600_000);
  watched.resize(400, 180);
  await pass();
  expect(asked().at(-1)?.tiles[0]?.width).toBe(400);
});

test("a picture that comes before the answer to its list is drawn once that is there", async () => {
  const { client, show, drawn, pass } = stand();
  let answer: (of: { view: number }) => void = () => undefined;
  const usual = client.call.bind(client);
  client.call = ((method: "calls.view", params: ViewCallParams) => {
    void usual(method, params);
    return new Promise((resolve) => {
      answer = resolve;
    });
  }) as typeof client.call;
  show("bo");
  await pass(0);
  client.picture(picture(3, 0));
  client.picture(picture(4, 0));
  client.picture(picture(4, 9));
  expect(drawn).toEqual([]);
  answer({ view: 4 });
  await pass(0);
  expect(drawn).toEqual(["bo 4"]);
});

test("the old list goes on being drawn until the new one is answered", async () => {
  const { client, show, drawn, pass } = stand();
  const bo = show("bo");
  await pass(0);
  show("cy");
  client.picture(picture(8, 0));
  expect(drawn).toEqual(["bo 8"]);
  await pass();
  client.picture(picture(8, 0));
  client.picture(picture(9, 1));
  expect(drawn).toEqual(["bo 8", "cy 9"]);
  // Nobody looks any more, and the engine does not know it yet.
  bo.stop();
  client.picture(picture(9, 0));
  expect(drawn).toEqual(["bo 8", "cy 9"]);
});

test("nothing is asked for without a call, and the call that comes is asked", async () => {
  const { show, asked, told, pass } = stand();
  told(call({ part: "ended" }));
  show("bo");
  await pass();
  expect(asked()).toEqual([]);
  told(call({ callId: "c2" }));
  await pass();
  expect(asked().map(({ callId }) => callId)).toEqual(["c2"]);
});

test("who looks at nothing any more says so once", async () => {
  const { show, asked, pass } = stand();
  show("bo").stop();
  await pass();
  expect(asked()).toEqual([]);
  const bo = show("bo");
  await pass();
  bo.stop();
  await pass();
  await pass();
  expect(asked().map(({ tiles }) => tiles.length)).toEqual([1, 0]);
});

test("a window that nobody sees asks for nothing, and one that is seen again for everything", async () => {
  const { show, asked, pass } = stand();
  show("bo");
  await pass();
  const visible = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
  document.dispatchEvent(new window.Event("visibilitychange"));
  await pass();
  visible.mockReturnValue("visible");
  document.dispatchEvent(new window.Event("visibilitychange"));
  await pass();
  expect(asked().map(({ tiles }) => tiles.length)).toEqual([1, 0, 1]);
});

test("an engine that was away is asked anew", async () => {
  const { client, show, asked, pass } = stand();
  show("bo");
  await pass();
  client.link("closed");
  client.link("open");
  await pass();
  expect(asked().length).toBe(2);
});

test("a refusal is no end: the next news of the call asks again", async () => {
  const { client, show, asked, told, pass, drawn } = stand();
  const { answers } = client;
  client.answers = {};
  show("bo");
  await pass();
  client.answers = answers;
  told(call({ speaking: true }));
  await pass();
  client.picture(picture(8, 0));
  expect([asked().length, drawn]).toEqual([2, ["bo 8"]]);
});

test("of more than the engine takes the largest are seen", async () => {
  const { show, asked, pass } = stand();
  for (let n = 0; n < TILES_MAX + 3; n += 1) show(`p${n}`, 100 + n, 100);
  await pass();
  const tiles = asked()[0]?.tiles ?? [];
  expect([tiles.length, tiles.some(({ deviceId }) => deviceId === "p2"), tiles[0]?.deviceId]).toEqual([TILES_MAX, false, `p${TILES_MAX + 2}`]);
});
