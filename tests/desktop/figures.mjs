// What measurements of the window share: the real programs in a folder of their own, and a browser.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "../../ui/node_modules/playwright-core/index.mjs";
import { freePort } from "./processes.mjs";

const BIN = process.env.MOMOLAND_BIN_DIR;
if (BIN === undefined) throw new Error("MOMOLAND_BIN_DIR says where momo and momoland-server are");

const folder = mkdtempSync(join(tmpdir(), "momoland-figures-"));
const children = [];

/** With a server that is ready, at this port; whatever was started is stopped in the end, and what it wrote goes. */
export async function withServer(measure) {
  try {
    const port = await freePort();
    start("momoland-server", [], { MOMOLAND_LISTEN: `127.0.0.1:${port}`, MOMOLAND_DATA: join(folder, "server") });
    await until("the server is ready", async () => (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.ok === true);
    await measure(port);
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

export function openBrowser() {
  return chromium.launch({ executablePath: process.env.MOMOLAND_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run"] });
}

/** A page of `momo ui` over an account's folder, which had a room open last. */
export async function openWindow(browser, name, last) {
  const child = start("momo", ["ui", "--data", join(folder, name), "--listen", "127.0.0.1:0"], {}, "pipe");
  const [address] = await once(child.stdout);
  const page = await browser.newPage();
  await page.addInitScript(([userId, roomId]) => localStorage.setItem(`momoland.lastRoom.${userId}`, roomId), [last.userId, last.roomId]);
  await page.goto(address);
  await page.getByRole("textbox", { name: /^Message/u }).waitFor();
  return { page, close: async () => { await page.close(); await end(child); } };
}

/** Nothing came of it now, and nothing is wrong but that. */
function orLater(error) {
  if (error.kind !== "offline") throw error;
}

/** A room of one's own; a server that still takes what was written may answer too late, and have made it all the same. */
export async function makeRoom(engine, title) {
  let roomId;
  await until(`${title} is made`, async () => {
    const listed = (await engine.ask("rooms.list", {})).rooms.find((room) => room.name === title);
    roomId = listed?.roomId ?? (await engine.ask("rooms.create", { name: title, kind: "chat", visibility: "private" }).then((made) => made.roomId, orLater));
    return roomId !== undefined;
  });
  return roomId;
}

/** `momo rpc` over an account's folder. */
export async function openEngine(name) {
  const child = start("momo", ["rpc", "--data", join(folder, name)], {}, "pipe");
  const waiting = new Map();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { id, result, error } = JSON.parse(line);
    const settle = waiting.get(id);
    if (settle === undefined) return;
    waiting.delete(id);
    if (error === undefined) settle.done(result);
    else settle.fail(Object.assign(new Error(error.message), { kind: error.data?.kind }));
  });
  let calls = 0;
  return {
    child,
    ask: (method, params) =>
      new Promise((done, fail) => {
        calls += 1;
        waiting.set(calls, { done, fail });
        child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: calls, method, params })}\n`);
      }),
    close: () => end(child),
  };
}

function start(program, args, environment, output = "ignore") {
  const child = spawn(join(BIN, program), args, { env: { ...process.env, ...environment }, stdio: [output === "pipe" ? "pipe" : "ignore", output, "ignore"] });
  children.push(child);
  return child;
}

async function end(child) {
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}

async function once(stream) {
  for await (const line of createInterface({ input: stream })) return [line];
  throw new Error("it ended before it said anything");
}

async function until(what, holds) {
  for (let tries = 0; tries < 1_200; tries += 1) {
    if (await holds()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`in vain: ${what}`);
}
