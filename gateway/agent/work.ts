import type { Progress } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import { type Log, taskFields } from "../log.ts";
import type { GatewayIdentity, TaskContext } from "../tasks/context.ts";
import type { PerformTask } from "../tasks/perform.ts";
import type { Time } from "../time.ts";
import type { Lease, LeaseEnd } from "./lease.ts";
import { agentLimits } from "./limits.ts";
import { type AbortReason, type Outcome, outcomeOfError } from "./outcome.ts";
import { repeat } from "./repeat.ts";

/** What the work on any task needs. */
export interface WorkDeps {
  readonly perform: PerformTask;
  readonly context: Omit<TaskContext, "log" | "signal" | "onProgress" | "onAcknowledged">;
  readonly reports: ReportQueue;
  readonly time: Time;
  readonly log: Log;
}

/** A task that is worked on here. */
export interface Work {
  readonly task: RunTask;
  readonly lease: Lease;
  /** Resolves when the task is done with and its message dealt with; never rejects. */
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
  siteId,
  gatewayId: id,
});

/**
 * Begins to work on a task, after `previous` has ended: says so every 5 s, and at the end reports what came of it. The
 * message is removed after the report has been taken, so whatever dies in between repeats the task and loses nothing.
 */
export const startWork = (deps: WorkDeps, task: RunTask, lease: Lease, previous?: Promise<void>): Work => {
  const { perform, context, reports, time } = deps;
  const log = deps.log.child(taskFields(task));
  const facts = about(task, context.identity);
  const aborting = new AbortController();
  let progress: Progress | undefined;
  let progressed = false;

  const attempt = async (): Promise<Outcome> => {
    try {
      await previous;
      aborting.signal.throwIfAborted();
      const result = await perform(task, {
        ...context,
        log,
        signal: aborting.signal,
        onProgress: (newest) => {
          progress = newest;
        },
        onAcknowledged: () => {
          progressed = true;
        },
      });
      return { type: "completed", result };
    } catch (error) {
      return outcomeOfError(error, aborting.signal, context.identity.siteId);
    }
  };

  const attemptReported = async (): Promise<Outcome> => {
    const done = new AbortController();
    const beat = {
      everySeconds: agentLimits.beatSeconds,
      first: "now",
      purpose: "report that the task is worked on",
      time,
      log,
      signal: done.signal,
    } as const;
    const working = repeat(beat, () => reports.send({ kind: "working", ...facts, ...(progress && { progress }) }));
    const outcome = await attempt();
    done.abort();
    await working;
    return outcome;
  };

  /** Tells what came of the task. @returns what is to become of its message */
  const conclude = async (outcome: Outcome): Promise<LeaseEnd> => {
    switch (outcome.type) {
      case "completed":
        await reports.send({ kind: "completed", ...facts, result: outcome.result });
        log.info({}, "task completed");
        return "remove";
      case "failed": {
        const { reason, retryable, error } = outcome;
        log[reason.code === "INTERNAL" ? "error" : "warn"]({ err: error, retryable, progressed }, "task failed");
        await reports.send({ kind: "failed", ...facts, reason, retryable, progressed });
        return "remove";
      }
      case "fenced":
        log.info({}, "task dropped: somebody newer works on it");
        return "remove";
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
      log.warn({ err: error, outcome: outcome.type }, "could not report the task; it will be done again");
      await lease.end("lapse");
    }
  };

  return { task, lease, ended: work(), abort: (reason) => aborting.abort(reason) };
};
