import type { ReportQueue } from "../../core/ports/queue.ts";
import type { Log } from "../log.ts";
import { backoffMs } from "../queues/backoff.ts";
import type { TaskMessage, TaskSource } from "../queues/tasksource.ts";
import type { TaskContext } from "../tasks/context.ts";
import type { PerformTask } from "../tasks/perform.ts";
import type { Time } from "../time.ts";
import { createInventoryTeller } from "./inventory.ts";
import { agentLimits } from "./limits.ts";
import { repeat } from "./repeat.ts";
import { createCurrentTasks } from "./tasks.ts";
import { within } from "./within.ts";

export interface AgentOptions {
  readonly source: TaskSource;
  readonly reports: ReportQueue;
  readonly perform: PerformTask;
  readonly context: Omit<TaskContext, "log" | "signal" | "onProgress" | "onAcknowledged">;
  /** Tasks that are worked on at the same time. */
  readonly slots: number;
  readonly time: Time;
  readonly log: Log;
}

export interface Agent {
  /** Rejects when something happens that must not; the gateway can't go on then. Resolves after a stop. */
  readonly ended: Promise<void>;
  /**
   * Takes no more tasks, lets go of those under way and gives their messages back, so that another gateway goes on at
   * once. Resolves within 7 s, whatever hangs. Only the first call counts.
   */
  stop(): Promise<void>;
}

/**
 * Works on the site's tasks, as many at once as there are slots, and tells the control plane every 5 s that the gateway
 * is alive and what has changed in the site's inventory. Gateways of a site share its queue and know nothing of each other.
 */
export const startAgent = (options: AgentOptions): Agent => {
  const { source, reports, context, slots, time, log } = options;
  const { identity, storage, now } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  const inventory = createInventoryTeller({ storage, reports, identity, now, log });
  const tasks = createCurrentTasks({ ...options, siteId: identity.siteId, inventory });

  const release = async ({ receipt, messageId }: TaskMessage): Promise<void> => {
    try {
      await source.release(receipt);
    } catch (error) {
      log.warn({ err: error, messageId }, "could not give back a message; it comes again by itself");
    }
  };

  const receive = () =>
    source.receive({
      max: slots - tasks.count,
      waitSeconds: agentLimits.pollSeconds,
      visibilitySeconds: agentLimits.visibilitySeconds,
      signal,
    });

  const receiveOrWait = async (failures: number): Promise<readonly TaskMessage[] | undefined> => {
    try {
      return await receive();
    } catch (error) {
      const waitMs = backoffMs(failures + 1, { firstMs: agentLimits.pollRetryMs, maxMs: agentLimits.pollRetryMsMax });
      log.warn({ err: error, waitMs: Math.round(waitMs) }, "could not ask for tasks; trying again");
      await time.sleep(waitMs, signal);
      return undefined;
    }
  };

  const poll = async (): Promise<void> => {
    let failures = 0;
    while (!signal.aborted) {
      if (tasks.count >= slots) {
        await tasks.oneEnded();
        continue;
      }
      const messages = await receiveOrWait(failures);
      failures = messages === undefined ? failures + 1 : 0;
      if (signal.aborted) await Promise.all((messages ?? []).map(release));
      else for (const message of messages ?? []) tasks.accept(message);
    }
  };

  const beat = { everySeconds: agentLimits.beatSeconds, first: "now", time, log, signal } as const;
  const ended = Promise.all([
    poll(),
    repeat({ ...beat, purpose: "report that the gateway is alive" }, () =>
      reports.send({ kind: "alive", gateway: identity }),
    ),
    repeat({ ...beat, purpose: "tell what the site has" }, () => inventory.tellChanges()),
  ]).then(() => undefined);

  const end = async (): Promise<void> => {
    stopping.abort();
    tasks.abortAll();
    // A defect that ended the polling must not keep the rest from being stopped; `ended` tells of it.
    const orderly = Promise.allSettled([tasks.allEnded(), ended]);
    if (await within(orderly, agentLimits.stopTasksMs, time)) return;
    log.warn({ tasks: tasks.count }, "tasks did not end in time; their messages are given back all the same");
    await within(tasks.releaseAll(), agentLimits.stopReleaseMs, time);
  };
  let stopped: Promise<void> | undefined;
  return {
    ended,
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
};
