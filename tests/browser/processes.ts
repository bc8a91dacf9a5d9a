// Real `momoland-server` and `momo ui` processes over temporary folders, started, stopped and killed by id.
//
// `MOMOLAND_BIN_DIR` names the folder of the programs; `./dev test` builds them first.
import { spawn, type ChildProcess } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const READY_WITHIN_MS = 30_000;
const END_WITHIN_MS = 12_000;
const LOOK_PAUSE_MS = 25;

/** Below the ports that systems give to outgoing connections, so that nobody takes ours while its server is stopped. */
const PORT_FIRST = 12_000;
const PORT_COUNT = 20_000;

/** A folder with everything that one test's processes write. */
export class Ground {
  readonly folder: string;
  readonly #running: Running[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Ground> {
    return new Ground(await mkdtemp(join(tmpdir(), "momoland-browser-")));
  }

  async server(): Promise<Server> {
    const server = new Server(this, await freePort());
    await server.start();
    return server;
  }

  /** Starts `momo ui` for somebody, and gives the address that it prints. */
  async window(name: string): Promise<{ address: string; process: Running }> {
    const process = this.run(name, "momo", ["ui", "--data", join(this.folder, name), "--listen", "127.0.0.1:0"], {});
    const address = await until(`momo ui of ${name} prints its address`, READY_WITHIN_MS, () => {
      process.check();
      const end = process.output.indexOf("\n");
      return end === -1 ? undefined : process.output.slice(0, end);
    });
    return { address, process };
  }

  run(name: string, program: string, args: string[], env: Record<string, string>): Running {
    const running = new Running(name, binary(program), args, env, join(this.folder, `${name}.log`));
    this.#running.push(running);
    return running;
  }

  /** Kills what is left, and removes the folder unless the test failed. */
  async leave(failed: boolean): Promise<void> {
    await Promise.all(this.#running.map((running) => running.kill()));
    if (failed) {
      for (const { log } of this.#running) console.log(`--- the end of ${log}:\n${(await readFile(log, "utf8")).slice(-3_000)}`);
    } else {
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

/** A server over one folder and one port, which outlive its process. */
export class Server {
  readonly #ground: Ground;
  readonly port: number;
  #process: Running | undefined;

  constructor(ground: Ground, port: number) {
    this.#ground = ground;
    this.port = port;
  }

  /** As a person types it. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const env = { MOMOLAND_LISTEN: this.address, MOMOLAND_DATA: join(this.#ground.folder, "server") };
    const process = this.#ground.run("server", "momoland-server", [], env);
    this.#process = process;
    await until("the server answers /readyz", READY_WITHIN_MS, async () => {
      process.check();
      const answer = await fetch(`http://${this.address}/readyz`).catch(() => undefined);
      return answer?.ok === true ? true : undefined;
    });
  }

  async stop(): Promise<void> {
    await this.#process?.terminate();
    this.#process = undefined;
  }
}

/** One process. */
export class Running {
  readonly name: string;
  readonly log: string;
  output = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  constructor(name: string, program: string, args: string[], env: Record<string, string>, log: string) {
    this.name = name;
    this.log = log;
    this.#child = spawn(program, args, { env: { ...process.env, MOMOLAND_LOG: "info", ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    this.#child.stderr?.pipe(createWriteStream(log, { flags: "a" }));
    this.#ended = new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }

  /** Throws where it has ended. */
  check(): void {
    const { exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) throw new Error(`${this.name} has ended (${exitCode ?? signalCode}); its log is ${this.log}`);
  }

  async terminate(): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = new AbortController();
    await Promise.race([
      this.#ended,
      pause(END_WITHIN_MS, undefined, { signal: late.signal }).then(
        () => Promise.reject(new Error(`${this.name} did not end within ${END_WITHIN_MS} ms`)),
        () => undefined,
      ),
    ]);
    late.abort();
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

function binary(name: string): string {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const target = process.env["CARGO_TARGET_DIR"] ?? join(cache, "momoland", "target");
  const path = join(process.env["MOMOLAND_BIN_DIR"] ?? join(target, "debug"), name);
  if (!existsSync(path)) throw new Error(`${path} is not there. Build it first: cargo build -p momo -p signaling-server, or run ./dev test.`);
  return path;
}

async function freePort(): Promise<number> {
  for (let n = 0; n < PORT_COUNT; n += 1) {
    const port = PORT_FIRST + ((process.pid * 611 + Math.floor(Math.random() * PORT_COUNT) + n) % PORT_COUNT);
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
        .once("error", () => resolve(false))
        .once("listening", () => probe.close(() => resolve(true)))
        .listen(port, "127.0.0.1");
    });
    if (free) return port;
  }
  throw new Error("no port is free");
}

/** Looks until `look` gives something. */
export async function until<T>(what: string, withinMs: number, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`within ${withinMs} ms this did not come about: ${what}`);
    await pause(LOOK_PAUSE_MS);
  }
}
