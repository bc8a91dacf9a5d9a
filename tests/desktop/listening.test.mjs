// A file that one plays to another in a call, in two real windows: the system's own dialog, and the controls of both.
//
// The steps are one story and build on each other. With MOMOLAND_SHOTS=DIR the pictures of it are left there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { until } from "./processes.mjs";
import { Stage } from "./stage.mjs";

const ROOM = "boat-shed";
const DIALOG = "Play a file together";
const LENGTH_S = 60;

describe("listening together", { timeout: 600_000 }, () => {
  let stage, ada, grace, callId;
  let failed = true;

  before(async () => {
    // Real microphones would howl, and there are none.
    process.env.MOMOLAND_MEDIA = "synthetic";
    stage = await Stage.open();
    const server = await stage.startServer();
    ada = await stage.openWindow("ada", 0);
    await ada.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    await ada.createRoom(ROOM);
    const { invite } = await ada.call("rooms.invite", { roomId: (await ada.call("rooms.list")).rooms[0].roomId });
    grace = await stage.openWindow("grace", 1);
    await grace.register({ server: server.address, handle: "grace", password: "boat-shed grace", displayName: "Grace Lindqvist" });
    await grace.join(invite, ROOM);
    await ada.path("direct");
    await ada.press("button", "Call");
    await grace.press("button", "Answer");
    await grace.find("button", "Leave the call");
    callId = await until("both are in the call", async () => {
      const [call] = (await ada.call("calls.list")).calls;
      return call?.part === "in" && call.participants.length === 1 ? call.callId : null;
    });
  });

  after(async () => {
    delete process.env.MOMOLAND_MEDIA;
    const dir = await stage?.close({ keepLogs: failed });
    if (failed) console.error(`The logs of every process are in ${dir}/logs.`);
  });

  it("asks in the system's own dialog, and who chooses nothing plays nothing", async () => {
    await ada.press("button", "Play a file together");
    const dialog = await until("the dialog is there", dialogId);
    shot("listening-dialog");
    wmctrl("-i", "-c", dialog);
    await until("the dialog is gone", () => dialogId() === null);
    // The window goes on, and asks again; a press while the first choice is still under way does nothing.
    wmctrl("-i", "-c", await until("the dialog is there again", async () => dialogId() ?? (await ada.press("button", DIALOG), null)));
    await until("the dialog is gone again", () => dialogId() === null);
    assert.equal((await ada.call("calls.list")).calls[0].listening, undefined);
  });

  it("shows both what is played and by whom, and either pauses it", async () => {
    const file = path.join(stage.dir, "Low water.wav");
    writeFileSync(file, tone(LENGTH_S));
    await ada.call("calls.play", { callId, path: file });
    await ada.find("status", "Played by you");
    await grace.find("status", "Played by Ada Okafor");
    shot("listening");
    await grace.press("button", "Pause");
    await ada.find("status", "Paused. Played by you");
    await ada.press("button", "Play");
    await grace.find("status", "Played by Ada Okafor");
  });

  it("goes to the same moment for both by the keys of either", async () => {
    await grace.driver.executeScript("document.querySelector('[role=slider]').focus()");
    await grace.driver.actions().sendKeys("\uE010").perform();
    await ada.find("status", "At its end. Played by you");
    await grace.press("button", "Play from the beginning");
    await ada.find("status", "Played by you");
    const [left, right] = await Promise.all([ada, grace].map((person) => person.driver.executeScript("return Number(document.querySelector('[role=slider]').getAttribute('aria-valuenow'))")));
    assert.ok(Math.abs(left - right) <= 1 && left < LENGTH_S / 2, `${left} s and ${right} s`);
    await grace.press("button", "End it for everybody");
    await ada.find("status", "Grace Lindqvist ended “Low water”.");
    await until("it is gone at who ended it", async () => await grace.driver.executeScript("return document.querySelector('[role=slider]') === null"));
    failed = false;
  });

  function dialogId() {
    return wmctrl("-l").split("\n").find((line) => line.endsWith(DIALOG))?.split(" ")[0] ?? null;
  }

  /** Asks the window manager, as a person does with the mouse. */
  function wmctrl(...args) {
    return execFileSync("wmctrl", args, { env: { ...process.env, DISPLAY: stage.display }, encoding: "utf8" });
  }

  function shot(name) {
    if (process.env.MOMOLAND_SHOTS) stage.photograph(path.join(process.env.MOMOLAND_SHOTS, `${name}.png`));
  }
});

/** So many seconds of a quiet tone, as a WAV file. */
function tone(seconds) {
  const rate = 8_000;
  const samples = Buffer.alloc(2 * rate * seconds);
  for (let at = 0; at < rate * seconds; at += 1) samples.writeInt16LE(Math.round(3_000 * Math.sin((2 * Math.PI * 440 * at) / rate)), 2 * at);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(2 * rate, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}
