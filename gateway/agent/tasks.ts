import type { SiteId } from "../../core/api/ids.ts";
import { isRunTask, type RunTask, type WorkTask, workTaskSchema } from "../../core/api/task.ts";
import { taskFields } from "../log/log.ts";
import type { TaskMessage, TaskSource } from "../queues/task-source.ts";
import type { Watch } from "../time/standstill.ts";
import { tellForeignPlans } from "./foreign-plans.ts";
import { inTime } from "./in-time.ts";
import type { InventoryTeller } from "./inventory.ts";
import { holdLease } from "./lease.ts";
import { parseMessage } from "./parse.ts";
import type { Taker } from "./poll.ts";
import { tellSpace } from "./space.ts";
import { startWork, type Work, type WorkDeps } from "./work.ts";

/** What no run asks. */
type Question = Exclude<WorkTask, RunTask>;

/** The tasks that this gateway works on now. */
export interface CurrentTasks extends Taker {
  allEnded(): Promise<void>;
  /** Tells all of them to let go. */
  abortAll(): void;
  /** How many tasks it has, whether they take a place or not. */
  readonly held: number;
  /** Gives back the messages of those that have not ended. */
  releaseAll(): Promise<void>;
}

const lasts = (task: RunTask): boolean =>
  task.kind === "attach" || (task.kind === "order" && task.order.type === "ready");

export const createCurrentTasks = (
  deps: WorkDeps & { readonly source: TaskSource; readonly siteId: SiteId; readonly inventory: InventoryTeller },
): CurrentTasks => {
  const { source, siteId, inventory, time, log } = deps;
  const sinceMs = time.nowMs();
  /** The newest work on each task; an older try that is ending is in `active` only. */
  const newest = new Map<string, Work>();
  const works = new Set<Work>();
  const active = new Set<Promise<void>>();
  /**
   * Attachments last for hours, and would keep the places that backups need. They have a limit of
   * their own. So does what waits for a stage of a failover: each plan has one at most.
   */
  let lasting = 0;

  const track = (ended: Promise<void>, after: () => void = () => undefined): void => {
    const tracked = ended.finally(() => {
      active.delete(tracked);
      after();
    });
    active.add(tracked);
  };

  const begin = (message: TaskMessage, task: RunTask, previous?: Promise<void>): void => {
    const lease = holdLease({ source, message, sinceMs, time, log: log.child(taskFields(task)) });
    const work = startWork(deps, task, lease, previous);
    newest.set(task.id, work);
    works.add(work);
    if (lasts(task)) lasting += 1;
    track(work.ended, () => {
      works.delete(work);
      if (lasts(task)) lasting -= 1;
      if (newest.get(task.id) === work) newest.delete(task.id);
    });
  };

  const hasRoomFor = (task: RunTask): boolean =>
    deps.slots === undefined ||
    deps.slots.hasRoomFor(
      task,
      [...works].map((work) => work.task),
    );

  const drop = async (message: TaskMessage, task: RunTask): Promise<void> => {
    log.info(taskFields(task), "a second copy of a task that is worked on here is dropped");
    await holdLease({ source, message, sinceMs, time, log }).end("remove");
  };

  /**
   * A task that is worked on here has come again: the same message, another copy of
   * it, or its next try.
   */
  const meet = (work: Work, message: TaskMessage, task: RunTask): void => {
    if (message.messageId === work.lease.messageId) {
      work.lease.redelivered(message.receipt);
    } else if (task.attempt <= work.task.attempt) {
      track(drop(message, task));
    } else {
      work.abort("superseded");
      begin(message, task, work.ended);
    }
  };

  const tell = (task: Question, watch: Watch): Promise<void> => {
    if (task.kind === "inventory") return inventory.tell(watch);
    return task.kind === "space" ? tellSpace(deps, task, watch) : tellForeignPlans(deps, task, watch);
  };

  /** What is no run's: nobody waits for it, and what failed is asked or done again. */
  const answer = async (message: TaskMessage, task: Question): Promise<void> => {
    const lease = holdLease({ source, message, sinceMs, time, log });
    try {
      await inTime(`answer the task ${task.kind}`, time, (watch) => tell(task, watch));
      await lease.end("remove");
    } catch (error) {
      log.failed({ err: error, kind: task.kind }, "a question could not be answered; it will be done again");
      await lease.end("lapse");
    }
  };

  return {
    get count() {
      return active.size - lasting;
    },
    get isIdle() {
      return active.size === 0;
    },
    accept(message) {
      const parsed = parseMessage(workTaskSchema, message.body, siteId);
      if ("problem" in parsed) {
        // It is left alone: a gateway of another version may understand it, and if none does, it
        // ends up in the dead-letter queue where a person can look at it. The control plane sends
        // anew what nobody answers.
        const { problem } = parsed;
        log.error({ messageId: message.messageId, problem }, "a message is not a task for this gateway; it is left");
        return true;
      }
      const { task } = parsed;
      if (!isRunTask(task)) {
        track(answer(message, task));
        return true;
      }
      const work = newest.get(task.id);
      if (work !== undefined) meet(work, message, task);
      else if (hasRoomFor(task)) begin(message, task);
      else return false;
      return true;
    },
    get held() {
      return active.size;
    },
    oneEnded: () => Promise.race(active),
    async allEnded() {
      await Promise.all(active);
    },
    abortAll() {
      for (const work of works) work.abort("stopping");
    },
    async releaseAll() {
      await Promise.all([...works].map((work) => work.lease.end("release")));
    },
  };
};
