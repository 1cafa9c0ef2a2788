import assert from "node:assert/strict";
import { test } from "node:test";
import { manualTime } from "../../../agent/testing.ts";
import { IdleSweep, idleMs } from "./idle.ts";

test("what can't be given up keeps nothing else from it, and is tried again", async () => {
  const time = manualTime();
  const sweep = new IdleSweep(time);
  let tries = 0;
  let others = 0;
  sweep.add(() => {
    tries++;
    if (tries < 3) throw new Error("the disk went away");
    return false;
  });
  sweep.add(() => {
    others++;
    return false;
  });
  sweep.wake();
  await time.advance(5 * idleMs);
  assert.deepEqual([tries, others], [3, 3]);
  sweep.wake();
  await time.advance(idleMs);
  assert.deepEqual([tries, others], [4, 4], "it had ended, and begins again");
});
