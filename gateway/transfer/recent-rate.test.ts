import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RecentRate } from "./recent-rate.ts";

/** What is said at moments a quarter of a second apart. */
const said = (rate: RecentRate, moments: number, from = 0, perSecond = 1000) => {
  let last: ReturnType<RecentRate["at"]>;
  for (let tick = 0; tick < moments; tick++) {
    const atMs = (from + tick) * 250;
    last = rate.at({ atMs, doneBytes: (atMs / 1000) * perSecond, sentBytes: (atMs / 2000) * perSecond });
  }
  return last;
};

describe("a rate", () => {
  test("is not told before there is a second to go by", () => {
    assert.equal(said(new RecentRate(), 4), undefined);
    assert.deepEqual(said(new RecentRate(), 5), { doneBytesPerSecond: 1000, sentBytesPerSecond: 500 });
  });

  test("is that of the last ten seconds", () => {
    const rate = new RecentRate();
    said(rate, 400);
    for (let second = 1; second <= 10; second++) {
      rate.at({ atMs: 99_750 + second * 1000, doneBytes: 99_750 + second * 10, sentBytes: 49_875 });
    }
    const last = rate.at({ atMs: 110_000, doneBytes: 99_852, sentBytes: 49_875 });
    assert.deepEqual(last, { doneBytesPerSecond: 10, sentBytesPerSecond: 0 });
  });

  test("is not told of what was begun anew until there is a second of it", () => {
    const rate = new RecentRate();
    said(rate, 40);
    assert.equal(rate.at({ atMs: 10_000, doneBytes: 0, sentBytes: 6000 }), undefined);
    assert.deepEqual(rate.at({ atMs: 12_000, doneBytes: 200, sentBytes: 6100 }), {
      doneBytesPerSecond: 100,
      sentBytesPerSecond: 50,
    });
  });
});
