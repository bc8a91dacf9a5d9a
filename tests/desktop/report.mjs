// One figure as a line of JSON, as the benchmarks without windows print them. Where it misses its target the status is 1.
import { readFileSync } from "node:fs";

/** `atMost` or `atLeast` is the target; a `reference` stands beside it, to which the ratio has a bound of its own. */
export function report(figure, ours, unit, { atMost = null, atLeast = null, reference = null, ratioMax = null } = {}) {
  const ratio = reference === null ? null : ours / reference;
  const target = atMost ?? atLeast;
  const met = target === null ? null : (atMost === null ? ours >= atLeast : ours <= atMost) && (ratioMax === null || ratio <= ratioMax);
  const load = Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]);
  if (met === false) process.exitCode = 1;
  console.log(JSON.stringify({ figure, ours: round(ours), reference: rounded(reference), ratio: rounded(ratio), unit, target, met, load }));
}

const rounded = (value) => (value === null ? null : round(value));

function round(value) {
  return Math.round(value * 100) / 100;
}
