// Calls with pictures: what comes over the socket as bytes is on the screen in its colours, in its place.
import AxeBuilder from "@axe-core/playwright";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import type { Call, CallParticipant, CallPeerStats, ScreenSource, Tile, VideoStats } from "@/client/types";
import { Refused, type FakeEngine } from "./fake-engine.js";
import { asked, composer, expectSteady, focused, openRoom, openWindow, until, type Opened } from "./harness.js";
import { halves, messageOf, page as pageScene, sceneOf, type Scene } from "./scenes.js";
import { message, tidewater } from "./tidewater.js";

const other = (userId: string, more: Partial<CallParticipant> = {}): CallParticipant => ({ userId, deviceId: `${userId}-1`, mic: true, speaking: false, camera: true, screen: false, since: 1, path: "direct", ...more });
const call = (more: Partial<Call> = {}): Call => ({
  callId: "c1", roomId: "boat-shed", media: "video", part: "in", mic: true, speaking: false, camera: true, screen: false, since: Date.now() - 65_000,
  sound: { microphone: "Built-in microphone", speakers: "Built-in speakers" }, picture: { camera: "Camera in the lid" }, participants: [other("ingrid")], ...more,
});

const RED: Scene = halves([220, 40, 40], [220, 40, 40]);
const RED_BLUE: Scene = halves([220, 40, 40], [40, 40, 220]);

async function inCall(it: Call, options: Parameters<typeof openWindow>[1] = {}): Promise<Opened & { stage: Locator }> {
  const world = tidewater();
  world.calls = [it];
  const opened = await openWindow(world, options);
  await openRoom(opened.page, "boat-shed");
  const stage = opened.page.getByRole("region", { name: "Call in boat-shed" });
  await stage.waitFor();
  return { ...opened, stage };
}

const change = (engine: FakeEngine, it: Call): void => {
  engine.world.calls = it.part === "ended" ? [] : [it];
  engine.emit({ type: "call.changed", call: it });
};

const tileOf = (engine: FakeEngine, deviceId: string, source: Tile["source"] = "camera"): Tile | undefined => engine.viewed.tiles.find((tile) => tile.deviceId === deviceId && tile.source === source);

/** The window's list has come to rest with these in it. */
async function looksAt(engine: FakeEngine, ...keys: string[]): Promise<void> {
  await until(`the window looks at ${keys.join(", ")}`, () => engine.viewed.tiles.map(({ source, deviceId }) => `${source} ${deviceId}`).sort().join() === [...keys].sort().join());
}

/** Sends it until it is on the screen. */
async function shows(page: Page, engine: FakeEngine, deviceId: string, source: Tile["source"], scene: Scene, name: string): Promise<Locator> {
  const picture = page.getByRole("img", { name });
  await until(`${name} is seen`, async () => {
    engine.picture({ deviceId, source }, scene);
    return (await picture.count()) > 0;
  });
  return picture;
}

type Rgb = [number, number, number];

/** The colours that somebody sees at these shares of a box: read from a picture of the screen, not from the canvas. */
async function colours(page: Page, box: Locator, at: readonly [number, number][]): Promise<Rgb[]> {
  const png = (await box.screenshot({ animations: "disabled" })).toString("base64");
  return page.evaluate(
    async ([image, points]) => {
      const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
      if (context === null) throw new Error("no canvas to read with");
      context.drawImage(bitmap, 0, 0);
      return points.map(([x, y]) => [...context.getImageData(Math.floor(bitmap.width * x), Math.floor(bitmap.height * y), 1, 1).data.slice(0, 3)] as Rgb);
    },
    [png, at] as const,
  );
}

function expectColours(seen: readonly Rgb[], wanted: readonly Rgb[]): void {
  expect(seen.length).toBe(wanted.length);
  seen.forEach((rgb, at) => rgb.forEach((value, channel) => expect(Math.abs(value - (wanted[at]?.[channel] ?? -99)), `${rgb.join()} for ${wanted[at]?.join() ?? ""}`).toBeLessThanOrEqual(8)));
}

/** Away from the names and buttons. */
const LEFT_AND_RIGHT: [number, number][] = [[0.1, 0.4], [0.9, 0.4]];

