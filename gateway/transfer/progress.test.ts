import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progress } from "../../core/api/run.ts";
import { ProgressCounter } from "./progress.ts";

test("what is to do and done is counted in bytes to be read, also of extents under way, and has a rate after a second", () => {
  let nowMs = 0;
  const told: Progress[] = [];
  const sizes = { extentsTotal: 10, bytesTotal: 950, extentBytes: 100 };
  const counter = new ProgressCounter({ ...sizes, tell: (progress) => told.push(progress), nowMs: () => nowMs });
  const after = (seconds: number, count: () => void) => {
    nowMs += seconds * 1000;
    count();
    const { bytesToDo, bytesDone, rate } = told.at(-1) ?? assert.fail("nothing was told");
    return { bytesToDo, bytesDone, rate };
  };
  const unknown = { bytesToDo: undefined, bytesDone: undefined, rate: undefined };
  assert.deepEqual(
    after(1, () => counter.add({ extentsDone: 6, extentsUnchanged: 6 })),
    unknown,
  );
  assert.deepEqual(
    after(1, () => counter.addToDo(4)),
    { bytesToDo: 400, bytesDone: 0, rate: undefined },
  );
  counter.reach(7, { done: 10, of: 40 });
  const rate = { doneBytesPerSecond: 40, sentBytesPerSecond: 0 };
  // Of the two that nobody has looked into there is as much to be read as of these.
  const two = after(1, () => counter.reach(8, { done: 30, of: 60 }));
  assert.deepEqual(two, { bytesToDo: 200, bytesDone: 40, rate });
  counter.finish(7, 40);
  const three = after(1, () => counter.add({ extentsDone: 1, bytesSent: 30 }));
  assert.deepEqual([three.bytesToDo, three.bytesDone], [200, 70]);
  assert.equal(after(1, () => counter.addToDo(1)).bytesToDo, 250);
});
