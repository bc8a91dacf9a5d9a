// Starts the real programs, waits for what they do, and stops exactly what it started, by process id.
//
// Fed by `stage.mjs`, the tests and `demo.mjs`. Every wait is bounded and names what it waited for; every process is
// the leader of a group of its own, so that what it started in turn ends with it.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir } from "node:os";
import path from "node:path";

const POLL_MS = 50;
/** An orderly end may take this long (the desktop gives its engine five seconds) before SIGKILL follows. */
const STOP_MS_MAX = 8_000;

/** A built program of this project: from MOMOLAND_BIN_DIR, else from where `./dev` has cargo put it. */
export function program(name) {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "momoland", "target");
  const folder = process.env.MOMOLAND_BIN_DIR ?? path.join(target, "debug");
  const file = path.join(folder, name);
  if (!existsSync(file)) throw new Error(`${file} is missing. Build it first: cargo build --workspace --bins`);
  return file;
}

/** Polls `probe` until it gives something other than false, null or undefined; gives that. A probe may throw: not yet. */
export async function until(what, probe, secondsMax = 20) {
  const deadline = Date.now() + secondsMax * 1_000;
  let reason = "";
  for (;;) {
    try {
      const value = await probe();
      if (value !== false && value !== null && value !== undefined) return value;
    } catch (error) {
      reason = `: ${error.message}`;
    }
    if (Date.now() > deadline) throw new Error(`not within ${secondsMax} s: ${what}${reason}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

export async function freePort() {
  return await new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One started program with its output in a file. */
export class Started {
  #child;
  #ended;

  /** `extra` are file descriptors to pass on as 3, 4, …; stdin is a pipe where `input` is true. */
  constructor(name, file, args, { env = {}, logDir, extra = [], input = false }) {
    mkdirSync(logDir, { recursive: true });
    this.name = name;
    this.log = path.join(logDir, `${name}.log`);
    const log = openSync(this.log, "a");
    this.#child = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: [input ? "pipe" : "ignore", log, log, ...extra],
      detached: true,
    });
    closeSync(log);
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve({ code, signal }));
      this.#child.once("error", (error) => resolve({ code: null, signal: null, error }));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** `{code, signal}`, once it has ended. */
  get ended() {
    return this.#ended;
  }

  get running() {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  output() {
    return readFileSync(this.log, "utf8");
  }

  /** SIGTERM to the program, SIGKILL to its group once it has ended or its time is up. Gives `{code, signal}`. */
  async stop() {
    if (this.#child.pid === undefined) return { code: null, signal: null };
    const group = -this.#child.pid;
    const patience = setTimeout(() => signal(group, "SIGKILL"), STOP_MS_MAX);
    if (this.running) signal(this.#child.pid, "SIGTERM");
    const ended = await this.#ended;
    clearTimeout(patience);
    signal(group, "SIGKILL");
    return ended;
  }
}

export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended before us, which is what the signal was for.
    if (error.code !== "ESRCH") throw error;
  }
}

/** Process ids whose command line names `text`, this process excepted. */
export function processesNaming(text, pids) {
  return pids.filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(text);
    } catch {
      return false;
    }
  });
}
