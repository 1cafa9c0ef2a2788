import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * How long a test waits for what is bound to happen. Nothing takes so long, however busy the
 * machine is with other things: what reaches it hangs. It is below the runner's own limit, so that
 * the test can still say what it waited for.
 */
export const hangMs = 600_000;

/** For what has no event of its own: asks again and again, until it is so. */
export const until = async (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  everyMs = 20,
  patienceMs = hangMs,
): Promise<void> => {
  const endMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) assert.fail(`waited ${patienceMs / 1000} s in vain for ${what}`);
    await sleep(everyMs);
  }
};
