import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { Time } from "../time/time.ts";
import { type Death, keepRunning } from "./keep-running.ts";
import type { OwnedProcess } from "./owned-process.ts";

/**
 * A process whose end a test decides on; `onWatched` is called when somebody begins to wait for it.
 */
const fakeProcess = (onWatched?: () => void) => {
  const end = Promise.withResolvers<string>();
  const fake = {
    pid: 1,
    get ended() {
      onWatched?.();
      return end.promise;
    },
    hasEnded: () => false,
    lastOutput: () => "last words",
    stops: 0,
    stop: async () => {
      fake.stops += 1;
      end.resolve("exit 0");
    },
    die: (how: string) => end.resolve(how),
  };
  return fake satisfies OwnedProcess;
};

/** A clock that stands still but for the waits between two lives, and for what a test adds. */
const setUp = (
  lives: (
    life: number,
  ) => { readonly lastsMs?: number; readonly startsInMs?: number; readonly fails?: string } | "long",
) => {
  const stopping = new AbortController();
  let nowMs = 0;
  const pauses: number[] = [];
  const time: Time = {
    nowMs: () => nowMs,
    sleep: async (ms) => {
      pauses.push(ms);
      nowMs += ms;
    },
  };
  const started: ReturnType<typeof fakeProcess>[] = [];
  const deaths: Death[] = [];
  const alive = Promise.withResolvers<ReturnType<typeof fakeProcess>>();
  const start = async () => {
    const life = lives(started.length + 1);
    const next = fakeProcess(() => {
      if (life === "long") return;
      nowMs += life.lastsMs ?? 0;
      next.die("signal SIGKILL");
    });
    started.push(next);
    // What is never given up would go on for ever.
    if (started.length === 100) stopping.abort();
    if (life === "long") alive.resolve(next);
    else {
      nowMs += life.startsInMs ?? 0;
      if (life.fails !== undefined) throw new Error(life.fails);
    }
    return next;
  };
  const onDeath = (death: Death) => void deaths.push(death);
  const kept = keepRunning({ what: "the thing", start, onDeath, hint: "Look at it.", time, signal: stopping.signal });
  return { kept, started, deaths, pauses, alive: alive.promise, stop: () => stopping.abort() };
};

describe("what is kept running", () => {
  test("is started again when it dies, ever later, and whoever wants to hears of it", async () => {
    const { kept, alive, deaths, pauses, stop } = setUp((life) => (life < 5 ? {} : "long"));
    const last = await alive;
    assert.deepEqual(new Set(deaths.map(({ what, how }) => `${what}: ${how}`)), new Set(["the thing: signal SIGKILL"]));
    assert.equal(deaths.length, 4);
    for (const [index, pauseMs] of pauses.entries()) {
      assert(pauseMs >= 250 * 2 ** index && pauseMs <= 500 * 2 ** index, `pause ${index} was ${pauseMs} ms`);
    }
    stop();
    await kept;
    assert.equal(last.stops, 1);
  });

  test("is given up after ten deaths in a row, with its last words and with what to do", async () => {
    const { kept, started, deaths } = setUp(() => ({}));
    await assert.rejects(
      kept,
      (error) =>
        VisibleError.is(error, "PROCESS_LOST") &&
        error.message === "The thing keeps ending (signal SIGKILL) and is given up. It said last: last words" &&
        error.hint === "Look at it.",
    );
    assert.deepEqual([started.length, deaths.length], [10, 9]);
  });

  test("is given up when it can't even be started", async () => {
    const { kept, started } = setUp(() => ({ fails: "its port is taken" }));
    await assert.rejects(kept, /its port is taken/);
    assert.equal(started.length, 10);
  });

  test("is given up all the same when every start takes minutes, whether it fails or what it started dies at once", async () => {
    for (const life of [{ startsInMs: 120_000, fails: "no answer" }, { startsInMs: 120_000 }]) {
      const { kept, started } = setUp(() => life);
      await assert.rejects(kept, { code: "PROCESS_LOST" });
      assert.equal(started.length, 10);
    }
  });

  test("may die as often as it likes as long as it ran for more than a minute", async () => {
    const { kept, alive, deaths, pauses, stop } = setUp((life) => (life < 40 ? { lastsMs: 60_001 } : "long"));
    await alive;
    assert.equal(deaths.length, 39);
    assert(Math.max(...pauses) <= 500);
    stop();
    await kept;
  });

  test("is not started at all when there is nothing to be started any more", async () => {
    const stopping = new AbortController();
    const time = { nowMs: () => 0, sleep: async () => assert.fail("nothing is waited for") };
    const onDeath = () => assert.fail("nothing died");
    await keepRunning({ what: "it", start: async () => undefined, onDeath, time, signal: stopping.signal });
  });

  test("is stopped when it runs already and the signal was there before", async () => {
    const first = fakeProcess();
    const time = { nowMs: () => 0, sleep: async () => undefined };
    const start = async () => assert.fail("nothing is started");
    await keepRunning({ what: "it", first, start, onDeath: () => undefined, time, signal: AbortSignal.abort() });
    assert.equal(first.stops, 1);
  });
});
