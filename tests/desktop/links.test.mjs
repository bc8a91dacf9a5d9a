// Links to places in Momoland, opened as a desktop opens them: by starting the program with the link. And a window that
// is found again as it was left.
//
// The steps are one story and build on each other. With MOMOLAND_SHOTS=DIR the pictures of it are left there.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { program, signal, until } from "./processes.mjs";
import { Stage } from "./stage.mjs";

const ROOM = "boat-shed";
const OTHER_ROOM = "harbour";
const SAID = "Low water is at 10:40.";
/** What a link opened has to be seen to do within this. */
const SECOND_MS_MAX = 2_000;

describe("links and the window's place", { timeout: 600_000 }, () => {
  let stage, server, ada, grace, room, other, message, invite;
  let failed = true;

  before(async () => {
    stage = await Stage.open();
    server = await stage.startServer();
    ada = await stage.openWindow("ada", 0);
    await ada.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    await ada.createRoom(ROOM);
    await ada.say(ROOM, SAID);
    await ada.sees(SAID);
    room = (await ada.call("rooms.list")).rooms.find(({ name }) => name === ROOM).roomId;
    message = (await ada.call("messages.list", { roomId: room, limit: 1 })).messages[0].messageId;
    invite = (await ada.call("rooms.invite", { roomId: room })).invite;
  });

  after(async () => {
    const dir = await stage?.close({ keepLogs: failed });
    if (failed) console.error(`The logs of every process are in ${dir}/logs.`);
  });

  it("keeps an invite that was opened before anybody signed in, and then asks", async () => {
    grace = await stage.openWindow("grace", 1, [invite]);
    await grace.register({ server: server.address, handle: "grace", password: "boat-shed grace", displayName: "Grace Lindqvist" });
    assert.equal(await grace.valueOf("Invite"), invite);
    await shot(grace, "invite-after-sign-in");
    await grace.press("submit", "Join room");
    await grace.find("heading", ROOM);
    await grace.sees(SAID);
  });

  it("opens a link in the window that is there, and brings it forward", async () => {
    await grace.createRoom(OTHER_ROOM);
    other = (await grace.call("rooms.list")).rooms.find(({ name }) => name === OTHER_ROOM).roomId;
    await second("ada");
    await ada.focused();
    const { status, stderr } = await second("grace", `momoland://room/${room}/${message}`);
    assert.equal(status, 1);
    assert.match(stderr, /already running on .+\. Its window was brought to the front\./u);
    await grace.find("heading", ROOM);
    await grace.sees(SAID);
    await grace.focused();
    await shot(grace, "message-of-a-link");
  });

  it("takes two links that are opened at once", async () => {
    const links = [`momoland://room/${other}`, `momoland://room/${room}`];
    const ended = await Promise.all(links.map((link) => second("grace", link)));
    assert.deepEqual(ended.map(({ status }) => status), [1, 1]);
    await second("grace", links[0]);
    await grace.find("heading", OTHER_ROOM);
  });

  it("says so where a link leads nowhere, and refuses what is none", async () => {
    for (const hostile of ["javascript:alert(1)", "https://example.org/", `momoland://room/${"a".repeat(100_000)}`, "momoland://room/a?b=<script>"]) {
      const { status, stderr } = await second("grace", hostile);
      assert.equal(status, 2, hostile.slice(0, 40));
      assert.match(stderr, /not a link to a place in Momoland/u);
    }
    await grace.find("heading", OTHER_ROOM);
  });

  it("is started by the desktop's own way of opening a link", async () => {
    const home = path.join(stage.dir, "home");
    const applications = path.join(home, "applications");
    mkdirSync(applications, { recursive: true });
    const template = readFileSync(new URL("../../src-tauri/linux/momoland.desktop", import.meta.url), "utf8");
    const entry = { name: "Momoland", exec: `${program("momoland")} --data ${grace.dataDir}`, icon: "momoland" };
    writeFileSync(path.join(applications, "momoland.desktop"), template.replaceAll(/\{\{(\w+)\}\}/gu, (_, key) => entry[key]));
    writeFileSync(path.join(applications, "mimeinfo.cache"), "[MIME Cache]\nx-scheme-handler/momoland=momoland.desktop;\n");
    const env = { ...process.env, DISPLAY: stage.display, XDG_DATA_HOME: home, XDG_CONFIG_HOME: path.join(stage.dir, "config") };
    execFileSync("gio", ["open", `momoland://room/${room}/${message}`], { env, timeout: 10_000 });
    await grace.find("heading", ROOM);
    await grace.sees(SAID);
  });

  it("opens a link with which the program is started", async () => {
    await end(grace);
    grace = await stage.openWindow("grace", 1, [`momoland://room/${other}`]);
    await grace.find("heading", OTHER_ROOM);
  });

  it("finds the window as it was left, also where it filled the screen", async () => {
    const left = await measure(grace);
    await end(grace);
    grace = await stage.openWindow("grace", null);
    await grace.connection("connected");
    assert.deepEqual(await measure(grace), left);

    wmctrl("-b", "add,maximized_vert,maximized_horz");
    const filled = await until("the window fills the screen", async () => {
      const now = await measure(grace);
      return now.width > left.width && now.height >= left.height ? now : null;
    });
    await end(grace);
    grace = await stage.openWindow("grace", null);
    await until("it fills the screen again", async () => (await measure(grace)).width === filled.width);
    wmctrl("-b", "remove,maximized_vert,maximized_horz");
    await until("it goes back to its size", async () => (await measure(grace)).width === left.width);
    failed = false;
  });

  /** A second start; gives how it ended. */
  async function second(name, ...args) {
    const began = Date.now();
    const started = spawn(program("momoland"), ["--data", path.join(stage.dir, name), ...args], {
      env: { ...process.env, DISPLAY: stage.display },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 10_000,
    });
    let stderr = "";
    started.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    const status = await new Promise((resolve) => started.once("close", resolve));
    assert.ok(Date.now() - began < SECOND_MS_MAX, `a second start took ${Date.now() - began} ms`);
    return { status, stderr };
  }

  async function end(person) {
    const application = person.applicationPid();
    signal(application, "SIGTERM");
    await until("the window's process is gone", () => !isRunning(application));
    await person.close();
  }

  async function measure(person) {
    return await person.driver.executeScript("return { width: innerWidth, height: innerHeight, x: screenX, y: screenY }");
  }

  /** Asks the window manager, as a person does with the mouse. */
  function wmctrl(...args) {
    const env = { ...process.env, DISPLAY: stage.display };
    const windows = execFileSync("wmctrl", ["-l", "-p"], { env, encoding: "utf8" }).split("\n");
    const id = windows.find((line) => line.includes(` ${grace.applicationPid()} `))?.split(" ")[0];
    execFileSync("wmctrl", ["-i", "-r", id, ...args], { env });
  }

  async function shot(person, name) {
    if (!process.env.MOMOLAND_SHOTS) return;
    await person.settled();
    await person.photograph(path.join(process.env.MOMOLAND_SHOTS, `${name}.png`));
  }
});

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
