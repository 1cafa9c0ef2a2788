import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { type ManualTime, manualTime } from "../../agent/testing.ts";
import { FairGate } from "../../shares/fair-gate.ts";
import { createMemoryLog } from "../testing/memory-log.ts";
import { chunksInFlightMax } from "./job-port.ts";
import { createThreadPool, type JobOptions, jobSeconds, type ThreadPool } from "./pool.ts";

const signal = new AbortController().signal;
const watched = { name: "The test's job", site: "b", signal, onMoved: () => undefined };
const collect = async (output: AsyncGenerator<Uint8Array, unknown, void>) => {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const next = await output.next();
    if (next.done === true) return { chunks, value: next.value };
    chunks.push(next.value);
  }
};
async function* chunksOf(...sizes: number[]) {
  for (const size of sizes) yield new Uint8Array(size).fill(size);
}

describe("a thread pool", () => {
  let pool: ThreadPool;
  let gate: FairGate;
  let counters: Int32Array;
  beforeEach(() => {
    gate = new FairGate(4);
    counters = new Int32Array(new SharedArrayBuffer(16));
    pool = createThreadPool({
      script: new URL("../testing/thread-script.ts", import.meta.url),
      data: { counters: counters.buffer },
      threads: 2,
      log: createMemoryLog(),
    });
  });
  afterEach(() => pool.close());

  test("has its threads ready before there is a job for them", async () => {
    await pool.start();
    await pool.start();
    assert.deepEqual(await collect(pool.run("echo", { input: chunksOf(3), gate, ...watched })), {
      chunks: [new Uint8Array(3).fill(3)],
      value: 3,
    });
  });

  test("takes chunks to a job and brings chunks and a value back", async () => {
    const jobs = [1, 2, 3].map((size) =>
      collect(pool.run("echo", { input: chunksOf(size, size, 40, 50, 60, 70, 80), gate, ...watched })),
    );
    for (const [index, { chunks, value }] of (await Promise.all(jobs)).entries()) {
      const sizes = [index + 1, index + 1, 40, 50, 60, 70, 80];
      assert.deepEqual(
        chunks.map((chunk) => [...new Set(chunk)]),
        sizes.map((size) => [size]),
      );
      assert.equal(
        value,
        sizes.reduce((a, b) => a + b),
      );
    }
  });

  test("lets a job run ahead of its consumer by a few chunks and no more", async () => {
    const output = pool.run("endless", { gate, ...watched });
    for (let taken = 0; taken < 10; taken++) await output.next();
    // Another job of the same thread has been answered twice, so the endless one had its turns.
    for (const _ of [1, 2])
      await Promise.all([1, 2].map(() => collect(pool.run("echo", { input: chunksOf(1), gate, ...watched }))));
    const made = Atomics.load(counters, 0);
    assert.ok(made >= 10 && made <= 10 + chunksInFlightMax + 2, `${made} chunks were made for 10`);
    await output.return(undefined);
    assert.equal(Atomics.load(counters, 1), 5, "the job has ended");
  });

  test("hands on a job's failure with its code and hint", async () => {
    await assert.rejects(collect(pool.run("throw", { gate, ...watched })), (error: unknown) => {
      assert.ok(VisibleError.is(error, "STORE_CORRUPT"));
      assert.deepEqual([error.message, error.hint], ["bad disk", "replace it"]);
      return true;
    });
  });

  test("ends a job whose signal is aborted, and throws the reason", async () => {
    const stop = new AbortController();
    const reason = new Error("enough");
    const hanging = collect(pool.run("hang", { gate, ...watched, signal: stop.signal }));
    await collect(pool.run("echo", { input: chunksOf(1), gate, ...watched }));
    stop.abort(reason);
    await assert.rejects(hanging, reason);
    assert.equal(Atomics.load(counters, 1), 2);
  });

  test("ends a job whose input breaks off", async () => {
    async function* breaking() {
      yield new Uint8Array(1);
      throw new VisibleError("LINK_BROKEN", "cut");
    }
    await assert.rejects(collect(pool.run("echo", { input: breaking(), gate, ...watched })), (error: unknown) =>
      VisibleError.is(error, "LINK_BROKEN"),
    );
  });

  test("lets its threads close what they have open, and fails what is under way", async () => {
    const hanging = collect(pool.run("hang", { gate, ...watched }));
    await Promise.all([1, 2].map((size) => collect(pool.run("echo", { input: chunksOf(size), gate, ...watched }))));
    const failed = assert.rejects(hanging, (error: unknown) => VisibleError.is(error, "INTERNAL"));
    await pool.close();
    await failed;
    assert.equal(Atomics.load(counters, 2), 2);
    await assert.rejects(collect(pool.run("echo", { gate, ...watched })));
  });

  test("replaces a thread that died, fails its jobs only, and gives up when they go on dying", async () => {
    const died = (error: unknown) => VisibleError.is(error, "INTERNAL");
    for (let deaths = 0; deaths < 5; deaths++) {
      const other = collect(pool.run("echo", { input: chunksOf(1, 2), gate, ...watched }));
      await assert.rejects(collect(pool.run("die", { gate, ...watched })), died);
      assert.equal((await other).value, 3);
    }
    await assert.rejects(
      Promise.all([1, 2].map(() => collect(pool.run("hang", { gate, ...watched, signal: AbortSignal.timeout(5) })))),
      died,
    );
  });
});

