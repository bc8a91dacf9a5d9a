// Pictures of the window as it is, for people to look at: `npx vitest run --project window shots`. They go to the
// tree's `screenshots/window`, which is not kept; the test only holds that each screen can be reached and throws nothing.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CallListening, CallPeerStats, Message, MessageCall } from "@/client/types";
import { openBrowser } from "./browser.js";
import { Refused, startFakeEngine, type FakeEngine, type World } from "./fake-engine.js";
import { sceneOf } from "./scenes.js";
import { busy, club, message, room, tidewater } from "./tidewater.js";

const FOLDER = fileURLToPath(new URL("../../../screenshots/window", import.meta.url));
let browser: Browser;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  browser = await openBrowser();
});
afterAll(() => browser.close());

type Theme = "light" | "dark";
type Shot = { name: string; world: World; size?: [number, number]; themes?: readonly Theme[]; go?: (page: Page, engine: FakeEngine) => Promise<void> };

const open = (name: string) => async (page: Page) => {
  await page.getByRole("navigation", { name: "Rooms" }).getByRole("button", { name: new RegExp(name, "u") }).first().click();
  await page.getByRole("textbox", { name: new RegExp("^Message ", "u") }).waitFor();
};

function many(): World {
  const world = tidewater();
  const start = Date.now() - 10_000 * 240_000;
  world.messages.set("boat-shed", Array.from({ length: 10_000 }, (_, n) => message(["ingrid", "mateo", "ada", "yuki"][Math.floor(n / 3) % 4] ?? "ada", start + n * 240_000, `${n} ${"word ".repeat((n * 7) % 40)}`, "read")));
  world.rooms = world.rooms.map((each) => (each.roomId === "boat-shed" ? { ...each, unreadCount: 0, readUpTo: world.messages.get("boat-shed")?.at(-1)?.messageId ?? "" } : each));
  return world;
}

function long(): World {
  const world = tidewater();
  const name = "An exceedingly long name that somebody really gave to a room, with W".padEnd(80, "W");
  world.rooms.unshift(room(name, { roomId: "long", topic: "t".repeat(250), role: "owner" }));
  world.members.set("long", [
    ...(world.members.get("boat-shed") ?? []).slice(0, 1),
    { userId: "zalgo", handle: "zalgo", displayName: `Z${"\u0335\u0348".repeat(40)}algo ${"Wolfeschlegelsteinhausen".repeat(3)}`, role: "member", status: "online" },
    { userId: "rtl", handle: "rtl", displayName: "\u202Eمحمد العربي", role: "member", status: "away" },
  ]);
  const noon = Date.now() - 3_600_000;
  world.messages.set("long", [
    message("zalgo", noon, `a${"\u0301".repeat(100_000)} after the tower`, "delivered", "long"),
    message("rtl", noon + 1_000, "\u202Eمرحبا بالعالم https://example.com/path", "delivered", "long"),
    message("zalgo", noon + 2_000, "x".repeat(1_000_000), "delivered", "long"),
    message("ada", noon + 3_000, "After it all, a plain line.", "read", "long"),
  ]);
  return world;
}

/** In a call with two, while a third rings. */
function inCall(): World {
  const since = Date.now() - 754_000;
  const people = [
    { userId: "ingrid", deviceId: "ingrid-1", mic: true, speaking: true, camera: false, screen: false, since, path: "direct" as const },
    { userId: "mateo", deviceId: "mateo-1", mic: false, speaking: false, camera: false, screen: false, since, path: "turn" as const },
  ];
  const call = { media: "audio" as const, mic: true, speaking: false, camera: false, screen: false, since };
  return {
    ...busy(),
    calls: [
      { ...call, callId: "c1", roomId: "boat-shed", part: "in", participants: people, sound: { speakers: "Built-in speakers", problem: "No microphone was found. You hear the others, and they do not hear you." } },
      { ...call, callId: "c2", roomId: "deliveries", part: "ringing", mic: false, participants: [{ userId: "yuki", deviceId: "yuki-1", mic: true, speaking: false, camera: false, screen: false, since, path: "direct" }] },
    ],
  };
}

