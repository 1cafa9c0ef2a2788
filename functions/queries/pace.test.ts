import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Instant, siteIdSchema } from "../../core/api/ids.ts";
import type { Progress, Shard } from "../../core/api/run.ts";
import { paceOf, workOf } from "./pace.ts";

const nothing = { extentsTotal: 0, extentsDone: 0, extentsUnchanged: 0, extentsHole: 0 };
const progress = (changes: Partial<Progress>): Progress => ({
  ...{ phase: "sending", ...nothing, bytesTotal: 1000, bytesRead: 0, bytesChanged: 0, bytesSent: 0 },
  ...changes,
});
const shard = (changes: Partial<Shard>): Shard => ({
  ...{ step: "transferring", shard: 0, count: 1, index: 0, attempt: 1, failures: 0, silence: 0 },
  ...{ deadline: "2026-03-01T00:00:00.000Z" as Instant, source: siteIdSchema.parse("a"), sequence: 1 },
  ...changes,
});
const going = (done: number, sent: number) =>
  shard({ progress: progress({ rate: { doneBytesPerSecond: done, sentBytesPerSecond: sent } }) });

describe("what there is to do", () => {
  test("is what the volumes say that were looked into, and of the others as much of each byte", () => {
    const some = [progress({ bytesToDo: 100, bytesDone: 40 }), progress({ bytesToDo: 300, bytesDone: 300 })];
    assert.deepEqual(workOf(some, 2000), { bytesToDo: 400, bytesDone: 340 });
    assert.deepEqual(workOf([...some, progress({ phase: "waiting" })], 5000), { bytesToDo: 1000, bytesDone: 340 });
  });

  test("is not known before a volume was looked into", () => {
    assert.deepEqual(workOf([], 5000), {});
    assert.deepEqual(workOf([progress({ phase: "waiting" })], 5000), {});
  });
});

describe("the pace", () => {
  const work = { bytesToDo: 1000, bytesDone: 400 };

  test("is that of all volumes under way, and the time left is what is left at it", () => {
    assert.deepEqual(paceOf([going(20, 10), going(10, 5)], work), { bytesPerSecond: 15, secondsLeft: 20 });
  });

  test("is the limit's where that is lower than what went lately", () => {
    assert.deepEqual(paceOf([going(20, 10), going(10, 5)], work, 3), { bytesPerSecond: 3, secondsLeft: 100 });
    assert.deepEqual(paceOf([going(30, 15)], work, 1000), { bytesPerSecond: 15, secondsLeft: 20 });
  });

  test("leaves the time open while nothing gets done, or nobody knows what there is to do", () => {
    assert.deepEqual(paceOf([going(0, 0)], work), { bytesPerSecond: 0, secondsLeft: null });
    assert.deepEqual(paceOf([going(20, 10)], {}), { bytesPerSecond: 10, secondsLeft: null });
  });

  test("is none before there is a rate, and none of what failed or is not heard of", () => {
    assert.equal(paceOf([shard({}), shard({ progress: progress({}) })], work), null);
    assert.equal(
      paceOf(
        [
          { ...going(20, 10), waiting: true },
          { ...going(20, 10), silence: 1 },
        ],
        work,
      ),
      null,
    );
  });
});