describe("a thread pool whose jobs stand still", () => {
  const lastWordMs = 10_000;
  let pool: ThreadPool;
  let time: ManualTime;
  let counters: Int32Array;
  const gate = new FairGate(100);
  const open = (threads: number) => {
    time = manualTime();
    counters = new Int32Array(new SharedArrayBuffer(16));
    pool = createThreadPool({
      script: new URL("../testing/thread-script.ts", import.meta.url),
      data: { counters: counters.buffer },
      ...{ threads, time, log: createMemoryLog() },
    });
  };
  afterEach(async () => {
    const closed = pool.close();
    // Of a thread that hangs nobody waits for longer.
    await time.advance(3 * lastWordMs);
    await closed;
  });

  const run = (job: string, options: Partial<JobOptions> = {}) =>
    collect(pool.run(job, { gate, ...watched, name: `The job ${job}`, ...options }));
  /** Resolves when so many jobs have begun to hang. */
  const hanging = async (count: number) => {
    for (let now = Atomics.load(counters, 3); now < count; now = Atomics.load(counters, 3)) {
      await Atomics.waitAsync(counters, 3, now).value;
    }
  };
  const stoodStill = (name: string) => (error: unknown) => {
    assert.ok(VisibleError.is(error, "TIMEOUT"), String(error));
    assert.match(error.message, new RegExp(`${name} stood still for ${jobSeconds} s`));
    return true;
  };
  /** The thread has answered what it was asked before. */
  const answered = async () => {
    for (const _ of [1, 2]) await run("echo", { input: chunksOf(1) });
  };

  test("replaces a thread that hangs as a whole, and fails all of its jobs", async () => {
    open(2);
    const blocked = run("block");
    await hanging(1);
    const other = run("echo", { input: chunksOf(1) });
    const behind = run("echo", { input: chunksOf(1) });
    const failed = [assert.rejects(blocked, stoodStill("block")), assert.rejects(behind, stoodStill("block"))];
    assert.equal((await other).value, 1);
    await time.advance(jobSeconds * 1000 - 1);
    assert.equal((await run("echo", { input: chunksOf(2) })).value, 2, "the other thread goes on meanwhile");
    await time.advance(lastWordMs + 1);
    await Promise.all(failed);
    const jobs = [1, 2, 3, 4].map((size) => run("echo", { input: chunksOf(size) }));
    assert.deepEqual(
      (await Promise.all(jobs)).map(({ value }) => value),
      [1, 2, 3, 4],
    );
  });

  test("starts no more threads while as many hang as there may be", async () => {
    open(1);
    const blocked = run("block");
    await hanging(1);
    // In the moment in which it is given up, before it has ended.
    const next = assert.rejects(
      blocked.catch(() => run("echo", { input: chunksOf(1) })),
      stoodStill("threads"),
    );
    await time.advance(jobSeconds * 1000 + lastWordMs);
    await next;
  });

  test("gives up a job that hangs alone, and its thread's other jobs go on", async () => {
    open(1);
    const deaf = run("deaf");
    await hanging(1);
    const failed = assert.rejects(deaf, stoodStill("deaf"));
    const more = Promise.withResolvers<void>();
    const slow = run("echo", {
      input: (async function* () {
        yield new Uint8Array(1);
        await more.promise;
        yield new Uint8Array(1);
      })(),
    });
    await answered();
    await time.advance(jobSeconds * 1000);
    await answered();
    await time.advance(lastWordMs);
    await failed;
    await time.advance(10 * jobSeconds * 1000);
    more.resolve();
    assert.equal((await slow).value, 2, "who waits for its input does not stand still");
  });

  test("gives up a job that hangs after some chunks have come of it and were taken", async () => {
    open(1);
    const failed = assert.rejects(run("few"), stoodStill("few"));
    await hanging(1);
    await answered();
    await time.advance((13 / 12) * jobSeconds * 1000);
    await answered();
    await time.advance(lastWordMs);
    await failed;
  });

  test("replaces a thread of which many jobs have not let go", async () => {
    open(1);
    const failed = Array.from({ length: 8 }, () => assert.rejects(run("deaf"), stoodStill("deaf")));
    await hanging(8);
    // A thread that gets little of the processor may have begun it, or not.
    const other = assert.rejects(run("endless", { gate: new FairGate(1) }), stoodStill("(deaf|endless)"));
    await time.advance(jobSeconds * 1000);
    await answered();
    await time.advance(lastWordMs);
    await Promise.all(failed);
    await other;
  });

  test("leaves a job alone whose chunks are not taken", async () => {
    open(1);
    const output = pool.run("endless", { gate, ...watched });
    await output.next();
    await answered();
    await time.advance(10 * jobSeconds * 1000);
    for (let taken = 0; taken < 5; taken++) assert.equal((await output.next()).done, false);
    await output.return(undefined);
  });

  test("hears of a job that is busy for long and has nothing to show, and so does its thread when it is called off", async () => {
    open(1);
    const stop = new AbortController();
    let moved = Promise.withResolvers<void>();
    const busy = run("busy", { signal: stop.signal, onMoved: () => moved.resolve() });
    for (const _ of [1, 2, 3]) {
      await moved.promise;
      moved = Promise.withResolvers();
      await time.advance(jobSeconds * 900);
    }
    assert.equal((await run("echo", { input: chunksOf(1) })).value, 1, "another job of the thread has its turn");
    stop.abort(new Error("enough"));
    await assert.rejects(busy, /enough/);
    assert.equal(Atomics.load(counters, 1), 2, "the job has ended");
  });
});
