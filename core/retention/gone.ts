import type { Instant } from "../api/ids.ts";
import { isRule, type PlanEntry } from "../api/plan.ts";
import type { GoneObject } from "../api/task.ts";
import { addSeconds } from "../ports/clock.ts";
import type { Gap, Gone } from "./retention.ts";

/** What came by a rule and vanished goes with retention after so long. */
export const goneKeptDays = 30;

/** What is kept of an object that a plan's source has not any more. */
export interface GoneRecord extends GoneObject {
  /** Of the first run without it. */
  readonly since: Instant;
  /**
   * The number of the run that had it again: it is not gone now, and a site may have no
   * copy that is as new.
   */
  readonly backIn?: number | undefined;
  /** It was gone before that as well. */
  readonly gaps?: readonly Gap[] | undefined;
}

/** Of those that an object was away for, so many are remembered. */
const gapsMax = 20;

/** What is known of an object that goes again after it had come back. */
export const goneAgain = (before: GoneRecord, now: GoneRecord): GoneRecord => {
  const { backIn: until, lastSequence: after, gaps = [] } = before;
  const { lastSequence = after } = now;
  if (until === undefined || after === undefined || lastSequence === undefined) return now;
  // No group is known to have it since it was back.
  if (lastSequence < until) return { ...now, lastSequence: after, gaps };
  return { ...now, lastSequence, gaps: [...gaps, { after, until }].slice(-gapsMax) };
};

/** Whether a plan names the object: only a person ends that. */
export const isNamed = (entries: readonly PlanEntry[], { kind, id }: Pick<GoneObject, "kind" | "id">): boolean =>
  entries.some((entry) => !isRule(entry) && entry.kind === kind && entry.id === id);

/** Until when the newest copy of what came by a rule is kept. */
export const keptUntil = ({ since }: Pick<GoneRecord, "since">): Instant => addSeconds(since, goneKeptDays * 24 * 3600);

/**
 * Of what is gone, that of which the newest copy is to be kept (I3): what the plan names, until it
 * does not; what came by a rule, for 30 days. What no group has is in no retention's hands.
 */
export const goneToKeep = (
  records: readonly GoneRecord[],
  entries: readonly PlanEntry[],
  now: Instant,
): readonly Gone[] => {
  const named = new Set(entries.flatMap((entry) => (isRule(entry) ? [] : [`${entry.kind}/${entry.id}`])));
  return records.flatMap((record): readonly Gone[] => {
    const { kind, id, name, lastSequence, backIn, gaps } = record;
    if (lastSequence === undefined || backIn !== undefined) return [];
    const gone = { kind, id, name, lastSequence, ...(gaps !== undefined && { gaps }) };
    if (named.has(`${kind}/${id}`)) return [gone];
    const until = keptUntil(record);
    return record.named || until <= now ? [] : [{ ...gone, until }];
  });
};
