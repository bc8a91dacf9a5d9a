// What processes use, as Linux tells it.
import { readdirSync, readFileSync } from "node:fs";

/** The fields of /proc/PID/stat after the name, which may hold spaces itself. Field n of proc(5) is at n - 3. */
export function stat(pid) {
  return readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /su, "").split(" ");
}

/** A process and everything that descends from it. */
export function family(pid) {
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

/** What these hold of the memory, as proportional set size: what is shared is counted in parts. */
export function megabytes(pids) {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))[1]));
  return (kilobytes.reduce((sum, each) => sum + each, 0) * 1_024) / 1e6;
}
