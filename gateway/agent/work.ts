import { isDeepStrictEqual } from "node:util";
import { VisibleError } from "../../core/api/errors.ts";
import type { Report } from "../../core/api/report.ts";
import type { Attached } from "../../core/api/restore/attach.ts";
import type { Progress } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import { type Log, taskFields } from "../log/log.ts";
import { withTimeouts } from "../storage/with-timeouts.ts";
import type { GatewayContext, GatewayIdentity } from "../tasks/context.ts";
import type { PerformTask } from "../tasks/perform.ts";
import { resultParts } from "../tasks/result-parts.ts";
import { Movement } from "../time/standstill.ts";
import type { Time } from "../time/time.ts";
import { inTime } from "./in-time.ts";
import type { Lease, LeaseEnd } from "./lease.ts";
import { type AbortReason, type Outcome, outcomeOfAbort, outcomeOfError } from "./outcome.ts";
import { repeat } from "./repeat.ts";
import type { Slots } from "./slots.ts";
import { agentTimings } from "./timings.ts";

/** What the work on any task needs. */
export interface WorkDeps {
  readonly perform: PerformTask;
  /** Without them a task is begun at once. */
  readonly slots?: Slots | undefined;
  readonly context: GatewayContext;
  readonly reports: ReportQueue;
  readonly time: Time;
  readonly log: Log;
}

/** A task that is worked on here. */
export interface Work {
  readonly task: RunTask;
  readonly lease: Lease;
  /**
   * Resolves when the task is done with and its message dealt with, or it was given up; never
   * rejects, and does not hang.
   */
  readonly ended: Promise<void>;
  abort(reason: AbortReason): void;
}

const about = (task: RunTask, { id, siteId }: GatewayIdentity) => ({
  taskId: task.id,
  runId: task.runId,
  target: task.target,
  step: task.step,
  index: task.index,
  attempt: task.attempt,
  sequence: task.sequence,
  siteId,
  gatewayId: id,
});

/**
 * Begins to work on a task, after `previous` has ended and when it has a slot: says so after 3 s,
 * 15 s later, and then every 30 s as long as it moves, and at the end reports what came of it. The
 * message is removed after the report has been taken, and all of its parts, so whatever dies in
 * between repeats the task and loses nothing.
 *
 * A task that stands still is given up as failed, and another gateway may have it. What hangs in it
 * may go on some day, beside whoever does the task then, as a gateway may that was taken for dead:
 * a mirror's epoch refuses what it writes, and everything else that a task does is the same when it
 * is done twice.
 */
