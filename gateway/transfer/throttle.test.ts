import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { siteIdSchema } from "../../core/api/ids.ts";
import { manualTime, settle } from "../agent/testing.ts";
import { createThrottle, paced, type Throttle } from "./throttle.ts";
import { createThrottles } from "./throttles.ts";

const kib = 1024;
const mib = 1024 * kib;
const signal = new AbortController().signal;
const burstOf = (rate: number) => Math.max(rate / 10, kib);

/** Somebody who takes as much as there is to be had, and writes down when it was how much. */
const greedy = (throttle: Throttle, time: { nowMs(): number }, bytes = mib) => {
  const stopping = new AbortController();
  const taken: { readonly atMs: number; readonly bytes: number }[] = [];
  const ended = (async () => {
    for (;;) taken.push({ bytes: await throttle.take(bytes, stopping.signal), atMs: time.nowMs() });
  })().catch(() => undefined);
  return {
    taken,
    total: () => taken.reduce((sum, { bytes: some }) => sum + some, 0),
    async stop() {
      stopping.abort();
      await ended;
    },
  };
};

describe("a throttle", () => {
  test("without a rate lets everything go at once", async () => {
    const throttle = createThrottle(manualTime());
    assert.equal(await throttle.take(7 * mib, signal), 7 * mib);
  });

  test("lets no period have more than the rate and a burst, and over time 95 % of the rate at least", async () => {
    const rates = fc.integer({ min: 16 * kib, max: 200 * mib });
    const phases = fc.array(fc.record({ rate: rates, ms: fc.integer({ min: 50, max: 1500 }) }), {
      minLength: 1,
      maxLength: 3,
    });
    const takers = fc.array(fc.integer({ min: 4 * kib, max: 300 * kib }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(phases, takers, async (some, wanted) => {
        const time = manualTime(0);
        const throttle = createThrottle(time);
        throttle.setRate(some[0]?.rate);
        const all = wanted.map((bytes) => greedy(throttle, time, bytes));
        for (const { rate, ms } of some) {
          throttle.setRate(rate);
          const from = time.nowMs();
          const before = all.map(({ taken }) => taken.length);
          await time.advance(ms);
          const taken = all.flatMap((one, index) => one.taken.slice(before[index])).toSorted((a, b) => a.atMs - b.atMs);
          assertPaced(taken, { rate, fromMs: from, toMs: time.nowMs() });
        }
        for (const one of all) await one.stop();
      }),
      { numRuns: 40 },
    );
  });

  test("is as fast as a new rate at once, and wakes whoever waits for the old one", async () => {
    const time = manualTime();
    const throttle = createThrottle(time);
    throttle.setRate(16 * kib);
    const taker = greedy(throttle, time, 64 * kib);
    await time.advance(1_000);
    assert.ok(taker.total() <= 16 * kib);
    const before = taker.total();
    throttle.setRate(10 * mib);
    await time.advance(1_000);
    assert.ok(Math.abs(taker.total() - before - 10 * mib) <= 0.05 * 10 * mib, `${taker.total()}`);
    await taker.stop();
    throttle.setRate(16 * kib);
    const waits = Promise.all([throttle.take(mib, signal), throttle.take(64 * kib, signal)]);
    await settle();
    throttle.setRate(undefined);
    assert.deepEqual((await waits).at(-1), 64 * kib);
  });

  test("gives all who wait the same, whatever they ask for", async () => {
    const time = manualTime();
    const throttle = createThrottle(time);
    throttle.setRate(mib);
    const takers = [mib, 256 * kib, 64 * kib].map((bytes) => greedy(throttle, time, bytes));
    await time.advance(10_000);
    const totals = takers.map(({ total }) => total());
    for (const total of totals) assert.ok(Math.abs(total - (10 * mib) / 3) <= 128 * kib, totals.join());
    for (const taker of takers) await taker.stop();
  });

  test("lets go of who gives up, and goes on with the next", async () => {
    const time = manualTime();
    const throttle = createThrottle(time);
    throttle.setRate(16 * kib);
    const giving = new AbortController();
    const first = throttle.take(mib, giving.signal);
    const second = throttle.take(100, signal);
    giving.abort(new Error("enough"));
    await assert.rejects(first, /enough/);
    await time.advance(100);
    assert.equal(await second, 100);
    await assert.rejects(throttle.take(1, giving.signal), /enough/);
  });

  test("leaves nobody in silence for more than a minute, at the smallest rate and however many wait", async () => {
    const time = manualTime();
    const throttle = createThrottle(time);
    throttle.setRate(kib);
    const takers = Array.from({ length: 256 }, () => greedy(throttle, time, 64 * kib));
    await time.advance(130_000);
    for (const { taken } of takers) assert.ok(taken.length >= 2, `${taken.length} turns in 130 s`);
    for (const taker of takers) await taker.stop();
  });

  test("is not fooled by a clock that jumps", async () => {
    const time = manualTime(1e12);
    let offMs = 0;
    const throttle = createThrottle({ ...time, nowMs: () => time.nowMs() + offMs });
    throttle.setRate(mib);
    const taker = greedy(throttle, time, mib);
    for (const jumpMs of [3_600_000, -7_200_000, 3_600_000]) {
      offMs += jumpMs;
      await time.advance(1_000);
    }
    assert.ok(Math.abs(taker.total() - 3 * mib) <= 0.3 * mib + 3 * burstOf(mib), `${taker.total()}`);
    await taker.stop();
  });
});

/** That every period of it fits the rate, and the whole of it comes near to it. */
const assertPaced = (
  taken: readonly { readonly atMs: number; readonly bytes: number }[],
  { rate, fromMs, toMs }: { readonly rate: number; readonly fromMs: number; readonly toMs: number },
): void => {
  const burst = burstOf(rate);
  // The most that was taken in any period which ends now, beyond what its rate allows.
  let beyond = 0;
  let lastMs = fromMs;
  let total = 0;
  for (const { atMs, bytes } of taken) {
    beyond = Math.max(0, beyond - ((atMs - lastMs) / 1000) * rate) + bytes;
    assert.ok(beyond <= burst + 1, `${beyond} bytes more than ${rate} bytes/s allow`);
    lastMs = atMs;
    total += bytes;
  }
  const allowed = ((toMs - fromMs) / 1000) * rate;
  assert.ok(total >= 0.95 * allowed - burst, `${total} of ${allowed} bytes`);
};

test("a chunk is cut into the pieces in which it may go, and comes out whole", async () => {
  const time = manualTime();
  const throttle = createThrottle(time);
  throttle.setRate(mib);
  const chunk = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251);
  const pieces: Uint8Array[] = [];
  const sent = (async () => {
    for await (const piece of paced(chunk, throttle, signal)) pieces.push(piece);
  })();
  await time.advance(1_000);
  await sent;
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(chunk));
  assert.ok(pieces.every(({ length }) => length <= 64 * kib));
});

test("each target has a throttle of its own, and each gateway its share", async () => {
  const time = manualTime();
  const throttles = createThrottles(time);
  const [b, c] = [siteIdSchema.parse("b"), siteIdSchema.parse("c")];
  const toB = throttles.to(b);
  throttles.apply({ gateways: 4, limits: [{ target: b, bytesPerSecond: 4 * mib }] });
  assert.equal(throttles.to(b), toB);
  const taker = greedy(toB as Throttle, time, mib);
  assert.equal(await throttles.to(c).take(9 * mib, signal), 9 * mib);
  await time.advance(2_000);
  assert.ok(Math.abs(taker.total() - 2 * mib) <= 0.05 * 2 * mib, `${taker.total()}`);
  await taker.stop();
  throttles.apply({ gateways: 4, limits: [] });
  assert.equal(await toB.take(9 * mib, signal), 9 * mib);
});
