// Two people in two real desktop windows: the whole product from the sign-in screen to the data channel.
//
// The steps are one story and build on each other. With MOMOLAND_SHOTS=DIR the pictures of it are left there.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { program, signal, until } from "./processes.mjs";
import { Stage } from "./stage.mjs";

const ROOM = "boat-shed";
const DELIVERED = ["delivered", "read"];
/** A second process on the same data has to be gone within this. */
const REFUSAL_MS_MAX = 2_000;

describe("two desktop windows", { timeout: 600_000 }, () => {
  let stage, server, ada, grace;
  let failed = true;

  before(async () => {
    stage = await Stage.open();
    server = await stage.startServer();
    ada = await stage.openWindow("ada", 0);
    grace = await stage.openWindow("grace", 1);
  });

  after(async () => {
    const dir = await stage?.close({ keepLogs: failed });
    if (failed) console.error(`The logs of every process are in ${dir}/logs.`);
  });

  it("lets two people make their accounts on the sign-in screen", async () => {
    await ada.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    await grace.register({ server: server.address, handle: "grace", password: "boat-shed grace", displayName: "Grace Lindqvist" });
  });

  it("lets one make a room and the other join it with an invite", async () => {
    await ada.createRoom(ROOM);
    await grace.join(await ada.invite(), ROOM);
  });

  it("shows the path direct in both", async () => {
    await ada.path("direct");
    await grace.path("direct");
  });

  it("carries what they say both ways", async () => {
    await converse([
      [ada, "Morning. Low water is at 10:40, so we have about two hours on the slip."],
      [ada, "Can you bring the long straps?"],
      [grace, "Already in the van. And I found the winch manual at last."],
      [ada, "Good. Beam sag measured at 4.2 mm, well inside the limit."],
      [grace, "No signal at the shed today, but our laptops find each other anyway."],
      [ada, "Then keep writing here. Call at noon, from the hill?"],
      [grace, "Straps, winch, tea. In that order. 茶 ☕"],
    ]);
    await photographs();
  });

  it("goes on both ways while the server is stopped, and says so", async () => {
    const { code, signal: killedBy } = await server.process.stop();
    assert.deepEqual({ code, killedBy }, { code: 0, killedBy: null }, "the server shuts down in order");
    await Promise.all([ada.connection("serverAway"), grace.connection("serverAway")]);
    await converse([
      [ada, "The server is away. Do you still read me?"],
      [grace, "As if it had never been there."],
    ]);
  });

  it("has the connection line recover when the server is back", async () => {
    server = await stage.startServer(server);
    await Promise.all([ada.connection("connected"), grace.connection("connected")]);
    await converse([
      [grace, "The server is back."],
      [ada, "And nothing is missing."],
    ]);
  });

  it("goes on receiving in a page that was reloaded", async () => {
    await grace.driver.navigate().refresh();
    await grace.find("heading", ROOM);
    await grace.connection("connected");
    await converse([
      [ada, "Are you still there?"],
      [grace, "I only pressed reload."],
    ]);
  });

  it("refuses a second process on the same data within two seconds, and brings the first one's window forward", async () => {
    for (const person of [grace, ada, grace]) {
      assert.match(refusal("momoland", ["--data", person.dataDir]), /already running on .+\. Its window was brought to the front\./u);
      await person.focused();
    }
    assert.match(refusal("momo", ["rpc", "--data", ada.dataDir]), /in use by another Momoland process\./u);
  });

  it("has everything on its disk after a restart, with the server stopped", async () => {
    const said = (await grace.messages()).map(({ text }) => text);
    await grace.createRoom("Left at once");
    const application = grace.applicationPid();
    signal(application, "SIGTERM");
    await until("the window's process is gone", () => !isRunning(application));
    await grace.close();
    await server.process.stop();

    grace = await stage.openWindow("grace", 1);
    // The room that was open, although the process was told to end a moment later.
    await grace.find("heading", "Left at once");
    await grace.press("button", ROOM);
    await grace.find("heading", ROOM);
    await until("everything that was said is there again", async () => {
      const read = (await grace.messages()).map(({ text }) => text);
      return JSON.stringify(read) === JSON.stringify(said);
    });
    failed = false;
  });

  /** Starts a program that has to end at once, with a status other than 0; gives its sentence. */
  function refusal(name, args) {
    const began = Date.now();
    const second = spawnSync(program(name), args, { env: { ...process.env, DISPLAY: stage.display }, input: "", encoding: "utf8", timeout: 10_000 });
    const tookMs = Date.now() - began;
    assert.ok(second.status !== null && second.status !== 0, `${name} ends with a status other than 0, not ${second.status} (${second.signal})`);
    assert.ok(tookMs < REFUSAL_MS_MAX, `${name} took ${tookMs} ms`);
    return second.stderr;
  }

  /** Each line is said, seen by the other, and seen to be delivered by its author. */
  async function converse(lines) {
    for (const [author, text] of lines) {
      await author.say(ROOM, text);
      await (author === ada ? grace : ada).sees(text);
      await author.sees(text, DELIVERED);
    }
  }

  /** In both themes each window alone, then both on the screen, one light and one dark. */
  async function photographs() {
    const folder = process.env.MOMOLAND_SHOTS;
    if (!folder) return;
    // A window that has the focus has its messages read.
    for (const person of [ada, grace]) {
      refusal("momoland", ["--data", person.dataDir]);
      await person.focused();
    }
    for (const theme of ["Dark", "Light"]) {
      for (const person of [ada, grace]) {
        await pose(person, theme);
        await person.photograph(path.join(folder, `${person.name}-${theme.toLowerCase()}.png`));
      }
    }
    await pose(grace, "Dark");
    stage.photograph(path.join(folder, "two-windows.png"));
    await grace.chooseTheme("Light");
  }
});

/** In this theme, with the pointer off the settings, or the picture has their tooltip in it. */
async function pose(person, theme) {
  await person.chooseTheme(theme);
  await person.press("textbox", `Message ${ROOM}`);
  await person.settled();
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
