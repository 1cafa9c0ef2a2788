import type { SiteId } from "../../core/api/ids.ts";
import type { RunTask } from "../../core/api/task.ts";
import { FairGate } from "../shares/fair-gate.ts";
import type { Time } from "../time/time.ts";
import { agentTimings } from "./timings.ts";

/** Which of a queue's tasks are worked on at the same time. */
export interface Slots {
  /**
   * Whether the gateway may hold a task more for that site: one that is worked on, or waits for a
   * slot.
   */
  hasRoomFor(task: RunTask, held: Iterable<RunTask>): boolean;
  /**
   * Waits for a slot, for a while.
   * @returns what gives it back; undefined when there was none @throws the signal's reason
   */
  take(task: RunTask, signal: AbortSignal): Promise<(() => void) | undefined>;
}

/**
 * So many may wait for each site, eight runs' worth. More are passed over, and their messages come
 * again: what is meant for other sites may lie behind them.
 */
const waitingMax = 64;

/** Slots that sites have fair shares of, so one that is slow keeps no other waiting (I10). */
export const createFairSlots = (options: {
  readonly slots: number;
  /** On whose pace it depends how long a task takes. */
  readonly siteOf: (task: RunTask) => SiteId;
  readonly time: Time;
}): Slots => {
  const { slots, siteOf, time } = options;
  const gate = new FairGate(slots);
  return {
    hasRoomFor(task, held) {
      const site = siteOf(task);
      let others = 0;
      for (const other of held) if (siteOf(other) === site) others += 1;
      return others < slots + waitingMax;
    },
    take: (task, signal) => gate.enter({ site: siteOf(task), waitMs: agentTimings.slotSeconds * 1000, time, signal }),
  };
};