/** Calls that are over, of each kind, between messages. */
function afterCalls(): World {
  const world = busy();
  const told = (from: string, clock: string, more: Partial<MessageCall>): Message => ({
    ...message(from, clock, ""), call: { callId: `${from}-${clock}`, from, media: "audio", beganAt: 1, lengthMs: 0, userIds: [from], outcome: "unanswered", ...more },
  });
  world.messages.get("boat-shed")?.push(
    told("ingrid", "09:40", { lengthMs: 754_000, userIds: ["ada", "ingrid", "mateo"], outcome: "held" }),
    told("mateo", "09:55", { media: "video" }),
    message("mateo", "09:56", "Call me when you are back on the hill."),
    told("ada", "10:02", { outcome: "busy" }),
    told("ada", "10:05", { media: "video", lengthMs: 48_000, userIds: ["ada", "mateo"], outcome: "held" }),
  );
  return world;
}

type Seen = { userId: string; camera?: boolean; screen?: boolean; mic?: boolean; speaking?: boolean; path?: "direct" | "turn" | "relay" };

/** In a call with pictures, with these. */
function inPictures(...people: readonly Seen[]): World {
  const since = Date.now() - 754_000;
  const participants = people.map(({ userId, camera = true, screen = false, mic = true, speaking = false, path = "direct" as const }) => ({ userId, deviceId: `${userId}-1`, mic, speaking, camera, screen, since, path }));
  return { ...busy(), calls: [{ callId: "c1", roomId: "boat-shed", media: "video", part: "in", mic: true, speaking: false, camera: true, screen: false, since, sound: {}, picture: { camera: "Camera in the lid" }, participants }] };
}

/** The open room, once everything that it looks at was sent and drawn. */
const look = (where: string, then?: (page: Page) => Promise<void>) => async (page: Page, engine: FakeEngine) => {
  await open(where)(page);
  await then?.(page);
  const drawn = (): Promise<number> => page.locator("canvas:not(.invisible)").count();
  await expect
    .poll(async () => {
      for (const { deviceId, source } of engine.viewed.tiles) engine.picture({ deviceId, source }, sceneOf(deviceId, source));
      return engine.viewed.tiles.length > 0 && (await drawn()) === engine.viewed.tiles.length;
    }, { timeout: 10_000, interval: 200 })
    .toBe(true);
};

/** The same call, in which all listen to a file. */
function listening(world: World, more: Partial<CallListening> = {}): World {
  const played: CallListening = { deviceId: "ingrid-1", userId: "ingrid", title: "Low water at the slip", lengthMs: 185_000, state: "playing", positionMs: 67_000, at: Date.now(), changedBy: "ingrid", ...more };
  return { ...world, calls: world.calls.filter(({ part }) => part === "in").map(({ sound, ...call }) => ({ ...call, sound: { speakers: sound?.speakers ?? "" }, listening: played })) };
}

/** The devices, tried out with the camera. */
async function tryDevices(page: Page, engine: FakeEngine): Promise<void> {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("camera, mic");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Camera, microphone and speakers" });
  await dialog.getByRole("button", { name: "Try the camera" }).click();
  await expect
    .poll(async () => {
      engine.picture({ deviceId: "ada-1", source: "camera" }, sceneOf("ada-1", "camera"));
      return dialog.getByRole("img").count();
    }, { timeout: 10_000, interval: 200 })
    .toBe(1);
  await page.waitForTimeout(300);
}

const turned = (then: (page: Page, engine: FakeEngine) => Promise<void>) => async (page: Page, engine: FakeEngine) => {
  await page.evaluate(() => {
    document.documentElement.dir = "rtl";
  });
  await then(page, engine);
};

const hears = (where: string) => async (page: Page) => {
  await open(where)(page);
  await page.getByRole("group", { name: "Listening together" }).waitFor();
};

function raise(): never {
  throw new Error("there is no call");
}

