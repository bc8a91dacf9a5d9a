// Calls as a person has them: in a room's head, over everything when somebody calls, and small while one reads elsewhere.
import AxeBuilder from "@axe-core/playwright";
import { describe, expect, test } from "vitest";
import type { Call, CallParticipant, CallPeerStats, Message, MessageCall } from "@/client/types";
import { Refused } from "./fake-engine.js";
import { asked, focused, log, openRoom, openWindow, until, type Opened } from "./harness.js";
import { message, tidewater } from "./tidewater.js";

const INGRID: CallParticipant = { userId: "ingrid", deviceId: "ingrid-1", mic: true, speaking: true, camera: false, screen: false, since: 1, path: "direct" };
const MATEO: CallParticipant = { userId: "mateo", deviceId: "mateo-1", mic: false, speaking: false, camera: false, screen: false, since: 1, path: "turn" };

const call = (more: Partial<Call> = {}): Call => ({
  callId: "c1", roomId: "boat-shed", media: "audio", part: "in", mic: true, speaking: false, camera: false, screen: false, since: Date.now() - 65_000,
  sound: { microphone: "Built-in microphone", speakers: "Built-in speakers" }, participants: [INGRID, MATEO], ...more,
});

const figures = (deviceId: string, framesDecoded: number, framesConcealed: number): CallPeerStats => ({
  userId: deviceId.split("-")[0] ?? "", deviceId, path: "direct",
  audio: { packetsReceived: framesDecoded, packetsLost: framesConcealed, framesDecoded, framesRecovered: 0, framesConcealed, jitterMs: 4, delayMs: 20, rttMs: 31, mouthToEarMs: 75, bitsPerSecond: 30_000, packetsRefused: 0, level: 0.2, speaking: true },
});

async function ringing(): Promise<Opened> {
  const opened = await openWindow();
  await openRoom(opened.page, "deliveries");
  const rung = call({ part: "ringing", mic: false, participants: [INGRID] });
  opened.engine.world.calls = [rung];
  opened.engine.emit({ type: "call.incoming", callId: "c1", roomId: "boat-shed", from: "ingrid", media: "audio" });
  opened.engine.emit({ type: "call.changed", call: rung });
  return opened;
}

test("a call that is over is told of in its room, and who missed one calls back from there", async () => {
  const world = tidewater();
  const told = (from: string, clock: string, more: Partial<MessageCall> = {}): Message => ({
    ...message(from, clock, ""), call: { callId: `${from}-${clock}`, from, media: "audio", beganAt: 1, lengthMs: 754_000, userIds: ["ada", "ingrid"], outcome: "held", ...more },
  });
  world.messages.get("boat-shed")?.push(told("ingrid", "09:40"), told("mateo", "09:50", { media: "video", lengthMs: 0, userIds: ["mateo"], outcome: "unanswered" }));
  const { page, engine } = await openWindow(world);
  await openRoom(page, "boat-shed");
  await log(page).getByText("with you").waitFor();
  const held = log(page).getByRole("article", { name: /^Ingrid Solheim, 09:40/ });
  expect(await held.getByRole("button", { name: "Call back" }).count()).toBe(0);
  await held.focus();
  for (const key of ["F2", "p", "c"]) await page.keyboard.press(key);
  expect([await page.getByRole("textbox", { name: "Edit the message" }).count(), asked(engine, "messages.pin").length]).toEqual([0, 0]);
  const missed = log(page).getByRole("article", { name: /^Mateo Ruiz, 09:50/ });
  await missed.getByText("Missed video call").waitFor();
  const { violations } = await new AxeBuilder({ page }).include("[role=log]").analyze();
  expect(violations).toEqual([]);
  // By keys: into the message, and to the button in it.
  await missed.focus();
  await page.keyboard.press("ArrowRight");
  expect(await focused(page)).toBe("Call back");
  await page.keyboard.press("Enter");
  await until("it rings", () => asked(engine, "calls.start").length > 0);
  expect(asked(engine, "calls.start")).toEqual([{ roomId: "boat-shed", media: "video" }]);
  await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
  // There is a call, so there is nothing to call back; the focus stays, and the way to it.
  const callBack = missed.getByRole("button", { name: "Call back" });
  expect(await callBack.getAttribute("aria-disabled")).toBe("true");
  expect(await focused(page)).toBe("Call back");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  await page.keyboard.press("ArrowRight");
  expect(await focused(page)).toBe("Call back");
  expect(asked(engine, "calls.start")).toHaveLength(1);
});