describe.each([{ drawn: "by hand", card: false }, { drawn: "by WebGL", card: true }])("drawn $drawn", ({ card }) => {
  test("a picture has its colours, in its tile, and oneself is a mirror", async () => {
    const { page, engine } = await inCall(call(), { card });
    await looksAt(engine, "camera ingrid-1", "camera ada-1");
    const ingrid = await shows(page, engine, "ingrid-1", "camera", RED_BLUE, "Picture of Ingrid Solheim");
    expect(await page.evaluate(() => document.querySelector("canvas")?.getContext("2d") === null)).toBe(card);
    expectColours(await colours(page, ingrid, LEFT_AND_RIGHT), [[220, 40, 40], [40, 40, 220]]);
    const self = await shows(page, engine, "ada-1", "camera", RED_BLUE, "Your own picture, mirrored");
    expectColours(await colours(page, self, LEFT_AND_RIGHT), [[40, 40, 220], [220, 40, 40]]);
  });

  test("what is no picture changes nothing", async () => {
    const { page, engine } = await inCall(call(), { card });
    const ingrid = await shows(page, engine, "ingrid-1", "camera", RED, "Picture of Ingrid Solheim");
    const { view, tiles } = engine.viewed;
    const tile = tiles.findIndex(({ deviceId }) => deviceId === "ingrid-1");
    const blue = messageOf({ view, tile }, halves([40, 40, 220], [40, 40, 220])(160, 90));
    const spoilt: Buffer[] = [
      blue.subarray(0, blue.length - 1), Buffer.concat([blue, Buffer.of(0)]), blue.subarray(0, 16), blue.subarray(0, 7), Buffer.alloc(0), Buffer.alloc(5_000, 0xff),
      Buffer.concat([Buffer.of(2), blue.subarray(1)]), Buffer.concat([Buffer.of(1, 1), blue.subarray(2)]),
      messageOf({ view: view + 1, tile }, RED_BLUE(160, 90)), messageOf({ view: view - 1, tile }, RED_BLUE(160, 90)), messageOf({ view, tile: 65_535 }, RED_BLUE(160, 90)),
    ];
    for (const bytes of spoilt) engine.bytes(bytes);
    // Those behind them are read all the same: that way it is known that they were.
    engine.emit({ type: "call.changed", call: call({ mic: false }) });
    await page.getByRole("button", { name: "Open your microphone" }).waitFor();
    expectColours(await colours(page, ingrid, [[0.5, 0.4]]), [[220, 40, 40]]);
    engine.bytes(blue);
    await until("a whole one is drawn", async () => ((await colours(page, ingrid, [[0.5, 0.4]]))[0]?.[2] ?? 0) > 200);
  });

  test("a picture of another size or shape takes the place of the last", async () => {
    const { page, engine } = await inCall(call(), { card });
    const ingrid = await shows(page, engine, "ingrid-1", "camera", RED, "Picture of Ingrid Solheim");
    const { view, tiles } = engine.viewed;
    const tile = tiles.findIndex(({ deviceId }) => deviceId === "ingrid-1");
    // A tall one leaves both sides free.
    const tall = halves([40, 200, 60], [40, 200, 60])(1_000, 90);
    engine.bytes(messageOf({ view, tile }, { ...tall, width: 90, height: 160, y: new Uint8Array(90 * 160).fill(tall.y[0] ?? 0), u: new Uint8Array(45 * 80).fill(tall.u[0] ?? 0), v: new Uint8Array(45 * 80).fill(tall.v[0] ?? 0) }));
    await until("it is drawn", async () => ((await colours(page, ingrid, [[0.5, 0.4]]))[0]?.[1] ?? 0) > 180);
    expect((await colours(page, ingrid, [[0.2, 0.4]]))[0]?.[0]).toBeGreaterThan(200);
    // Odd sides have one more line of colour.
    engine.bytes(messageOf({ view, tile }, { width: 3, height: 3, y: new Uint8Array(9).fill(41), u: new Uint8Array(4).fill(240), v: new Uint8Array(4).fill(110) }));
    await until("the odd one is drawn", async () => ((await colours(page, ingrid, [[0.5, 0.4]]))[0]?.[2] ?? 0) > 240);
  });
});

