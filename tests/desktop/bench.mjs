// What a window costs: start-up to first paint, and the memory of a window and of the server while nothing happens.
//
// Prints one JSON line a figure; called by `./dev bench desktop`. Medians over RUNS fresh starts of the built programs.
import { readFileSync, readdirSync } from "node:fs";
import { median } from "./median.mjs";
import { until } from "./processes.mjs";
import { Stage } from "./stage.mjs";

const RUNS = 5;
/** Linux counts a process's start in these. */
const TICK_MS = 10;
/** A window is idle once it has taken little of one core for this long. Its caret goes on blinking, which paints. */
const QUIET_MS = 3_000;
const QUIET_SHARE_MAX = 0.15;

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
    const pid = window.applicationPid();
    const paintedAt = await until("the first paint", async () => await window.driver.executeScript(FIRST_PAINT));
    startups.push(paintedAt - startedAt(pid));
    await window.register({ server: server.address, handle: "ada", password: "boat-shed ada", displayName: "Ada Okafor" });
    await window.createRoom("boat-shed");
    cores.push(await idleShare(family(pid)));
    windows.push(memory(family(pid)));
    servers.push(memory([server.process.pid]));
  } finally {
    await stage.close();
  }
}
report("desktop.start_to_first_paint", median(startups), "ms");
report("desktop.window_idle_pss", median(windows), "MB");
report("desktop.window_idle_core", median(cores) * 100, "% of a core");
report("desktop.server_idle_pss", median(servers), "MB");

function report(figure, value, unit) {
  console.log(JSON.stringify({ figure, ours: Math.round(value * 10) / 10, reference: null, ratio: null, unit, target: null, met: null }));
}

/** The fields of /proc/PID/stat after the name, which may hold spaces itself. Field n of proc(5) is at n - 3. */
function stat(pid) {
  return readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /su, "").split(" ");
}

/** Unix milliseconds at which the process began. */
function startedAt(pid) {
  const bootS = Number(/^btime (\d+)$/mu.exec(readFileSync("/proc/stat", "utf8"))[1]);
  // btime has whole seconds only; the clock of uptime gives the rest.
  const uptimeMs = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1_000;
  const boot = Math.abs(Date.now() - uptimeMs - bootS * 1_000) < 2_000 ? Date.now() - uptimeMs : bootS * 1_000;
  return boot + Number(stat(pid)[19]) * TICK_MS;
}

/** A process and everything that descends from it. */
function family(pid) {
  const parents = new Map();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/u.test(entry)) continue;
    try {
      parents.set(Number(entry), Number(stat(entry)[1]));
    } catch {
      // It ended between the listing and the look.
    }
  }
  const members = [pid];
  for (const member of members) for (const [child, parent] of parents) if (parent === member) members.push(child);
  return members;
}

function processorTicks(pids) {
  return pids.reduce((sum, pid) => sum + Number(stat(pid)[11]) + Number(stat(pid)[12]), 0);
}

/** Waits until these are idle, and gives the share of one core that they took while they were. */
async function idleShare(pids) {
  let ticks = processorTicks(pids);
  let since = performance.now();
  return await until("quiet", () => {
    const elapsedMs = performance.now() - since;
    if (elapsedMs < QUIET_MS) return null;
    const share = ((processorTicks(pids) - ticks) * TICK_MS) / elapsedMs;
    ticks = processorTicks(pids);
    since = performance.now();
    return share <= QUIET_SHARE_MAX ? share : null;
  }, 60);
}

/** Proportional set size: what is shared is counted in parts. */
function memory(pids) {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]));
  return (kilobytes.reduce((sum, each) => sum + each, 0) * 1_024) / 1e6;
}
