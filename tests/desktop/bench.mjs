// What a window costs: start-up to first paint, and the memory of a window and of the server while nothing happens.
//
// Prints one JSON line a figure; called by `./dev bench desktop`. Medians of RUNS fresh starts of the built programs.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { median } from "./median.mjs";
import { program, until } from "./processes.mjs";
import { report } from "./report.mjs";
import { Stage, WINDOW } from "./stage.mjs";
import { family, megabytes, stat } from "./usage.mjs";

const RUNS = 3;
/** What its person has open: as many rooms, each with a page of messages. */
const ROOMS = 10;
const MESSAGES = 50;
/** The application, its page and what fetches for that. */
const PROCESSES_MIN = 3;
/** Linux counts a process's start in these. */
const TICK_MS = 10;
/** What a page's start left is looked through when it has been idle for a while: it is idle after that. */
const SETTLED_MS = 30_000;
/** Its caret goes on blinking meanwhile, which paints. */
const IDLE_MS = 20_000;

const FIRST_PAINT = `
  const [paint] = performance.getEntriesByName("first-contentful-paint");
  return paint === undefined ? null : performance.timeOrigin + paint.startTime;
`;

const startups = [];
const windows = [];
const servers = [];
const cores = [];
for (let run = 0; run < RUNS; run += 1) {
  const stage = await Stage.open();
  try {
    const server = await stage.startServer();
    const window = await stage.openWindow("ada", 0);
    const paintedAt = await until("the first paint", async () => await window.driver.executeScript(FIRST_PAINT));
    startups.push(paintedAt - startedAt(window.applicationPid()));
    await window.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    for (const number of Array(ROOMS).keys()) await fillRoom(window, `room ${number}`);
    await window.close();
    // As its person starts it: a page that is driven by automation takes some 40 MB more.
    const application = stage.start("application", program("momoland"), ["--data", window.dataDir, "--geometry", `${WINDOW.width}x${WINDOW.height}+10+10`]);
    const pids = () => family(application.pid);
    await until("its page is there", () => pids().length >= PROCESSES_MIN);
    await sleep(SETTLED_MS);
    windows.push(megabytes(pids()));
    cores.push(await share(pids()));
    servers.push(megabytes([server.process.pid]));
  } finally {
    await stage.close();
  }
}
report("desktop.start_to_first_paint", median(startups), "ms");
report("desktop.window_idle_pss", median(windows), "MB", { atMost: 250 });
report("desktop.window_idle_core", median(cores) * 100, "% of a core");
report("desktop.server_idle_pss", median(servers), "MB");

async function fillRoom(window, name) {
  const { roomId } = await window.call("rooms.create", { name, kind: "chat", visibility: "private" });
  for (const number of Array(MESSAGES).keys()) await window.call("messages.send", { roomId, text: `The tide tables of week ${number} are in the ${name}.` });
}

/** Unix milliseconds at which the process began. */
function startedAt(pid) {
  const bootS = Number(/^btime (\d+)$/mu.exec(readFileSync("/proc/stat", "utf8"))[1]);
  // btime has whole seconds only; the clock of uptime gives the rest.
  const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
  const boot = Math.abs(Date.now() - uptimeMs - bootS * 1_000) < 2_000 ? Date.now() - uptimeMs : bootS * 1_000;
  return boot + Number(stat(pid)[19]) * TICK_MS;
}

function processorTicks(pids) {
  return pids.reduce((sum, pid) => sum + Number(stat(pid)[11]) + Number(stat(pid)[12]), 0);
}

/** The share of one core that these take while nothing happens. */
async function share(pids) {
  const ticks = processorTicks(pids);
  const begun = performance.now();
  await sleep(IDLE_MS);
  return ((processorTicks(pids) - ticks) * TICK_MS) / (performance.now() - begun);
}