describe("a graphics card that goes", () => {
  const lose = (page: Page): Promise<void> =>
    page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("[data-seat='camera ingrid-1'] canvas");
      const extension = canvas?.getContext("webgl2")?.getExtension("WEBGL_lose_context");
      (window as unknown as { card: unknown }).card = extension;
      extension?.loseContext();
    });

  test("and comes back draws on, with the last picture at once", async () => {
    const { page, engine } = await inCall(call(), { card: true });
    const ingrid = await shows(page, engine, "ingrid-1", "camera", RED, "Picture of Ingrid Solheim");
    await lose(page);
    await page.evaluate(() => (window as unknown as { card: { restoreContext: () => void } }).card.restoreContext());
    await until("it is there again", async () => ((await colours(page, ingrid, [[0.5, 0.4]]))[0]?.[0] ?? 0) > 200);
  });

  test("for good is done without", async () => {
    const { page, engine } = await inCall(call(), { card: true });
    await shows(page, engine, "ingrid-1", "camera", RED, "Picture of Ingrid Solheim");
    const lost = await page.locator("[data-seat='camera ingrid-1'] canvas").elementHandle();
    await lose(page);
    await until("another canvas is there", () => page.evaluate((before) => document.querySelector("[data-seat='camera ingrid-1'] canvas") !== before, lost));
    const ingrid = page.getByRole("img", { name: "Picture of Ingrid Solheim" });
    await until("and shows", async () => {
      engine.picture({ deviceId: "ingrid-1", source: "camera" }, RED_BLUE);
      return ((await colours(page, ingrid, [[0.9, 0.4]]))[0]?.[2] ?? 0) > 200;
    });
  });
});

test("a graphics card that takes no program is done without", async () => {
  const { page, engine } = await inCall(call(), { card: true, before: () => void (WebGL2RenderingContext.prototype.getProgramParameter = () => false) });
  const ingrid = await shows(page, engine, "ingrid-1", "camera", RED, "Picture of Ingrid Solheim");
  expectColours(await colours(page, ingrid, [[0.5, 0.4]]), [[220, 40, 40]]);
});

test("a picture keeps its shape when its place gets another", async () => {
  const { page, engine } = await inCall(call({ participants: [other("ingrid", { screen: true })] }));
  await looksAt(engine, "screen ingrid-1", "camera ingrid-1", "camera ada-1");
  const { width = 0, height = 0 } = tileOf(engine, "ingrid-1", "screen") ?? {};
  const screen = await shows(page, engine, "ingrid-1", "screen", halves([220, 40, 40], [40, 40, 220], width / height), "Screen of Ingrid Solheim");
  const fit = (): Promise<string> => screen.locator("canvas").evaluate((canvas) => getComputedStyle(canvas).objectFit);
  // It misses the place by less than a pixel.
  expect(await fit()).toBe("fill");
  await page.setViewportSize({ width: 700, height: 900 });
  await until("it leaves a rim", async () => (await fit()) === "contain");
});

describe("what the engine is asked for", () => {
  test("is what is on the screen, in its own pixels, and follows it", async () => {
    const { page, engine, stage } = await inCall(call({ participants: [other("ingrid"), other("mateo", { camera: false })] }));
    await looksAt(engine, "camera ingrid-1", "camera ada-1");
    const box = await stage.locator("[data-seat='camera ingrid-1']").boundingBox();
    expect(Math.abs((tileOf(engine, "ingrid-1")?.width ?? 0) - (box?.width ?? 0))).toBeLessThanOrEqual(3);
    await page.setViewportSize({ width: 1000, height: 700 });
    await until("it is smaller", () => (tileOf(engine, "ingrid-1")?.width ?? 9_999) < (box?.width ?? 0) - 20);
    change(engine, call({ camera: false, participants: [other("ingrid"), other("mateo")] }));
    await looksAt(engine, "camera ingrid-1", "camera mateo-1");
    await openRoom(page, "deliveries");
    await until("only the small one is left", () => engine.viewed.tiles.length === 1);
    change(engine, call({ part: "ended", mic: false, participants: [] }));
    const calls = asked(engine, "calls.view").length;
    await until("it is over", async () => (await page.getByRole("region", { name: "You are in a call in boat-shed" }).count()) === 0);
    await openRoom(page, "boat-shed");
    expect(asked(engine, "calls.view").length).toBe(calls);
  });

  test("is asked again by a page that lost its engine", async () => {
    const { engine } = await inCall(call());
    await looksAt(engine, "camera ingrid-1", "camera ada-1");
    const before = asked(engine, "calls.view").length;
    engine.cut(false);
    await until("it is asked again", () => asked(engine, "calls.view").length > before);
  });
});

