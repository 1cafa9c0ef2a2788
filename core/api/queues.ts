import type { SiteId } from "./ids.ts";
import type { Task } from "./task.ts";

/**
 * A site has three queues. Transfers last for hours; other tasks are done in seconds, and must not
 * wait behind them, or one plan's slow link would hold up the snapshots of all others. Settings
 * take no time at all and wait for no slot.
 */
export const siteQueues = ["tasks", "transfers", "settings"] as const;
export type SiteQueue = (typeof siteQueues)[number];

/** The queue that a task goes to. */
export const siteQueueOf = ({ kind }: Task): SiteQueue => {
  if (kind === "transfer") return "transfers";
  return kind === "settings" ? "settings" : "tasks";
};

export const siteQueueName = (prefix: string, siteId: SiteId, queue: SiteQueue): string =>
  `${prefix}-${queue}-${siteId}`;
export const reportQueueName = (prefix: string): string => `${prefix}-reports`;
