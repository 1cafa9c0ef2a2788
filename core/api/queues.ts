import type { SiteId } from "./ids.ts";
import type { Task } from "./task.ts";

/**
 * A site has two queues. Transfers last for hours; everything else is done in seconds, and must not wait behind them, or
 * one plan's slow link would hold up the snapshots of all others.
 */
export const siteQueues = ["tasks", "transfers"] as const;
export type SiteQueue = (typeof siteQueues)[number];

/** The queue that a task goes to. */
export const siteQueueOf = (task: Task): SiteQueue => (task.kind === "transfer" ? "transfers" : "tasks");

export const siteQueueName = (prefix: string, siteId: SiteId, queue: SiteQueue): string =>
  `${prefix}-${queue}-${siteId}`;
export const reportQueueName = (prefix: string): string => `${prefix}-reports`;