describe("a call with pictures", () => {
  test("is made with the camera on, and the camera goes by button and keys", async () => {
    const { page, engine } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: "Video call" }).click();
    const stage = page.getByRole("region", { name: "Call in boat-shed" });
    await stage.getByText("Calling…").waitFor();
    expect(asked(engine, "calls.start")).toEqual([{ roomId: "boat-shed", media: "video" }]);
    // Before anybody answers one sees oneself.
    await looksAt(engine, "camera ada-1");
    await shows(page, engine, "ada-1", "camera", RED, "Your own picture, mirrored");
    await stage.getByRole("button", { name: "Turn your camera off" }).click();
    await stage.getByRole("button", { name: "Turn your camera on" }).waitFor();
    expect(await page.getByRole("img", { name: "Your own picture, mirrored" }).count()).toBe(0);
    await page.keyboard.press("Control+Shift+O");
    await stage.getByRole("button", { name: "Turn your camera off" }).waitFor();
    expect(asked(engine, "calls.setMedia")).toMatchObject([{ camera: false }, { camera: true }]);
  });

  test.each([["Answer with video", { callId: "c1", camera: true }], ["Without video", { callId: "c1" }]])("that comes is answered: %s", async (button, params) => {
    const { page, engine } = await openWindow();
    await openRoom(page, "deliveries");
    change(engine, call({ part: "ringing", mic: false, camera: false }));
    const sheet = page.getByRole("region", { name: "Ingrid Solheim is calling with video" });
    await sheet.getByRole("button", { name: button }).click();
    await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
    expect(asked(engine, "calls.join")).toEqual([params]);
  });

  test("shows squares where cameras are off, who is muted, who speaks, and by which path each is heard", async () => {
    const { stage, engine } = await inCall(call({ camera: false, participants: [other("ingrid", { camera: false, mic: false }), other("mateo", { camera: false, speaking: true, path: "turn" }), other("sam", { camera: false, path: "relay" })] }));
    const person = (userId: string): Locator => stage.locator(`[data-person="${userId}"]`);
    await person("ingrid").getByRole("img", { name: "muted" }).waitFor();
    await person("mateo").getByText("speaking").waitFor({ state: "attached" });
    await person("mateo").getByText("turn").waitFor();
    await person("sam").getByText("not heard").waitFor();
    expect(await stage.locator("canvas").count()).toBe(0);
    expect(engine.viewed.tiles).toEqual([]);
  });

  test("puts a shared screen large, and goes back to side by side", async () => {
    const { page, engine, stage } = await inCall(call({ participants: [other("ingrid", { screen: true }), other("mateo")] }));
    await looksAt(engine, "screen ingrid-1", "camera ingrid-1", "camera mateo-1", "camera ada-1");
    await shows(page, engine, "ingrid-1", "screen", pageScene, "Screen of Ingrid Solheim");
    const widths = async (): Promise<number[]> => Promise.all(["screen ingrid-1", "camera mateo-1"].map(async (key) => (await stage.locator(`[data-seat="${key}"]`).boundingBox())?.width ?? 0));
    const [screen = 0, face = 0] = await widths();
    expect(screen).toBeGreaterThan(2.5 * face);
    await stage.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitemradio", { name: "Side by side" }).click();
    await until("they are alike", async () => {
      const [a = 0, b = 0] = await widths();
      return Math.abs(a - b) < 1;
    });
    await stage.getByRole("button", { name: "Keep large: Mateo Ruiz" }).click();
    await until("he is large", async () => {
      const [a = 0, b = 0] = await widths();
      return b > 2 * a;
    });
    await stage.getByRole("button", { name: "No longer keep large: Mateo Ruiz" }).click();
    await stage.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitemradio", { name: "Who speaks, large" }).click();
    change(engine, call({ participants: [other("ingrid"), other("mateo", { speaking: true })] }));
    await until("who speaks is large", async () => ((await stage.locator("[data-seat='camera mateo-1']").boundingBox())?.width ?? 0) > 1.5 * ((await stage.locator("[data-seat='camera ingrid-1']").boundingBox())?.width ?? 0));
  });

  test("hides oneself and shows oneself again", async () => {
    const { page, engine, stage } = await inCall(call());
    await looksAt(engine, "camera ingrid-1", "camera ada-1");
    await stage.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitem", { name: "Hide your own picture" }).click();
    await looksAt(engine, "camera ingrid-1");
    await stage.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitem", { name: "Show your own picture" }).click();
    await looksAt(engine, "camera ingrid-1", "camera ada-1");
  });

  test("lies over the conversation and gives it back as it was", async () => {
    const { page, engine, stage } = await inCall(call());
    await composer(page).fill("half a thought");
    const before = tileOf(engine, "ingrid-1")?.width ?? 0;
    await stage.getByRole("button", { name: "Over the conversation" }).click();
    await until("it is larger", () => (tileOf(engine, "ingrid-1")?.width ?? 0) > before * 1.3);
    const reached = await composer(page).evaluate((element: HTMLElement) => {
      element.focus();
      return document.activeElement === element;
    });
    expect(reached).toBe(false);
    const read = asked(engine, "messages.markRead").length;
    engine.emit({ type: "message.new", roomId: "boat-shed", message: message("ingrid", Date.now(), "Nobody sees this yet.") });
    // The window has heard of it, and time enough has gone by to say that it was read.
    await page.getByText("Nobody sees this yet.", { exact: true }).waitFor({ state: "attached" });
    await expectSteady(() => Promise.resolve(asked(engine, "messages.markRead").length === read));
    await page.keyboard.press("Escape");
    await composer(page).waitFor();
    expect(await composer(page).inputValue()).toBe("half a thought");
    await until("it is read", () => asked(engine, "messages.markRead").length > read);
  });

  test("is taken off the conversation by Esc, unless that closes what is over it", async () => {
    const { page, stage } = await inCall(call());
    await stage.getByRole("button", { name: "Over the conversation" }).click();
    const back = stage.getByRole("button", { name: "Back above the conversation" });
    await back.waitFor();
    await stage.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitem", { name: "Hide your own picture" }).waitFor();
    await page.keyboard.press("Escape");
    await until("the menu is gone", async () => (await page.getByRole("menu").count()) === 0);
    expect(await back.count()).toBe(1);
    // The name of the button that has the focus again is over it, too.
    await page.getByRole("tooltip", { name: "View of the call" }).waitFor({ state: "attached" });
    await page.keyboard.press("Escape");
    await until("the name is gone", async () => (await page.getByRole("tooltip").count()) === 0);
    await page.keyboard.press("Escape");
    await stage.getByRole("button", { name: "Over the conversation" }).waitFor();
  });

  test("keeps the focus, and the picture, wherever somebody is moved", async () => {
    const { page, engine, stage } = await inCall(call({ participants: [other("ingrid"), other("mateo")] }));
    await shows(page, engine, "mateo-1", "camera", RED, "Picture of Mateo Ruiz");
    const canvas = await stage.locator("[data-seat='camera mateo-1'] canvas").elementHandle();
    const isSame = (): Promise<boolean> => stage.locator("[data-seat='camera mateo-1'] canvas").evaluate((now, before) => now === before, canvas);
    await stage.getByRole("button", { name: "Keep large: Mateo Ruiz" }).focus();
    await page.keyboard.press("Enter");
    await until("he is large, and the button has the focus", async () => (await focused(page)) === "No longer keep large: Mateo Ruiz");
    expect(await isSame()).toBe(true);
    await page.keyboard.press("Enter");
    await until("he is not, and the button has it", async () => (await focused(page)) === "Keep large: Mateo Ruiz");
    change(engine, call({ participants: [other("ingrid", { screen: true }), other("mateo")] }));
    await stage.locator("[data-seat='screen ingrid-1']").waitFor();
    expect(await focused(page)).toBe("Keep large: Mateo Ruiz");
    expect(await isSame()).toBe(true);
  });

  test("is made of one without, and what turned the camera on keeps the focus", async () => {
    const { page, engine, stage } = await inCall(call({ media: "audio", camera: false, participants: [other("ingrid", { camera: false })] }));
    await stage.getByRole("button", { name: "Turn your camera on" }).focus();
    await page.keyboard.press("Enter");
    await looksAt(engine, "camera ada-1");
    expect(await focused(page)).toBe("Turn your camera off");
  });

  test("chooses the camera", async () => {
    const { page, engine, stage } = await inCall(call());
    await stage.getByRole("button", { name: "Camera, microphone and speakers" }).click();
    await page.getByRole("menuitemradio", { name: "Camera on the desk" }).click();
    await until("it was asked for", () => asked(engine, "calls.setMedia").some((params) => JSON.stringify(params) === '{"cameraDevice":"desk"}'));
  });

  test("is had from the palette as well", async () => {
    const { page, engine } = await openWindow();
    await openRoom(page, "boat-shed");
    for (const [command, method] of [["Call boat-shed with video", "calls.start"], ["Turn your camera off", "calls.setMedia"], ["Leave the call", "calls.leave"]] as const) {
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").fill(command);
      await page.getByRole("option", { name: command }).waitFor();
      await page.keyboard.press("Enter");
      await until(command, () => asked(engine, method).length === 1);
    }
  });

  test("says what is wrong with one's own camera", async () => {
    const { stage } = await inCall(call({ picture: { problem: "The camera is used by another program." } }));
    await stage.getByText("The camera is used by another program.").waitFor();
  });
});

