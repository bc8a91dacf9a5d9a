// `momo rpc` as an object: one JSON-RPC request a line out, answers and events in.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { program } from "./processes.mjs";

const ANSWER_MS_MAX = 30_000;

export class Momo {
  #child;
  #ended;
  #nextId = 1;
  #answers = new Map();
  #listeners = new Set();

  constructor(dataDir) {
    this.#child = spawn(program("momo"), ["rpc", "--data", dataDir], { stdio: ["pipe", "pipe", "inherit"] });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.once("error", () => undefined);
    // A write to a process that has just ended; the pending calls learn of its end below.
    this.#child.stdin.on("error", () => undefined);
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#hear(JSON.parse(line)));
    void this.#ended.then((status) => {
      for (const { reject } of this.#answers.values()) reject(new Error(`momo rpc ended with status ${status}`));
      this.#answers.clear();
    });
  }

  async call(method, params = {}) {
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
    this.#child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
    return await bounded(answer, `an answer to ${method}`);
  }

  /** The next event for which `wanted` is true. */
  async event(wanted) {
    let listener;
    const heard = new Promise((resolve) => {
      listener = (event) => wanted(event) && resolve(event);
      this.#listeners.add(listener);
    });
    try {
      return await bounded(heard, "an event");
    } finally {
      this.#listeners.delete(listener);
    }
  }

  /** Ends it in order: it releases the data folder once its input is closed. */
  async close() {
    this.#child.stdin.end();
    const patience = setTimeout(() => this.#child.kill("SIGKILL"), ANSWER_MS_MAX);
    await this.#ended;
    clearTimeout(patience);
  }

  #hear(message) {
    if (message.method === "event") {
      for (const listener of this.#listeners) listener(message.params);
      return;
    }
    const waiting = this.#answers.get(message.id);
    this.#answers.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(message.error.message));
  }
}

async function bounded(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ANSWER_MS_MAX / 1_000} s: ${what}`)), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
