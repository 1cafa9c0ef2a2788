import { parentPort, workerData } from "node:worker_threads";
import { playClocks } from "./clocks.ts";
import { playHistory, type Seen, sum } from "./history.ts";
import { atOnce } from "./no-waiting.ts";

/** One history in so many is one of clocks. */
const clocksEvery = 50;

/**
 * A thread of test/sim/all-histories.ts: plays every so manieth history, and tells what was in all
 * of them.
 */
const { first, end, step } = workerData as { readonly first: number; readonly end: number; readonly step: number };
globalThis.setTimeout = atOnce;
let seen: Seen = {};
for (let seed = first; seed < end; seed += step) {
  try {
    seen = sum([seen, await playHistory(seed)]);
  } catch (cause) {
    throw new Error(`the history of seed ${seed} went wrong; play it again with SIM_SEED=${seed}`, { cause });
  }
  if (((seed - first) / step) % clocksEvery !== 0) continue;
  try {
    seen = sum([seen, await playClocks(seed)]);
  } catch (cause) {
    throw new Error(`the clocks of seed ${seed} went wrong; play them again with SIM_CLOCK_SEED=${seed}`, { cause });
  }
}
parentPort?.postMessage(seen);