describe("a call that one makes", () => {
  test("rings, is answered, muted by button and keys, and left", async () => {
    const { page, engine } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: "Call", exact: true }).click();
    const bar = page.getByRole("region", { name: "Call in boat-shed" });
    await bar.getByText("Calling…").waitFor();
    expect(asked(engine, "calls.start")).toEqual([{ roomId: "boat-shed", media: "audio" }]);
    const made = engine.world.calls[0];
    engine.world.calls = [call({ callId: made?.callId ?? "" })];
    engine.emit({ type: "call.changed", call: call({ callId: made?.callId ?? "" }) });
    await bar.getByText("Ingrid Solheim").waitFor();
    await bar.getByText("speaking").waitFor({ state: "attached" });
    await bar.getByRole("img", { name: "muted" }).waitFor();
    await bar.getByRole("button", { name: "Mute your microphone" }).click();
    await bar.getByRole("button", { name: "Open your microphone" }).waitFor();
    await page.keyboard.press("Control+Shift+M");
    await bar.getByRole("button", { name: "Mute your microphone" }).waitFor();
    expect(asked(engine, "calls.setMedia")).toMatchObject([{ mic: false }, { mic: true }]);
    await bar.getByRole("button", { name: "Leave the call" }).click();
    await until("it is over", async () => (await bar.count()) === 0);
    await page.getByRole("button", { name: "Call", exact: true }).waitFor();
  });

  test("is said to be declined", async () => {
    const { page, engine } = await openWindow();
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await page.getByText("Calling…").first().waitFor();
    const made = engine.world.calls[0];
    engine.world.calls = [];
    engine.emit({ type: "call.changed", call: call({ callId: made?.callId ?? "", part: "ended", mic: false, participants: [], ended: "declined" }) });
    await page.getByText("boat-shed: the call was declined.").waitFor();
  });

  test("says in its room why it cannot be made", async () => {
    const { page, engine } = await openWindow();
    await openRoom(page, "boat-shed");
    engine.answer({ "calls.start": () => { throw new Refused("conflict", "You are in another call. Leave it first."); } });
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await page.getByRole("alert").getByText("You are in another call.").waitFor();
    await page.getByRole("button", { name: "Dismiss" }).click();
    expect(await page.getByText("You are in another call.").count()).toBe(0);
  });
});

describe("a call that comes", () => {
  test("is told over everything, takes no focus, and an answer leads to its room", async () => {
    const { page, engine } = await ringing();
    const sheet = page.getByRole("region", { name: "Ingrid Solheim is calling" });
    await sheet.getByText("in boat-shed").waitFor();
    expect(await page.evaluate(() => document.activeElement?.closest("section[aria-label$='calling']") ?? null)).toBeNull();
    await sheet.getByRole("button", { name: "Answer" }).click();
    await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
    expect(await sheet.count()).toBe(0);
    expect(asked(engine, "calls.join")).toEqual([{ callId: "c1" }]);
  });

  test("is declined, or goes by itself when it is answered elsewhere and can then be joined", async () => {
    const { page, engine } = await ringing();
    const sheet = page.getByRole("region", { name: "Ingrid Solheim is calling" });
    await sheet.getByRole("button", { name: "Decline" }).click();
    await until("it is gone", async () => (await sheet.count()) === 0);
    expect(asked(engine, "calls.decline")).toEqual([{ callId: "c1" }]);

    const goesOn = call({ part: "out", mic: false });
    engine.world.calls = [goesOn];
    engine.emit({ type: "call.changed", call: goesOn });
    await openRoom(page, "boat-shed");
    await page.getByRole("button", { name: "Join the call, 2 in it" }).click();
    await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
  });
});