describe("showing one's screen", () => {
  test("asks which, by the keyboard alone, and says so while it lasts", async () => {
    const { page, engine, stage } = await inCall(call());
    await composer(page).focus();
    await page.keyboard.press("Control+Shift+S");
    const dialog = page.getByRole("dialog", { name: "What do you want to show?" });
    await dialog.getByRole("radio", { name: "Main screen" }).waitFor();
    expect(await dialog.getByRole("radio", { name: "Main screen" }).isChecked()).toBe(true);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    for (const name of ["Second screen", "Slipway plan"]) {
      await page.keyboard.press("ArrowDown");
      await until(`${name} has the focus`, async () => (await focused(page)).startsWith(name));
    }
    await page.keyboard.press("Space");
    await dialog.getByRole("button", { name: "Show it" }).click();
    await stage.getByText("You are showing your screen.").waitFor();
    expect(asked(engine, "calls.setMedia")).toMatchObject([{ callId: "c1", screen: true, screenSource: "plan" }]);
    await page.keyboard.press("Control+Shift+S");
    await stage.getByRole("button", { name: "Show your screen" }).waitFor();
    expect(asked(engine, "calls.setMedia").at(-1)).toMatchObject({ screen: false });
  });

  test("asks nothing where the desktop asks, and says why that cannot be", async () => {
    const { page, engine, stage } = await inCall(call());
    const asking: ScreenSource[] = [{ sourceId: "portal", name: "A screen or window…", kind: "asked", isDefault: true }];
    engine.answer({
      "calls.devices": () => ({ microphones: [], speakers: [], cameras: [], processing: true, screens: asking }),
      "calls.setMedia": () => {
        throw new Refused("invalid", "This Wayland desktop has no portal that shows its screens.");
      },
    });
    await stage.getByRole("button", { name: "Show your screen" }).click();
    const dialog = page.getByRole("dialog", { name: "What do you want to show?" });
    await dialog.getByText("This Wayland desktop has no portal that shows its screens.").waitFor();
    engine.answer({ "calls.setMedia": () => ({}) });
    await dialog.getByRole("button", { name: "Look again" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(asked(engine, "calls.setMedia").at(-1)).toMatchObject({ callId: "c1", screen: true, screenSource: "portal" });
  });

  test("says that there is nothing to show, and looks again", async () => {
    const { page, engine, stage } = await inCall(call());
    const none = { microphones: [], speakers: [], cameras: [], processing: true, screens: [] };
    engine.answer({ "calls.devices": () => none });
    await stage.getByRole("button", { name: "Show your screen" }).click();
    const dialog = page.getByRole("dialog", { name: "What do you want to show?" });
    await dialog.getByText("This system has no screen or window that can be shown.").waitFor();
    expect(await dialog.getByRole("button", { name: "Show it" }).isDisabled()).toBe(true);
    engine.answer({ "calls.devices": () => ({ ...none, screens: [{ sourceId: "late", name: "A window that opened", kind: "window", isDefault: false }] }) });
    await dialog.getByRole("button", { name: "Look again" }).click();
    await dialog.getByRole("radio", { name: "A window that opened" }).waitFor();
  });
});

const SEEN: VideoStats = { packetsReceived: 300, packetsLost: 0, packetsRefused: 0, framesDecoded: 30, framesDropped: 0, keyFramesAsked: 0, width: 640, height: 360, framesPerSecond: 30, bitsPerSecond: 812_000, delayMs: 20 };
const figures = (round: number, video: VideoStats): CallPeerStats => ({
  userId: "ingrid", deviceId: "ingrid-1", path: "turn", video, sent: { video: { width: 1_280, height: 720, framesPerSecond: 24, bitsPerSecond: 1_400_000, targetBitsPerSecond: 1_500_000, keyFrames: 1 } },
  audio: { packetsReceived: 50 * round, packetsLost: 0, framesDecoded: 50 * round, framesRecovered: 0, framesConcealed: 0, jitterMs: 4, delayMs: 20, rttMs: 46, bitsPerSecond: 30_000, packetsRefused: 0, level: 0.2, speaking: true },
});

test("how it gets through is told in words, and in figures where one asks", async () => {
  const { page, engine, stage } = await inCall(call({ participants: [other("ingrid", { path: "turn" })] }));
  for (const round of [1, 2, 3]) engine.emit({ type: "call.stats", callId: "c1", peers: [figures(round, { ...SEEN, framesPerSecond: round === 1 ? 30 : 0 })] });
  await stage.getByText("Picture stands still").waitFor();
  await stage.getByText("turn 46 ms").waitFor();
  await stage.getByRole("button", { name: "View of the call" }).click();
  await page.getByRole("menuitem", { name: "How it gets through" }).click();
  const dialog = page.getByRole("dialog", { name: "How the call gets through" });
  await dialog.getByText("No new picture has come for seconds.").waitFor();
  await dialog.getByText("Through a TURN server, since your computers find no straight way").waitFor();
  await dialog.getByText("Your picture to them: 1280 × 720, 24 a second, 1.4 Mbit/s").waitFor();
  engine.emit({ type: "call.stats", callId: "c1", peers: [figures(4, { ...SEEN, framesDecoded: 60, packetsReceived: 600 })] });
  await dialog.getByText("Comes through well.").waitFor();
  await dialog.getByText("Picture: 640 × 360, 30 a second, 812 kbit/s").waitFor();
});

describe("the small call", () => {
  const SMALL = { name: "You are in a call in boat-shed" };

  async function elsewhere(options: Parameters<typeof openWindow>[1] = {}): Promise<Opened & { small: Locator }> {
    const opened = await inCall(call({ participants: [other("ingrid"), other("mateo", { speaking: true })] }), options);
    if ((options.size?.[0] ?? 1_280) < 720) await opened.page.getByRole("button", { name: "Back to rooms" }).click();
    await openRoom(opened.page, "deliveries");
    const small = opened.page.getByRole("region", SMALL);
    await small.waitFor();
    return { ...opened, small };
  }

  async function covers(page: Page, small: Locator): Promise<boolean> {
    const [a, b] = [await small.boundingBox(), await page.locator("[data-composer]").boundingBox()];
    if (a === null || b === null) throw new Error("one of them is not there");
    return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
  }

  test("shows who speaks, and leads back", async () => {
    const { page, engine, small } = await elsewhere();
    await looksAt(engine, "camera mateo-1");
    const mateo = await shows(page, engine, "mateo-1", "camera", RED, "Picture of Mateo Ruiz");
    expectColours(await colours(page, mateo, [[0.5, 0.5]]), [[220, 40, 40]]);
    await small.getByRole("button", { name: "Go to the room" }).click();
    await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
    expect(await small.count()).toBe(0);
  });

  test("says what is wrong, and what was refused", async () => {
    const { engine, small } = await elsewhere();
    change(engine, call({ camera: false, picture: { problem: "The camera is used by another program." } }));
    await small.getByText("The camera is used by another program.").waitFor();
    engine.answer({ "calls.setMedia": () => { throw new Refused("conflict", "The microphone is away."); } });
    await small.getByRole("button", { name: "Mute your microphone" }).click();
    await small.getByText("The microphone is away.").waitFor();
    await small.getByRole("button", { name: "Dismiss" }).click();
    expect(await small.getByText("The microphone is away.").count()).toBe(0);
  });

  test.each([[[1_280, 800]], [[360, 740]]] as [[number, number]][])("is pulled about in %s, keeps its place, and never lies over what one writes", async (size) => {
    const { page, small } = await elsewhere({ size });
    const [width, height] = size;
    expect(await covers(page, small)).toBe(false);
    const from = await small.boundingBox();
    if (from === null) throw new Error("it is not there");
    const grip = small.getByText("boat-shed");
    await grip.hover();
    await page.mouse.down();
    await page.mouse.move(width / 2, height - 20, { steps: 8 });
    await page.mouse.up();
    expect(await covers(page, small)).toBe(false);
    const put = await small.boundingBox();
    expect(put).not.toEqual(from);
    await composer(page).fill("one\ntwo\nthree\nfour\nfive\nsix");
    await until("it makes room", async () => !(await covers(page, small)));
    await composer(page).fill("");
    await page.reload();
    await small.waitFor();
    // A narrow window opens with its list.
    if (width < 720) await openRoom(page, "deliveries");
    await until("it is where it was put", async () => {
      const now = await small.boundingBox();
      return Math.abs((now?.x ?? 0) - (put?.x ?? 0)) <= 1 && Math.abs((now?.y ?? 0) - (put?.y ?? 0)) <= 1;
    });
  });

  test("is moved by the arrow keys", async () => {
    const { page, small } = await elsewhere();
    const from = await small.boundingBox();
    await small.getByRole("button", { name: "Move it with the pointer or the arrow keys" }).focus();
    for (const key of ["ArrowUp", "ArrowUp", "ArrowRight"]) await page.keyboard.press(key);
    const to = await small.boundingBox();
    expect([Math.round((to?.x ?? 0) - (from?.x ?? 0)), Math.round((to?.y ?? 0) - (from?.y ?? 0))]).toEqual([24, -48]);
  });
});

describe.each(["light", "dark"] as const)("axe finds nothing, %s,", (theme) => {
  async function seen(): Promise<Opened> {
    const opened = await inCall(call({ participants: [other("ingrid", { screen: true }), other("mateo", { camera: false, mic: false, path: "turn" }), other("sam", { path: "relay" })] }), { theme });
    await shows(opened.page, opened.engine, "ingrid-1", "screen", pageScene, "Screen of Ingrid Solheim");
    for (const { deviceId, source } of opened.engine.viewed.tiles) opened.engine.picture({ deviceId, source }, sceneOf(deviceId, source));
    return opened;
  }

  test("in a call with pictures", async () => {
    const { page } = await seen();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
  });

  test("where one chooses what to show", async () => {
    const { page } = await seen();
    await page.keyboard.press("Control+Shift+S");
    await page.getByRole("radio", { name: "Main screen" }).waitFor();
    expect((await new AxeBuilder({ page }).include("[role=dialog]").analyze()).violations).toEqual([]);
  });

  test("in the small call elsewhere", async () => {
    const { page } = await seen();
    await openRoom(page, "deliveries");
    await page.getByRole("region", { name: "You are in a call in boat-shed" }).waitFor();
    expect((await new AxeBuilder({ page }).include("section[aria-label^='You are in a call']").analyze()).violations).toEqual([]);
  });
});

describe("right to left and at every width", () => {
  test.each([[360, 740], [720, 900], [1_280, 800], [3_840, 2_160]] as const)("%i × %i has nothing outside", async (width, height) => {
    const { page, engine, stage } = await inCall(call({ participants: [other("ingrid", { screen: true }), other("mateo"), other("sam")] }), { size: [width, height] });
    await looksAt(engine, "screen ingrid-1", "camera ingrid-1", "camera mateo-1", "camera sam-1", "camera ada-1");
    for (const direction of ["ltr", "rtl"] as const) {
      await page.evaluate((dir) => {
        document.documentElement.dir = dir;
      }, direction);
      for (const large of [false, true]) {
        if (large) await stage.getByRole("button", { name: "Over the conversation" }).click();
        await until("it is in place", () =>
          stage.evaluate((element) => {
            const frame = element.getBoundingClientRect();
            const inner = [...element.querySelectorAll("[data-seat], button")].map((each) => each.getBoundingClientRect());
            return inner.every(({ left, right, top, bottom }) => left >= frame.left - 1 && right <= frame.right + 1 && top >= frame.top - 1 && bottom <= frame.bottom + 1) && document.documentElement.scrollWidth <= window.innerWidth;
          }),
        );
      }
      await stage.getByRole("button", { name: "Back above the conversation" }).click();
    }
  });
});