export const startWork = (deps: WorkDeps, task: RunTask, lease: Lease, previous?: Promise<void>): Work => {
  const { perform, slots, context, reports, time } = deps;
  const log = deps.log.child(taskFields(task));
  const facts = about(task, context.identity);
  const aborting = new AbortController();
  const { signal } = aborting;
  const movement = new Movement();
  const { onMoved } = movement;
  let progress: Progress | undefined;
  let attached: Attached | undefined;
  let progressAtMs = 0;
  let progressed = false;

  const doTask = async (): Promise<Outcome> => {
    try {
      signal.throwIfAborted();
      const result = await perform(task, {
        ...context,
        storage: withTimeouts(context.storage, { time, signal, onMoved }),
        log,
        signal,
        onMoved,
        onProgress: (newest) => {
          if (!isDeepStrictEqual(newest, progress)) onMoved();
          progress = newest;
          progressAtMs = time.nowMs();
        },
        onAttached: async (where) => {
          attached = where;
          await report({ kind: "working", ...facts, attached }).catch((error: unknown) => {
            log.failed({ err: error }, "could not report where it is attached; the next report says it");
          });
        },
        onAcknowledged: () => {
          progressed = true;
          onMoved();
        },
      });
      return { type: "completed", result };
    } catch (error) {
      return outcomeOfError(error, signal, context.identity.siteId);
    }
  };

  /** What it comes to, and what it was told to let go for when it does not. */
  const attempt = async (): Promise<Outcome> => {
    const over = new AbortController();
    const stands = movement.standsStill({ seconds: agentTimings.standstillSeconds, time }, over.signal);
    void stands.then((still) => still && aborting.abort("stoodStill" satisfies AbortReason));
    const outcome = await Promise.race([doTask(), untilLetGo(signal, time, over.signal)]);
    over.abort();
    return outcome;
  };

  const attemptInTurn = async (): Promise<Outcome> => {
    await previous;
    if (slots === undefined) return attempt();
    try {
      const leave = await slots.take(task, signal);
      return leave === undefined ? { type: "waited" } : await attempt().finally(leave);
    } catch (error) {
      return outcomeOfError(error, signal, context.identity.siteId);
    }
  };

  const attemptReported = async (): Promise<Outcome> => {
    const done = new AbortController();
    // Told to let go, it is nobody's any more, whether it does or not.
    signal.addEventListener("abort", () => done.abort(), { once: true });
    const { workingSeconds, workingSecondsLater } = agentTimings;
    const beat = {
      everySeconds: (calls: number) => (calls === 1 ? workingSeconds : workingSecondsLater),
      first: "now",
      purpose: "report that the task is worked on",
      time,
      log,
      signal: done.signal,
    } as const;
    const sayWorking = () => {
      const isStill = time.nowMs() - progressAtMs > agentTimings.stillSeconds * 1000;
      const now = progress && (isStill ? standing(progress) : progress);
      return reports.send({ kind: "working", ...facts, ...(now && { progress: now }), ...(attached && { attached }) });
    };
    const working = time
      .sleep(agentTimings.workingAfterSeconds * 1000, done.signal)
      .then(() => repeat(beat, sayWorking));
    const outcome = await attemptInTurn();
    done.abort();
    await working;
    return outcome;
  };

  const report = (said: Report) => inTime("report what came of the task", time, () => reports.send(said));

  /** Tells what came of the task. @returns what is to become of its message */
  const conclude = async (outcome: Outcome): Promise<LeaseEnd> => {
    switch (outcome.type) {
      case "completed":
        try {
          for (const part of resultParts(outcome.result)) await report({ kind: "completed", ...facts, ...part });
        } catch (error) {
          if (!VisibleError.is(error, "MESSAGE_TOO_LARGE")) throw error;
          // Done again it would come to the same, and nobody would ever hear of it.
          return conclude(outcomeOfError(error, signal, context.identity.siteId));
        }
        log.info({}, "task completed");
        return "remove";
      case "failed": {
        const { reason, retryable, newestSequence, error } = outcome;
        log.failed({ err: error, retryable, progressed }, "task failed");
        const told = newestSequence === undefined ? {} : { newestSequence };
        await report({ kind: "failed", ...facts, reason, retryable, progressed, ...told });
        return "remove";
      }
      case "fenced":
        log.info({}, "task dropped: somebody newer works on it");
        return "remove";
      case "waited":
        log.debug({}, "task given back: its site has no slot free here");
        return "release";
      case "aborted":
        log.info({ reason: outcome.reason }, "task let go");
        return outcome.reason === "stopping" ? "release" : "remove";
    }
  };

  const work = async (): Promise<void> => {
    log.info({}, "task begun");
    const outcome = await attemptReported();
    try {
      await lease.end(await conclude(outcome));
    } catch (error) {
      log.failed({ err: error, outcome: outcome.type }, "could not report the task; it will be done again");
      await lease.end("lapse");
    }
  };

  return { task, lease, ended: work(), abort: (reason) => aborting.abort(reason) };
};

/** Nothing has moved for a while, so what the rate was is true no more. */
const standing = ({ rate, ...progress }: Progress): Progress =>
  rate === undefined ? progress : { ...progress, rate: { doneBytesPerSecond: 0, sentBytesPerSecond: 0 } };

/** Resolves when a task was told to let go and has had time for it; never after `over`. */
const untilLetGo = async (signal: AbortSignal, time: Time, over: AbortSignal): Promise<Outcome> => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  await time.sleep(agentTimings.letGoSeconds * 1000, over);
  return outcomeOfAbort(signal.reason as AbortReason, new Error("the task did not let go"));
};
