// A window that is closed to the tray of a real panel, and notifications of a real service: what is told, what is not,
// and where a click leads.
//
// The steps are one story and build on each other. With MOMOLAND_SHOTS=DIR the pictures of it are left there.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { program, until } from "./processes.mjs";
import { Stage } from "./stage.mjs";

const ROOM = "boat-shed";

describe("tray and notifications", { timeout: 600_000 }, () => {
  let stage, ada, grace, application;
  let failed = true;

  before(async () => {
    stage = await Stage.open();
    await stage.openDesktop();
    const server = await stage.startServer();
    ada = await stage.openWindow("ada", 0);
    await ada.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    await ada.createRoom(ROOM);
    const { invite } = await ada.call("rooms.invite", { roomId: (await ada.call("rooms.list")).rooms[0].roomId });
    grace = await stage.openWindow("grace", 1);
    await grace.register({ server: server.address, handle: "grace", password: "boat-shed grace", displayName: "Grace Lindqvist" });
    await grace.join(invite, ROOM);
    application = ada.applicationPid();
  });

  after(async () => {
    const dir = await stage?.close({ keepLogs: failed });
    if (failed) console.error(`The logs of every process are in ${dir}/logs.`);
  });

  it("stays in the tray when its window is closed, and says so the first time", async () => {
    await until("the icon is in the tray", () => menuLabels().includes("Quit"));
    closeWindow();
    await until("the window is gone", () => windowOf(application) === null);
    await until("it says so", () => shown() === 1);
    shot("tray-first-close");
    run("dunstctl", "close-all");
    await until("nothing is shown", () => shown() === 0);
  });

  it("tells of a message with a number on the tray and a notification, and a click on it leads there", async () => {
    await grace.say(ROOM, "Low water is at <b>10:40</b> & the slip is free.");
    await until("the notification is there", () => shown() === 1);
    await until("the tray has the number", () => menuLabels().some((label) => label === "Open Momoland, 1 unread"));
    shot("tray-notification");
    run("dunstctl", "action");
    await until("the window is there again", () => windowOf(application) !== null);
    await ada.focused();
    await ada.sees("Low water is at <b>10:40</b> & the slip is free.");
    await until("the number is gone", () => menuLabels().includes("Open Momoland"));
    await until("the notification is gone", () => shown() === 0);
  });

  it("says nothing of what is in a window that has the focus", async () => {
    const { roomId } = (await grace.call("rooms.list")).rooms[0];
    await grace.call("messages.send", { roomId, text: "You see this already." });
    await ada.sees("You see this already.");
    await grace.sees("You see this already.", ["read"]);
    assert.equal(shown(), 0);
  });

  it("counts and is silent while its person does not want to be disturbed", async () => {
    closeWindow();
    await until("the window is gone", () => windowOf(application) === null);
    choose("Do not disturb");
    await until("others see it", async () => (await grace.call("presence.list")).users.some(({ handle, status }) => handle === "ada" && status === "dnd"));
    await grace.say(ROOM, "Not urgent.");
    await until("the tray has the number", () => menuLabels().some((label) => label === "Open Momoland, 1 unread"));
    assert.equal(shown(), 0, "and it was not told a second time that the program keeps running");
  });

  it("comes back from the tray by a second start, and by its menu", async () => {
    const { stderr } = spawnSync(program("momoland"), ["--data", ada.dataDir], { env: { ...process.env, ...stage.environment() }, encoding: "utf8", timeout: 10_000 });
    assert.match(stderr, /already running/u);
    await until("the window is there again", () => windowOf(application) !== null);
    closeWindow();
    await until("the window is gone", () => windowOf(application) === null);
    choose("Open Momoland");
    await until("the window is there again", () => windowOf(application) !== null);
  });

  it("ends when it is told to", async () => {
    choose("Quit");
    await until("the process is gone", () => !isRunning(application));
    failed = false;
  });

  function run(file, ...args) {
    return execFileSync(file, args, { env: { ...process.env, ...stage.environment() }, encoding: "utf8", timeout: 10_000 });
  }

  /** How many notifications are on the screen. */
  function shown() {
    return Number(run("dunstctl", "count", "displayed").trim());
  }

  function windowOf(pid) {
    const line = run("wmctrl", "-l", "-p").split("\n").find((each) => each.includes(` ${pid} `));
    return line?.split(" ")[0] ?? null;
  }

  function closeWindow() {
    run("wmctrl", "-i", "-c", windowOf(application));
  }

  /** The tray's menu of ada's program, as a panel reads it: name on the bus, path, and `[number, label]` of each entry. */
  function menu() {
    const items = run("gdbus", "call", "--session", "--dest", "org.kde.StatusNotifierWatcher", "--object-path", "/StatusNotifierWatcher", "--method", "org.freedesktop.DBus.Properties.Get", "org.kde.StatusNotifierWatcher", "RegisteredStatusNotifierItems");
    for (const [, owner, object] of items.matchAll(/'([^'/@]+)@?(\/[^']+)'/gu)) {
      const pid = run("gdbus", "call", "--session", "--dest", "org.freedesktop.DBus", "--object-path", "/", "--method", "org.freedesktop.DBus.GetConnectionUnixProcessID", owner);
      if (!pid.includes(` ${application},`)) continue;
      const [, at] = /objectpath '([^']+)'/u.exec(run("gdbus", "call", "--session", "--dest", owner, "--object-path", object, "--method", "org.freedesktop.DBus.Properties.Get", "org.kde.StatusNotifierItem", "Menu"));
      const layout = run("gdbus", "call", "--session", "--dest", owner, "--object-path", at, "--method", "com.canonical.dbusmenu.GetLayout", "0", "--", "-1", "[]");
      const entries = [...layout.matchAll(/\((\d+), \{[^}]*'label': <'([^']*)'>/gu)].map(([, number, label]) => [Number(number), label]);
      return { owner, at, entries };
    }
    throw new Error(`the tray has no icon of process ${application}: ${items}`);
  }

  function menuLabels() {
    return menu().entries.map(([, label]) => label);
  }

  function choose(label) {
    const { owner, at, entries } = menu();
    const entry = entries.find(([, each]) => each.startsWith(label));
    assert.ok(entry, `${label} is in the menu`);
    run("gdbus", "call", "--session", "--dest", owner, "--object-path", at, "--method", "com.canonical.dbusmenu.Event", String(entry[0]), "clicked", "<0>", "0");
  }

  function shot(name) {
    if (process.env.MOMOLAND_SHOTS) stage.photograph(path.join(process.env.MOMOLAND_SHOTS, `${name}.png`));
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