/** Of one who comes through well, and one whose pictures stand still. */
function passing(userId: string, path: "direct" | "turn" | "relay", round: number): CallPeerStats {
  const frames = userId === "mateo" ? 1 : round;
  const video = { packetsReceived: 300 * frames, packetsLost: 0, packetsRefused: 0, framesDecoded: 30 * frames, framesDropped: 0, keyFramesAsked: 0, width: 640, height: 360, framesPerSecond: userId === "mateo" ? 0 : 30, bitsPerSecond: 812_000, delayMs: 20 };
  return {
    userId, deviceId: `${userId}-1`, path, video, sent: { video: { width: 1_280, height: 720, framesPerSecond: 24, bitsPerSecond: 1_400_000, targetBitsPerSecond: 1_500_000, keyFrames: 1 } },
    audio: { packetsReceived: 50 * round, packetsLost: 0, framesDecoded: 50 * round, framesRecovered: 0, framesConcealed: 0, jitterMs: 4, delayMs: 20, rttMs: 31, bitsPerSecond: 30_000, packetsRefused: 0, level: 0.2, speaking: true },
  };
}

const TWO: readonly Seen[] = [{ userId: "ingrid", speaking: true }];
const FOUR: readonly Seen[] = [{ userId: "ingrid", speaking: true }, { userId: "mateo", mic: false, path: "turn" }, { userId: "sam" }];
const SHARED: readonly Seen[] = [{ userId: "ingrid", screen: true, speaking: true }, { userId: "mateo", mic: false, path: "turn" }, { userId: "yuki", camera: false, path: "relay" }];

const empty = (): World => ({ ...tidewater(), messages: new Map() });
const one = (): World => ({ ...tidewater(), messages: new Map([["boat-shed", [message("mateo", "09:00", "First.")]]]) });
const fresh = (): World => ({ ...tidewater(), rooms: [], messages: new Map(), members: new Map(), net: { server: "connecting", peers: [], onlineCount: 0, serverBytesIn: 0, serverBytesOut: 0 } });

/** The row with these words, looked at. */
const hover = async (page: Page, words: string): Promise<void> => {
  await page.getByRole("article").filter({ hasText: words }).hover();
};

async function askForFile(page: Page, engine: FakeEngine): Promise<void> {
  await open("boat-shed")(page);
  engine.answer({ "calls.play": () => { throw new Refused("not_found", "There is no file at /home/ada/Music/low-water.mp3."); } });
  await page.getByRole("button", { name: /^Play (a file together|another file)/u }).click();
  await page.getByLabel("Path of the file").fill("/home/ada/Music/low-water.mp3");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").getByText("There is no file at").waitFor();
  await page.waitForTimeout(250);
}

async function writePlan(page: Page): Promise<void> {
  await open("boat-shed")(page);
  if ((page.viewportSize()?.width ?? 0) < 1080) await page.keyboard.press("Control+.");
  await page.getByRole("tab", { name: "Documents" }).click();
  await page.getByRole("button", { name: /Slipway plan/u }).click();
  await page.getByRole("textbox", { name: "Text of Slipway plan" }).click();
  for (const line of ["# Slipway plan", "The sleepers go first, then the rail. **Nobody** stands below the winch.", "## Before Thursday", "- [ ] grease the lower block", "check the shackles"]) {
    await page.keyboard.type(line);
    await page.keyboard.press("Enter");
  }
  await page.keyboard.press("Enter");
  await page.keyboard.type("> Low water is at 10:40.");
  await page.getByText("Saved on this device").waitFor();
}