describe("a second call that comes", () => {
  test.each([[1_280, 800, "boat-shed"], [720, 700, "boat-shed"], [360, 740, "boat-shed"], [360, 740, "deliveries"]] as const)("in a window of %i × %i in %s leaves the first one's controls free", async (width, height, where) => {
    const world = tidewater();
    world.calls = [call()];
    const { page, engine } = await openWindow(world, { size: [width, height] });
    await openRoom(page, where);
    const mute = page.getByRole("button", { name: "Mute your microphone" });
    await mute.waitFor();
    const second = call({ callId: "c2", roomId: "general", part: "ringing", mic: false, participants: [INGRID] });
    engine.world.calls = [call(), second];
    engine.emit({ type: "call.changed", call: second });
    const sheet = page.getByRole("region", { name: "Ingrid Solheim is calling" });
    await sheet.waitFor();
    // Playwright presses what lies at the top there, or fails.
    await mute.click();
    await page.getByRole("button", { name: "Open your microphone" }).waitFor();
    await sheet.getByRole("button", { name: "Decline" }).click();
    await until("it is gone", async () => (await sheet.count()) === 0);
  });

  test("comes to the window's top when there is nothing to keep free", async () => {
    const { page } = await ringing();
    const sheet = page.getByRole("region", { name: "Ingrid Solheim is calling" });
    expect((await sheet.boundingBox())?.y).toBe(12);
  });
});

test("elsewhere the call is small, and what is wrong with it is said in words", async () => {
  const world = tidewater();
  world.calls = [call({ participants: [INGRID, { ...MATEO, mic: true, path: "relay" }] })];
  const { page, engine } = await openWindow(world);
  await openRoom(page, "deliveries");
  const small = page.getByRole("region", { name: "You are in a call in boat-shed" });
  await small.getByRole("button", { name: "Mute your microphone" }).click();
  await small.getByRole("button", { name: "Open your microphone" }).waitFor();
  await small.getByRole("button", { name: "Go to the room" }).click();
  const bar = page.getByRole("region", { name: "Call in boat-shed" });
  await bar.getByText("No way to each other yet: not heard").waitFor();
  expect(await small.count()).toBe(0);
  engine.emit({ type: "call.stats", callId: "c1", peers: [figures("ingrid-1", 100, 0)] });
  engine.emit({ type: "call.stats", callId: "c1", peers: [figures("ingrid-1", 140, 10)] });
  await bar.getByText("Sound breaks up").waitFor();
  await bar.getByText("direct 31 ms").waitFor();
  const broken = { ...call(), sound: { problem: "No microphone was found. You hear the others, and they do not hear you." } };
  engine.emit({ type: "call.changed", call: broken });
  await bar.getByText("No microphone was found.").waitFor();
  await bar.getByRole("button", { name: "Camera, microphone and speakers" }).click();
  await page.getByRole("menuitemradio", { name: "Headset" }).click();
  await until("it was asked for", () => asked(engine, "calls.setMedia").some((params) => JSON.stringify(params) === '{"microphone":"headset"}'));
});

describe("axe finds nothing", () => {
  for (const theme of ["light", "dark"] as const) {
    test(`in a call and while it rings, ${theme}`, async () => {
      const world = tidewater();
      world.calls = [call(), call({ callId: "c2", roomId: "deliveries", part: "ringing", mic: false, participants: [MATEO] })];
      const { page } = await openWindow(world, { theme });
      await openRoom(page, "boat-shed");
      await page.getByRole("region", { name: /is calling/ }).waitFor();
      await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
      expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    });
  }
});
