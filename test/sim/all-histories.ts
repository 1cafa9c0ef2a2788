import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { type Seen, sum } from "./history.ts";

/**
 * Plays many histories on all cores, and says what was in them:
 * `node test/sim/all-histories.ts [--seed FIRST] [--runs COUNT]`. A seed is one history; the seeds
 * of a run are consecutive. One that goes wrong ends the run, and is named.
 */
const { values } = parseArgs({ options: { seed: { type: "string" }, runs: { type: "string", default: "10000" } } });
const first = Number(values.seed ?? Math.floor(Date.now() / 1000));
const runs = Number(values.runs);
const threads = Math.min(runs, availableParallelism());
const say = (text: string) => process.stdout.write(`${text}\n`);

const play = (thread: number): Promise<Seen> =>
  new Promise((resolve, reject) => {
    const workerData = { first: first + thread, end: first + runs, step: threads };
    const worker = new Worker(new URL("./histories-worker.ts", import.meta.url), { workerData });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

say(`${runs} histories from seed ${first}, on ${threads} threads`);
const begun = performance.now();
try {
  const seen = sum(await Promise.all(Array.from({ length: threads }, (_, thread) => play(thread))));
  for (const [what, count] of Object.entries(seen).sort()) say(`${count.toString().padStart(12)}  ${what}`);
  say(`no invariant was broken, and every run ended; ${Math.round((performance.now() - begun) / 1000)} s`);
} catch (error) {
  say(
    error instanceof Error
      ? `${error.message}\n${(error.cause as Error | undefined)?.stack ?? error.stack}`
      : String(error),
  );
  process.exit(1);
}