const SHOTS: readonly Shot[] = [
  { name: "busy", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.locator(".hljs-keyword").first().waitFor();
    await hover(page, "no signal at the shed today");
  } },
  { name: "call", world: inCall(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("region", { name: "Call in boat-shed" }).waitFor();
  } },
  { name: "call-elsewhere", world: inCall(), themes: ["light", "dark"], go: open("deliveries") },
  { name: "call-narrow", world: inCall(), size: [360, 740], themes: ["light", "dark"], go: open("boat-shed") },
  { name: "video-two", world: inPictures(...TWO), themes: ["light", "dark"], go: look("boat-shed") },
  { name: "video-four", world: inPictures(...FOUR), themes: ["light", "dark"], go: look("boat-shed") },
  { name: "video-four-large", world: inPictures(...FOUR), themes: ["dark"], go: look("boat-shed", (page) => page.getByRole("button", { name: "Over the conversation" }).click()) },
  { name: "video-screen", world: inPictures(...SHARED), themes: ["light", "dark"], go: look("boat-shed") },
  { name: "video-screen-large", world: inPictures(...SHARED), size: [1600, 1000], go: look("boat-shed", (page) => page.getByRole("button", { name: "Over the conversation" }).click()) },
  { name: "video-narrow-two", world: inPictures(...TWO), size: [360, 740], themes: ["light", "dark"], go: look("boat-shed") },
  { name: "video-narrow-screen", world: inPictures(...SHARED), size: [360, 740], go: look("boat-shed") },
  { name: "video-narrow-four-large", world: inPictures(...FOUR), size: [360, 740], go: look("boat-shed", (page) => page.getByRole("button", { name: "Over the conversation" }).click()) },
  { name: "video-elsewhere", world: inPictures(...SHARED), themes: ["light", "dark"], go: look("deliveries") },
  { name: "video-narrow-elsewhere", world: inPictures(...FOUR), size: [360, 740], go: look("deliveries") },
  { name: "video-4k", world: inPictures(...FOUR), size: [3840, 2160], go: look("boat-shed") },
  { name: "video-share-dialog", world: inPictures(...TWO), themes: ["light", "dark"], go: async (page, engine) => {
    await look("boat-shed")(page, engine);
    await page.getByRole("button", { name: "Show your screen" }).click();
    await page.getByRole("radio", { name: "Main screen" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "video-view-menu", world: inPictures(...TWO), go: async (page, engine) => {
    await look("boat-shed")(page, engine);
    await page.getByRole("button", { name: "View of the call" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "video-incoming", world: { ...busy(), calls: [{ ...(inPictures(...TWO).calls[0] ?? raise()), part: "ringing" }] }, themes: ["light"], go: open("deliveries") },
  { name: "video-incoming-narrow", world: { ...busy(), calls: [{ ...(inPictures(...TWO).calls[0] ?? raise()), part: "ringing" }] }, size: [360, 740], go: open("deliveries") },
  { name: "call-elsewhere-narrow", world: inCall(), size: [360, 740], go: open("deliveries") },
  { name: "call-incoming-narrow", world: { ...inCall(), calls: inCall().calls.slice(1) }, size: [360, 740], go: open("boat-shed") },
  { name: "video-passage", world: inPictures(...SHARED), go: async (page, engine) => {
    await look("boat-shed")(page, engine);
    for (const round of [1, 2, 3]) engine.emit({ type: "call.stats", callId: "c1", peers: SHARED.map(({ userId, path = "direct" }) => passing(userId, path, round)) });
    await page.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitem", { name: "How it gets through" }).click();
    await page.getByText("Comes through well.").first().waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "try-devices", world: busy(), themes: ["light", "dark"], go: tryDevices },
  { name: "try-devices-narrow", world: busy(), size: [360, 740], go: tryDevices },
  { name: "calls-over", world: afterCalls(), themes: ["light", "dark"], go: open("boat-shed") },
  { name: "calls-over-narrow", world: afterCalls(), size: [360, 740], go: open("boat-shed") },
  { name: "listening", world: listening(inCall()), themes: ["light", "dark"], go: hears("boat-shed") },
  { name: "listening-paused", world: listening(inCall(), { state: "paused", changedBy: "mateo" }), go: hears("boat-shed") },
  { name: "listening-ended", world: listening(inCall(), { state: "paused", positionMs: 185_000, userId: "ada", deviceId: "ada-1" }), go: hears("boat-shed") },
  { name: "listening-left", world: listening(inCall(), { state: "left" }), go: hears("boat-shed") },
  { name: "listening-failed", world: listening(inCall(), { state: "failed", deviceId: "ada-1", userId: "ada", problem: "The file is damaged: its frames do not follow each other." }), go: hears("boat-shed") },
  { name: "listening-long", world: listening(inCall(), { title: "W".repeat(128), lengthMs: 43_200_000, positionMs: 40_000_000 }), go: hears("boat-shed") },
  { name: "listening-narrow", world: listening(inCall()), size: [360, 740], themes: ["light", "dark"], go: hears("boat-shed") },
  { name: "listening-middle", world: listening(inCall()), size: [760, 700], go: hears("boat-shed") },
  { name: "listening-rtl", world: listening(inCall()), go: turned(hears("boat-shed")) },
  { name: "listening-narrow-rtl", world: listening(inCall()), size: [360, 740], go: turned(hears("boat-shed")) },
  { name: "listening-elsewhere", world: listening(inCall()), themes: ["light", "dark"], go: hears("deliveries") },
  { name: "listening-narrow-elsewhere", world: listening(inCall()), size: [360, 740], go: hears("deliveries") },
  { name: "listening-video", world: listening(inPictures(...FOUR)), themes: ["light", "dark"], go: look("boat-shed") },
  { name: "listening-video-two", world: listening(inPictures(...TWO)), size: [1000, 900], go: look("boat-shed") },
  { name: "listening-video-narrow", world: listening(inPictures(...TWO)), size: [360, 740], go: look("boat-shed") },
  { name: "listening-video-large", world: listening(inPictures(...FOUR)), themes: ["dark"], go: look("boat-shed", (page) => page.getByRole("button", { name: "Over the conversation" }).click()) },
  { name: "listening-narrow-menu", world: inPictures(...TWO), size: [360, 740], go: async (page, engine) => {
    await look("boat-shed")(page, engine);
    await page.getByRole("button", { name: "View of the call" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "play-file", world: listening(inCall()), themes: ["light", "dark"], go: askForFile },
  { name: "play-file-narrow", world: { ...inCall(), calls: inCall().calls.slice(0, 1) }, size: [360, 740], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "View of the call" }).click();
    await page.getByRole("menuitem", { name: "Play a file together" }).click();
    await page.getByRole("dialog", { name: "Play a file together" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "play-file-rtl", world: listening(inCall()), go: turned(askForFile) },
  { name: "busy-narrow", world: busy(), size: [360, 740], themes: ["light", "dark"], go: open("boat-shed") },
  { name: "busy-middle", world: busy(), size: [960, 720], go: open("boat-shed") },
  { name: "busy-wide", world: busy(), size: [1600, 1000], themes: ["light", "dark"], go: open("boat-shed") },
  { name: "busy-4k", world: busy(), size: [3840, 2160], go: open("boat-shed") },
  { name: "message-menu", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByText("On the hill there is one.").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Edit" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "emoji-picker", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Emoji" }).click();
    await page.getByRole("gridcell", { name: "grinning face", exact: true }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "emoji-search-narrow", world: busy(), size: [360, 740], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Emoji" }).click();
    await page.getByRole("combobox", { name: "Search emoji" }).fill("wave");
    await page.getByRole("gridcell", { name: "waving hand" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "editing", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).waitFor();
  } },
  { name: "edit-refused", world: busy(), go: async (page, engine) => {
    await open("boat-shed")(page);
    engine.answer({ "messages.edit": () => { throw new Refused("internal", "The disk is full. Make room, then try again."); } });
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit message" }).fill("Straps, winch, coffee.");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").waitFor();
  } },
  { name: "replying", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await hover(page, "Already in the van");
    await page.getByRole("button", { name: "Reply" }).click();
    await page.keyboard.type("Good find, @");
    await page.getByRole("listbox").waitFor();
  } },
  { name: "shortcode", world: busy(), themes: ["dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.type("Well done :part");
    await page.getByRole("listbox").waitFor();
  } },
  { name: "delete-message", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByText("On the hill there is one.").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("dialog").waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "receipts", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByText("On the hill there is one.").click({ button: "right" });
    await page.getByRole("menuitem", { name: "Seen by" }).click();
    await page.getByRole("region", { name: "Read" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "pinned", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Pinned" }).click();
    await page.getByRole("button", { name: "Go to the message of Ingrid Solheim" }).waitFor();
  } },
  { name: "inbox", world: busy(), themes: ["light", "dark"], go: async (page, engine) => {
    await page.getByRole("button", { name: /Inbox/u }).click();
    await page.getByText("Yuki Tanabe mentioned you").waitFor();
    engine.emit({ type: "announcement.new", announcement: { announcementId: "a", message: "The server moves to a new machine on Sunday morning.", level: "warning", userId: "ingrid", at: Date.now(), expiresAt: Date.now() + 3_600_000 } });
    await page.getByRole("region", { name: "Announcements" }).waitFor();
  } },
  { name: "documents", world: busy(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByText("Slipway plan").waitFor();
  } },
  { name: "document", world: { ...busy(), present: [{ userId: "ingrid", deviceId: "ingrid-1", state: {} }] }, themes: ["light", "dark"], go: writePlan },
  { name: "document-narrow", world: busy(), size: [360, 740], go: writePlan },
  { name: "document-read-only", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByRole("button", { name: /Rules of the shed/u }).click();
    await page.getByRole("textbox", { name: "Text of Rules of the shed" }).waitFor();
  } },
  { name: "create-document", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Documents" }).click();
    await page.getByRole("button", { name: "New document" }).click();
    await page.getByRole("radio", { name: "People you choose" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "feed", world: club(), themes: ["light", "dark"], go: async (page, engine) => {
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByRole("button", { name: "4 comments" }).click();
    await page.getByText("This comment was deleted.").waitFor();
    const launch = club().posts?.[0];
    if (launch !== undefined) engine.emit({ type: "post.new", post: { ...launch, postId: "fresh" } });
    await page.getByRole("button", { name: "1 new post" }).waitFor();
  } },
  { name: "feed-compose", world: club(), themes: ["light", "dark"], go: async (page) => {
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByRole("button", { name: "New post" }).click();
    await page.getByLabel("Title").fill("Low water");
    await page.getByLabel("Text").fill("At **10:40**, on the slip.");
    await page.waitForTimeout(250);
  } },
  { name: "feed-narrow", world: club(), size: [360, 740], themes: ["light", "dark"], go: async (page) => {
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByRole("article").first().waitFor();
  } },
  { name: "feed-none", world: { ...club(), posts: null }, go: async (page) => {
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByText("This server has no public feed yet.").waitFor();
  } },
  { name: "feed-empty", world: tidewater(), go: async (page) => {
    await page.getByRole("button", { name: "Feed", exact: true }).click();
    await page.getByRole("button", { name: "Write the first post" }).waitFor();
  } },
  { name: "places", world: club(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Places" }).click();
    await page.getByRole("list", { name: "People on the map" }).waitFor();
    await page.waitForTimeout(400);
  } },
  { name: "places-share", world: club(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Places" }).click();
    await page.getByRole("button", { name: "Share where you are" }).click();
    await page.getByRole("application").click({ position: { x: 90, y: 90 } });
    await page.waitForTimeout(400);
  } },
  { name: "map", world: club(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("tab", { name: "Places" }).click();
    await page.getByRole("button", { name: "Larger map" }).click();
    await page.getByRole("dialog").getByRole("list", { name: "People on the map" }).waitFor();
    await page.waitForTimeout(400);
  } },
  { name: "map-narrow", world: club(), size: [360, 740], themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.press("Control+Shift+L");
    await page.getByRole("button", { name: "Larger map" }).click();
    await page.getByRole("dialog", { name: "Map, boat-shed" }).getByRole("button", { name: /Yuki Tanabe/u }).click();
    await page.waitForTimeout(400);
  } },
  { name: "room-menu", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "toast", world: busy(), themes: ["light", "dark"], go: async (page, engine) => {
    await open("deliveries")(page);
    engine.emit({ type: "notification.new", notification: { notificationId: "x1", kind: "reply", title: "Ingrid Solheim answered you", body: "Until then we have the small winch.", level: "info", roomId: "boat-shed", userId: "ingrid", at: Date.now(), read: false }, silent: false, unreadCount: 4 });
    await page.getByText("Ingrid Solheim answered you").waitFor();
    await page.waitForTimeout(400);
  } },
  { name: "activity", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Activity" }).click();
    await page.getByText("Ingrid Solheim pinned a message").waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "shortcuts", world: busy(), go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.press("Control+/");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "main", world: tidewater(), themes: ["light", "dark"], go: async (page, engine) => {
    await open("boat-shed")(page);
    engine.emit({ type: "typing.changed", roomId: "boat-shed", userId: "mateo", typing: true });
    await page.getByText("Mateo Ruiz is typing").waitFor();
  } },
  { name: "narrow", world: tidewater(), size: [390, 800], themes: ["light", "dark"], go: open("boat-shed") },
  { name: "narrow-rooms", world: tidewater(), size: [390, 800] },
  { name: "middle", world: tidewater(), size: [1000, 700], go: open("boat-shed") },
  { name: "middle-details", world: tidewater(), size: [1000, 700], go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.press("Control+.");
    await page.getByRole("dialog", { name: "Details" }).waitFor();
    await page.waitForTimeout(300);
  } },
  { name: "empty", world: empty(), go: open("boat-shed") },
  { name: "one", world: one(), go: open("boat-shed") },
  { name: "ten-thousand", world: many(), go: open("boat-shed") },
  { name: "ten-thousand-up", world: many(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("log").hover();
    await page.mouse.wheel(0, -1500);
    await page.getByRole("button", { name: /Jump to latest/u }).waitFor();
  } },
  { name: "long", world: long(), themes: ["light", "dark"], go: open("exceedingly") },
  { name: "no-rooms", world: fresh() },
  { name: "sign-in", world: { ...tidewater(), account: null }, themes: ["light", "dark"] },
  { name: "sign-in-narrow", world: { ...tidewater(), account: null }, size: [390, 800] },
  { name: "register", world: { ...tidewater(), account: null }, themes: ["light", "dark"], go: async (page) => {
    await page.getByRole("radio", { name: "Create account" }).click();
    await page.getByLabel("Password", { exact: true }).fill("short");
    await page.getByRole("button", { name: "Create account" }).click();
  } },
  { name: "palette", world: tidewater(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").fill("sh");
    await page.waitForTimeout(250);
  } },
  { name: "create-room", world: tidewater(), themes: ["light", "dark"], go: async (page) => {
    await page.getByRole("button", { name: "New room" }).click();
    await page.waitForTimeout(250);
    await page.getByRole("menuitem", { name: "Create a room" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "new-room-menu", world: tidewater(), go: async (page) => {
    await page.getByRole("button", { name: "New room" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "browse", world: tidewater(), go: async (page) => {
    await page.getByRole("button", { name: "New room" }).click();
    await page.getByRole("menuitem", { name: "Browse public rooms" }).click();
    await page.getByRole("button", { name: /^Join / }).first().waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "invite", world: tidewater(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Invite people" }).click();
    await page.getByRole("button", { name: "Make link" }).click();
    await page.getByLabel("Invite link").waitFor();
    await page.waitForTimeout(250);
  } },
  { name: "leave", world: tidewater(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Room menu" }).click();
    await page.getByRole("menuitem", { name: "Leave room" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "settings-menu", world: tidewater(), themes: ["light", "dark"], go: async (page) => {
    await page.getByRole("button", { name: "Settings" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "connection", world: tidewater(), themes: ["light", "dark"], go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: "Connected, 4 direct" }).click();
    await page.waitForTimeout(250);
  } },
  { name: "member-menu", world: tidewater(), go: async (page) => {
    await open("boat-shed")(page);
    await page.getByRole("button", { name: /^Mateo Ruiz, here/u }).click();
    await page.waitForTimeout(250);
  } },
  { name: "unsent", world: tidewater(), themes: ["light", "dark"], go: async (page, engine) => {
    await open("boat-shed")(page);
    engine.cut(true);
    await page.getByText("Connecting…").waitFor();
    await page.getByRole("textbox", { name: "Message boat-shed" }).fill("Does this get through?\nA second line.");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Try again" }).waitFor();
  } },
];

for (const { name, world, size = [1280, 800] as [number, number], themes = ["light"] as readonly Theme[], go } of SHOTS) {
  for (const theme of themes) {
    test(`${name}, ${theme}`, async () => {
      const engine = await startFakeEngine(structuredClone(world));
      const context = await browser.newContext({ viewport: { width: size[0], height: size[1] }, colorScheme: theme, locale: "en-GB" });
      const page = await context.newPage();
      const wrong: string[] = [];
      page.on("console", (line) => line.type() === "error" && !line.text().includes("WebSocket connection") && wrong.push(line.text()));
      page.on("pageerror", (error) => wrong.push(String(error)));
      try {
        await page.goto(engine.address);
        await page.locator("#root > *").first().waitFor();
        await page.locator("nav, form").first().waitFor();
        await go?.(page, engine);
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: `${FOLDER}/${name}-${theme}.png` });
        expect(wrong).toEqual([]);
      } finally {
        await context.close();
        await engine.close();
      }
    });
  }
}
