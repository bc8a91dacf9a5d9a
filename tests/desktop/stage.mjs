// The stage for tests with real windows: a virtual screen, the real server, and desktop windows driven by WebDriver.
//
// Debian's WebKitWebDriver starts the application itself, one driver a window; two environment variables, which the
// application inherits, make Tauri offer its page for automation.
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Builder, Capabilities } from "selenium-webdriver";
import { Person } from "./person.mjs";
import { freePort, processesNaming, program, Started, until } from "./processes.mjs";

const DRIVER = "WebKitWebDriver";
/** Logical pixels: three panes. Two of these stand side by side on the screen, with their frames. */
export const WINDOW = { width: 1120, height: 720 };
const SCREEN = { width: 2 * WINDOW.width + 30, height: WINDOW.height + 50 };

/** Everything that a test started, so that all of it is gone afterwards, also when it failed half-way. */
export class Stage {
  #started = [];
  #windows = [];
  /** Name of the virtual screen, for what is started without `start`. */
  display = null;
  /** Address of the desktop's bus. */
  bus = null;

  static async open() {
    const stage = new Stage();
    try {
      await stage.#openScreen();
      await stage.#openBus();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  constructor() {
    this.dir = mkdtempSync(path.join(tmpdir(), "momoland-desktop-"));
    this.logDir = path.join(this.dir, "logs");
  }

  start(name, file, args, options = {}) {
    const env = { ...this.environment(), ...options.env };
    const started = new Started(name, file, args, { ...options, env, logDir: this.logDir });
    this.#started.push(started);
    return started;
  }

  /** What a program needs to know to find the screen and the desktop's services. */
  environment() {
    return { ...(this.display === null ? {} : { DISPLAY: this.display }), ...(this.bus === null ? {} : { DBUS_SESSION_BUS_ADDRESS: this.bus, HOME: path.join(this.dir, "home") }) };
  }

  /** One of our own: a program that finds none starts one, which stays behind with all that it started. */
  async #openBus() {
    mkdirSync(path.join(this.dir, "home"), { recursive: true });
    const socket = path.join(this.dir, "bus");
    this.bus = `unix:path=${socket}`;
    const daemon = this.start("bus", "dbus-daemon", ["--session", "--nofork", `--address=${this.bus}`]);
    await until("the start of the bus", () => (!daemon.running ? fail(daemon) : existsSync(socket)));
  }

  /** A desktop around the windows: a panel with a tray, and notifications. */
  async openDesktop() {
    this.start("panel", "xfce4-panel", ["--disable-wm-check"]);
    this.start("notifications", "dunst", []);
    for (const name of ["org.kde.StatusNotifierWatcher", "org.freedesktop.Notifications"]) {
      execFileSync("gdbus", ["wait", "--session", "--timeout", "20", name], { env: { ...process.env, ...this.environment() } });
    }
  }

  async #openScreen() {
    // Xvfb takes the first free display number and writes it to the file that we pass as descriptor 3.
    const file = path.join(this.dir, "display");
    const descriptor = openSync(file, "w");
    const size = `${SCREEN.width}x${SCREEN.height}x24`;
    const xvfb = this.start("xvfb", "Xvfb", ["-displayfd", "3", "-screen", "0", size, "-nolisten", "tcp"], { extra: [descriptor] });
    closeSync(descriptor);
    await until("the start of Xvfb", () => (!xvfb.running ? fail(xvfb) : readFileSync(file, "utf8").endsWith("\n")));
    this.display = `:${readFileSync(file, "utf8").trim()}`;
    // Without a window manager no window gets the focus.
    this.start("openbox", "openbox", ["--sm-disable"]);
  }

  /** The real server, on a port and a data folder that a later start takes again. */
  async startServer(place) {
    const port = place?.port ?? (await freePort());
    const dataDir = place?.dataDir ?? path.join(this.dir, "server");
    const server = this.start("server", program("momoland-server"), [], {
      env: { MOMOLAND_LISTEN: `127.0.0.1:${port}`, MOMOLAND_DATA: dataDir },
    });
    await until("the server's readiness", async () => (!server.running ? fail(server) : (await fetch(`http://127.0.0.1:${port}/readyz`)).ok));
    return { process: server, port, dataDir, address: `127.0.0.1:${port}` };
  }

  /** A desktop window of its own; `column` 0 or 1 says where it stands, none that it stands as it was left. */
  async openWindow(name, column, args = []) {
    const dataDir = path.join(this.dir, name);
    const port = await freePort();
    const driverProcess = this.start(`driver-${name}`, DRIVER, [`--port=${port}`], {
      env: { TAURI_AUTOMATION: "true", TAURI_WEBVIEW_AUTOMATION: "true", MOMOLAND_LOG: process.env.MOMOLAND_LOG ?? "info" },
    });
    await until("the start of WebKitWebDriver", async () => (!driverProcess.running ? fail(driverProcess) : (await fetch(`http://127.0.0.1:${port}/status`)).ok));
    const place = column === null ? [] : ["--geometry", `${WINDOW.width}x${WINDOW.height}+${10 + column * (WINDOW.width + 10)}+10`];
    const capabilities = new Capabilities();
    capabilities.setBrowserName("wry");
    capabilities.set("webkitgtk:browserOptions", { binary: program("momoland"), args: ["--data", dataDir, ...place, ...args] });
    const driver = await new Builder().usingServer(`http://127.0.0.1:${port}/`).withCapabilities(capabilities).build();
    await driver.manage().setTimeouts({ script: 20_000, pageLoad: 30_000 });
    const window = new Window(name, dataDir, driver, driverProcess);
    this.#windows.push(window);
    return window;
  }

  /** The whole screen, frames and all. */
  photograph(file) {
    mkdirSync(path.dirname(file), { recursive: true });
    execFileSync("import", ["-display", this.display, "-window", "root", file], { timeout: 20_000 });
  }

  /** Ends everything, last first. With `keepLogs` the folder stays, and its name is given. */
  async close({ keepLogs = false } = {}) {
    for (const window of this.#windows) await window.close();
    for (const started of this.#started.reverse()) await started.stop();
    if (!keepLogs) rmSync(this.dir, { recursive: true, force: true });
    return this.dir;
  }
}

/** One person's desktop window. */
export class Window extends Person {
  #driverProcess;
  #open = true;

  constructor(name, dataDir, driver, driverProcess) {
    super(name, driver);
    this.dataDir = dataDir;
    this.#driverProcess = driverProcess;
  }

  /** The process id of the application, which the driver started. */
  applicationPid() {
    const pids = readdirSync("/proc").filter((entry) => /^\d+$/u.test(entry)).map(Number);
    const found = processesNaming(this.dataDir, pids);
    if (found.length !== 1) throw new Error(`${found.length} processes have ${this.dataDir} on their command line`);
    return found[0];
  }

  async photograph(file) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, Buffer.from(await this.driver.takeScreenshot(), "base64"));
  }

  async close() {
    if (!this.#open) return;
    this.#open = false;
    // The application may be gone already, by the test's own doing; the driver then has no session to end.
    await this.driver.quit().catch(() => undefined);
    await this.#driverProcess.stop();
  }
}

function fail(started) {
  throw new Error(`${started.name} ended: ${started.output().trim().split("\n").slice(-3).join(" / ")}`);
}
