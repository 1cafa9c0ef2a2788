import type { Key } from "../../core/ports/store.ts";
import { isOutbox, type OutboxEntry } from "../engine/outbox.ts";
import type { Deps } from "../ports/deps.ts";
import { metricFields, stuckMetric } from "./metrics.ts";

/**
 * Once may be a busy store, and a second time a bad minute. The third comes some four
 * minutes after the first.
 */
export const stuckFailuresMin = 3;

/** So many are named in the log. */
const namedMax = 20;

/** Whether what the sweep could not move on is an outbox entry that keeps failing. */
export const isStuck = async ({ store }: Pick<Deps, "store">, key: Key): Promise<boolean> =>
  isOutbox(key) && ((await store.get<OutboxEntry>(key))?.body.failures ?? 0) >= stuckFailuresMin;

/**
 * Logs which they are, and their number as a metric: only when there are any, since a
 * metric costs by the hour.
 */
export const reportStuck = (
  { log, clock }: Pick<Deps, "log" | "clock">,
  installation: string,
  stuck: readonly Key[],
): void => {
  if (stuck.length === 0) return;
  const fields = metricFields(stuckMetric, { installation, now: clock.now(), count: stuck.length });
  log.error({ ...fields, stuck: stuck.slice(0, namedMax) }, "effects that fail again and again");
};
