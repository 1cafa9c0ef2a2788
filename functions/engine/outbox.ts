import type { Instant, PlanId } from "../../core/api/ids.ts";
import type { PlanEffect } from "../../core/plan/events.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { Change, Key } from "../../core/ports/store.ts";
import { backoff } from "../../core/waiting/backoff.ts";
import { outboxKey } from "../documents/records.ts";

/** What one commit of a plan, or what stands in its place, wants done, in order. */
export interface Effects {
  readonly of: "plan";
  readonly planId: PlanId;
  readonly effects: readonly PlanEffect[];
}

export interface OutboxEntry {
  readonly effects: Effects;
  /** How often carrying it out has failed. */
  readonly failures: number;
}

export const isOutbox = ({ sort }: Key): boolean => sort.startsWith("OUTBOX#");

/**
 * An entry is carried out right after its commit; one that is still there after this long is
 * taken up by the sweep.
 */
const sweepAfterSeconds = 30;
/** The sweep takes them one after the other, so chance has nothing to spread. */
const backoffSeconds = { first: 2 * sweepAfterSeconds, max: 3600, jitter: 0 };

/** An entry on its way into the store; its key is its own, so its version there is 1. */
export type NewEntry = Extract<Change, { type: "put" }> & { readonly body: OutboxEntry };

/**
 * The change that puts an entry beside the new version of its document; the version
 * makes its key unique.
 */
export const putOutbox = (options: {
  readonly aggregate: Key;
  readonly version: number;
  readonly effects: Effects;
  readonly now: Instant;
}): NewEntry => ({
  type: "put",
  key: outboxKey(options.aggregate, options.version),
  body: { effects: options.effects, failures: 0 },
  expect: "any",
  dueAt: addSeconds(options.now, sweepAfterSeconds),
});

/** The entry after a failure: it comes up again later, ever more rarely, and is never dropped. */
export const postponed = (
  entry: OutboxEntry,
  now: Instant,
): { readonly body: OutboxEntry; readonly dueAt: Instant } => {
  const failures = entry.failures + 1;
  return { body: { ...entry, failures }, dueAt: addSeconds(now, backoff(backoffSeconds, failures, 0)) };
};
