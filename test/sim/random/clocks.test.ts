import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClocksSeen, playClocks } from "../clocks.ts";

/**
 * `SIM_CLOCK_SEED=n` replays one history; `SIM_CLOCK_RUNS=n` plays so many, of fresh seeds. `npm
 * run test:histories` plays more.
 */
const replayed = process.env["SIM_CLOCK_SEED"];
const first = replayed === undefined ? Math.floor(Date.now() / 1000) : Number(replayed);
const runs = replayed === undefined ? Number(process.env["SIM_CLOCK_RUNS"] ?? 3) : 1;

test("whoever's clock is set, by hours, months or years, forwards or back: when it is right, all goes on from the next slot", async () => {
  const seen: ClocksSeen = {};
  for (let seed = first; seed < first + runs; seed += 1) {
    try {
      for (const [what, count] of Object.entries(await playClocks(seed))) seen[what] = (seen[what] ?? 0) + count;
    } catch (cause) {
      throw new Error(`the history of seed ${seed} went wrong; play it again with SIM_CLOCK_SEED=${seed}`, { cause });
    }
  }
  if (process.env["SIM_CLOCK_RUNS"] !== undefined)
    for (const line of Object.entries(seen).sort()) process.stdout.write(`${line.join(" ")}\n`);
  assert((seen["slots that ran when they came"] ?? 0) >= runs);
});
