import assert from "node:assert/strict";
import type { Instant } from "../../core/api/ids.ts";
import type { Report } from "../../core/api/report.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { SQSRecord } from "../../functions/aws/lambda-events.ts";
import { reportQueueDefinition } from "../../functions/aws/queues.ts";
import { handleReportBatch } from "../../functions/report-batch.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { TimedTable } from "../../test/sim/timed-table.ts";
import { Backups, type Size } from "./backups.ts";

export interface Contention {
  readonly what: string;
  /** From the first report's arrival until all that they brought about is done. */
  readonly seconds: number;
  readonly conflicts: number;
  readonly longestInvocationSeconds: number;
  readonly invocations: number;
  /** Reports that could not be taken in, and had to come again. */
  readonly failedReports: number;
}

/** What does not end by then, in virtual seconds, never does. */
const secondsMax = 3600;
const tickMs = 5;
const sweepSeconds = 60;

/**
 * Functions that go on beside each other in virtual time. Gateways answer at once.
 * @param batchSize reports that one invocation is given, at most
 */
class Invocations {
  readonly #backups: Backups;
  readonly #timed: TimedTable;
  readonly #batchSize: number;
  #running = 0;
  readonly #beganMs: number;
  #sweptMs: number;
  #lastEndMs: number;
  readonly #counts = { longestMs: 0, invocations: 0, failedReports: 0 };

  constructor(backups: Backups, timed: TimedTable, batchSize: number) {
    this.#backups = backups;
    this.#timed = timed;
    this.#batchSize = batchSize;
    this.#beganMs = timed.time.nowMs();
    this.#sweptMs = this.#beganMs;
    this.#lastEndMs = this.#beganMs;
  }

  /**
   * Until nothing goes on and nothing is due soon.
   * @param takesTasks whether the gateways work on what they are told
   */
  async play({ takesTasks }: { readonly takesTasks: boolean }): Promise<Omit<Contention, "what">> {
    const { counts } = this.#backups.world.table;
    const conflictsBefore = counts.conflicts;
    const end = this.#timed.begin();
    try {
      await this.#playOut(takesTasks);
    } finally {
      end();
    }
    const { longestMs, ...others } = this.#counts;
    return {
      seconds: (this.#lastEndMs - this.#beganMs) / 1000,
      conflicts: counts.conflicts - conflictsBefore,
      longestInvocationSeconds: longestMs / 1000,
      ...others,
    };
  }

  async #playOut(takesTasks: boolean): Promise<void> {
    const { world } = this.#backups;
    const { time } = this.#timed;
    while (time.nowMs() - this.#beganMs < secondsMax * 1000) {
      if (takesTasks) this.#backups.deliverTasks();
      this.#takeReports();
      if (time.nowMs() - this.#sweptMs >= sweepSeconds * 1000) this.#sweep();
      const isQuiet = this.#running === 0 && world.reports.length === 0;
      if (isQuiet && !(takesTasks && this.#isMoreDue())) return;
      await this.#pass();
    }
    assert.fail(`it goes on for more than ${secondsMax} s`);
  }

  #isMoreDue(): boolean {
    const { world } = this.#backups;
    const dueAt = world.table.nextDue();
    return world.tasks.length > 0 || (dueAt !== undefined && dueAt < addSeconds(world.now, 2 * sweepSeconds));
  }

  /** A tick; while nobody is at work, up to the next sweep. */
  async #pass(): Promise<void> {
    const { time } = this.#timed;
    const beforeMs = time.nowMs();
    const isIdle = this.#running === 0 && this.#backups.world.reports.length === 0;
    const toSweepMs = this.#sweptMs + sweepSeconds * 1000 - beforeMs;
    await time.advance(isIdle ? Math.max(tickMs, toSweepMs) : tickMs);
    this.#backups.world.now = addSeconds(this.#backups.world.now, (time.nowMs() - beforeMs) / 1000) as Instant;
  }

  #takeReports(): void {
    const { reports, now } = this.#backups.world;
    const visible = reports.filter(({ visibleAt }) => visibleAt <= now);
    reports.splice(0, reports.length, ...reports.filter(({ visibleAt }) => visibleAt > now));
    while (visible.length > 0) this.#takeIn(visible.splice(0, this.#batchSize));
  }

