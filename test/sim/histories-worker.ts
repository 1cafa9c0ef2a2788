import { parentPort, workerData } from "node:worker_threads";
import { playHistory, type Seen, sum } from "./history.ts";
import { atOnce } from "./no-waiting.ts";

/** A thread of test/sim/all-histories.ts: plays every so manieth history, and tells what was in all of them. */
const { first, end, step } = workerData as { readonly first: number; readonly end: number; readonly step: number };
globalThis.setTimeout = atOnce;
let seen: Seen = {};
for (let seed = first; seed < end; seed += step) {
  try {
    seen = sum([seen, await playHistory(seed)]);
  } catch (cause) {
    throw new Error(`the history of seed ${seed} went wrong; play it again with SIM_SEED=${seed}`, { cause });
  }
}
parentPort?.postMessage(seen);
