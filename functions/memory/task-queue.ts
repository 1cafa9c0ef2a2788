import type { SiteId } from "../../core/api/ids.ts";
import { sendableText } from "../../core/api/message.ts";
import type { Task } from "../../core/api/task.ts";
import type { TaskQueue } from "../../core/ports/queue.ts";

/** A task as it was sent. */
export interface SentTask {
  readonly task: Task;
  readonly delaySeconds: number;
}

/** A `TaskQueue` whose messages a test takes out by hand, in any order it likes. */
export interface MemoryTaskQueue extends TaskQueue {
  /** The sites whose queues there are. */
  sites(): readonly SiteId[];
  /** Takes every message off the site's queue, oldest first. */
  takeAll(siteId: SiteId): readonly SentTask[];
}

/**
 * Makes an empty one. Tasks are copied through JSON; a site's queue is there from its first use.
 */
export const createMemoryTaskQueue = (): MemoryTaskQueue => {
  const queues = new Map<SiteId, string[]>();
  const queueOf = (siteId: SiteId) => {
    const queue = queues.get(siteId) ?? [];
    queues.set(siteId, queue);
    return queue;
  };

  return {
    async send(siteId, tasks) {
      for (const { task } of tasks) sendableText(task, `The task ${task.id}`);
      const sent = tasks.map(({ task, delaySeconds = 0 }): SentTask => ({ task, delaySeconds }));
      queueOf(siteId).push(...sent.map((message) => JSON.stringify(message)));
    },
    async ensure(siteId) {
      queueOf(siteId);
    },
    sites: () => [...queues.keys()],
    takeAll: (siteId) =>
      queueOf(siteId)
        .splice(0)
        .map((json): SentTask => JSON.parse(json)),
  };
};