  #takeIn(messages: Backups["world"]["reports"]): void {
    const { world } = this.#backups;
    const Records = messages.map(({ body }, index) => recordOf(body, index));
    this.#run(async () => {
      const answer = await world.call((deps) => handleReportBatch(deps, { Records }));
      const failed = new Set(answer?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      const again = answer === undefined ? messages : messages.filter((_, index) => failed.has(index.toString()));
      this.#counts.failedReports += again.length;
      const visibleAt = addSeconds(world.now, reportQueueDefinition.visibilityTimeoutSeconds);
      world.reports.push(...again.map((message) => ({ ...message, visibleAt })));
    });
  }

  #sweep(): void {
    this.#sweptMs = this.#timed.time.nowMs();
    const dueAt = this.#backups.world.table.nextDue();
    if (dueAt !== undefined && dueAt <= this.#backups.world.now) this.#run(() => this.#backups.world.call(handleSweep));
  }

  #run(act: () => Promise<unknown>): void {
    const { time } = this.#timed;
    const startMs = time.nowMs();
    this.#running += 1;
    this.#counts.invocations += 1;
    const ended = act().finally(() => {
      this.#running -= 1;
      this.#lastEndMs = time.nowMs();
      this.#counts.longestMs = Math.max(this.#counts.longestMs, time.nowMs() - startMs);
    });
    // A defect ends the benchmark.
    ended.catch((error) =>
      queueMicrotask(() => {
        throw error;
      }),
    );
  }
}

export const recordOf = (report: Report, index: number): SQSRecord => ({
  messageId: index.toString(),
  receiptHandle: "",
  body: JSON.stringify(report),
  attributes: {
    ApproximateReceiveCount: "1",
    SentTimestamp: "0",
    SenderId: "",
    ApproximateFirstReceiveTimestamp: "0",
  },
  messageAttributes: {},
  md5OfBody: "",
  eventSource: "aws:sqs",
  eventSourceARN: "",
  awsRegion: "",
});

const timedBackups = async (size: Size) => {
  const timed: TimedTable = new TimedTable(() => backups.world.table);
  const backups = new Backups(size, { passage: timed.passage, sleep: timed.sleep });
  await backups.addPlan();
  return { backups, timed };
};

/**
 * All tasks that a run has under way at its targets are completed in the same instant, each
 * report a call of its own.
 */
export const reportsAtOnce = async (size: Size): Promise<Contention & { readonly reports: number }> => {
  const { backups, timed } = await timedBackups(size);
  await backups.start();
  const { world } = backups;
  world.tasks.push(...(await backups.playUpTo("transfer")));
  backups.deliverTasks();
  const reports = world.reports.length;
  const invocations = new Invocations(backups, timed, 1);
  const what = `${reports} reports, each in a call of its own`;
  return { what, reports, ...(await invocations.play({ takesTasks: false })) };
};

/**
 * The second run's end: the group of the first is reclaimed at all sites at once, and forgotten.
 */
export const reclaimAtOnce = async (size: Size, batchSize: number): Promise<Contention> => {
  const { backups, timed } = await timedBackups(size);
  await backups.run();
  backups.world.pass(3600);
  await backups.start();
  backups.world.tasks.push(...(await backups.playUpTo("reclaim")));
  const invocations = new Invocations(backups, timed, batchSize);
  const calls = batchSize === 1 ? "a report a call" : `${batchSize} reports a call`;
  const what = `reclaims of ${size.objects} objects at ${size.targets} targets, ${calls}`;
  return { what, ...(await invocations.play({ takesTasks: true })) };
};
