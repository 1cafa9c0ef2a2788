import type { SiteId } from "../../core/api/ids.ts";
import type { Gateway } from "../../core/api/site.ts";
import type { RunTask } from "../../core/api/task.ts";
import type { ReportQueue } from "../../core/ports/queue.ts";
import type { Log } from "../log/log.ts";
import type { TaskSource } from "../queues/task-source.ts";
import { withTimeouts } from "../storage/with-timeouts.ts";
import type { GatewayContext } from "../tasks/context.ts";
import type { PerformTask } from "../tasks/perform.ts";
import type { Time } from "../time/time.ts";
import { within } from "../time/within.ts";
import { createAliveTeller, type RefusedToTell } from "./alive.ts";
import { createInventoryTeller } from "./inventory.ts";
import { pollQueue } from "./poll.ts";
import { repeat } from "./repeat.ts";
import { createSettingsTaker, type SettingsUse } from "./settings.ts";
import { createFairSlots } from "./slots.ts";
import { createCurrentTasks } from "./tasks.ts";
import { agentTimings } from "./timings.ts";

export interface AgentOptions {
  /** The site's queues. */
  readonly queues: readonly {
    readonly source: TaskSource;
    /** How many of its tasks are worked on at the same time. */
    readonly concurrency: number;
    /** Whose pace a task goes at: these sites share the queue fairly. */
    readonly siteOf?: (task: RunTask) => SiteId;
  }[];
  /** The queue of the settings for the site's gateways, and what is done with this one's. */
  readonly settings: SettingsUse & { readonly source: TaskSource };
  readonly reports: ReportQueue;
  readonly perform: PerformTask;
  readonly context: GatewayContext;
  /** What else the control plane is told of the gateway with each sign of life. */
  readonly state?: () => Pick<Gateway, "certificate" | "clockAheadSeconds">;
  /** What the gateway has refused its peers. */
  readonly refused: RefusedToTell;
  readonly time: Time;
  readonly log: Log;
}

export interface Agent {
  /**
   * Rejects when something happens that must not; the gateway can't go on then.
   * Resolves after a stop.
   */
  readonly ended: Promise<void>;
  /**
   * Takes no more tasks, lets go of those under way and gives their messages back, so that another
   * gateway goes on at once. Resolves within 7 s, whatever hangs. Only the first call counts.
   */
  stop(): Promise<void>;
}

/**
 * Works on the site's tasks, as many at once as their queues may have, and tells the control
 * plane that the gateway is alive, and what has changed of it and in the site's inventory. Gateways
 * of a site share its queues and know nothing of each other.
 */
export const startAgent = (options: AgentOptions): Agent => {
  const { queues, context, state, refused, time, log } = options;
  const { identity, storage, now } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  const concurrency = agentTimings.settingsConcurrency;
  const settings = createSettingsTaker({ ...options.settings, identity, concurrency, time, log, signal });
  const alive = createAliveTeller({
    reports: options.reports,
    describe: () => ({ ...identity, ...state?.(), settings: settings.current() }),
    told: () => settings.told,
    refused,
    time,
  });
  const { reports } = alive;
  const timed = withTimeouts(storage, { time });
  const inventory = createInventoryTeller({ storage: timed, reports, identity, now, log, time });
  const pollers = queues.map((queue) => {
    const { source, concurrency: slots, siteOf } = queue;
    const fair = siteOf && createFairSlots({ slots, siteOf, time });
    const tasks = createCurrentTasks({ ...options, source, slots: fair, reports, siteId: identity.siteId, inventory });
    // What waits for a slot is bounded by site.
    const most = fair === undefined ? slots : Number.POSITIVE_INFINITY;
    return { tasks, poll: () => pollQueue({ source, concurrency: most, tasks, time, log, signal }) };
  });
  const allTasks = pollers.map(({ tasks }) => tasks);

  const beat = { everySeconds: agentTimings.beatSeconds, first: "now", time, log, signal } as const;
  const lookSeconds = () => Math.max(agentTimings.beatSeconds, inventory.restSeconds);
  const ended = Promise.all([
    ...pollers.map(({ poll }) => poll()),
    pollQueue({ source: options.settings.source, concurrency, tasks: settings, time, log, signal }),
    repeat({ ...beat, purpose: "report that the gateway is alive" }, () => alive.tell()),
    repeat({ ...beat, everySeconds: lookSeconds, purpose: "tell what the site has" }, (watch) =>
      inventory.tellChanges(watch),
    ),
  ]).then(() => undefined);

  const end = async (): Promise<void> => {
    stopping.abort();
    for (const tasks of allTasks) tasks.abortAll();
    // A defect that ended the polling must not keep the rest from being stopped;
    // `ended` tells of it.
    const orderly = Promise.allSettled([...allTasks.map((tasks) => tasks.allEnded()), ended]);
    if (await within(orderly, agentTimings.stopTasksMs, time)) return;
    const count = allTasks.reduce((sum, tasks) => sum + tasks.held, 0);
    log.warn({ tasks: count }, "tasks did not end in time; their messages are given back all the same");
    await within(Promise.all(allTasks.map((tasks) => tasks.releaseAll())), agentTimings.stopReleaseMs, time);
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
