import type { Instant } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import { addSeconds, aheadSecondsMax, earlier, isAhead, later } from "../ports/clock.ts";

/** Instants after `after` and not after `until`. */
export type Span = NonNullable<Plan["settledAhead"]>[number];

/**
 * So many spans are remembered; whoever sets a clock more often than that while none of them comes
 * loses the furthest one.
 */
const spansMax = 16;

/** What of the time until `until` no slot has been settled of. */
export const unsettled = (plan: Pick<Plan, "slotsDoneUntil" | "settledAhead">, until: Instant): readonly Span[] => {
  const open: Span[] = [];
  let after = plan.slotsDoneUntil;
  for (const span of plan.settledAhead ?? []) {
    if (span.after >= until) break;
    if (span.after > after) open.push({ after, until: span.after });
    after = later(after, span.until);
  }
  if (after < until) open.push({ after, until });
  return open;
};

export const isSettledAhead = ({ settledAhead = [] }: Pick<Plan, "settledAhead">, slot: Instant): boolean =>
  settledAhead.some(({ after, until }) => after < slot && slot <= until);

/** The plan when all of its slots until an instant are settled, now. */
export const settledUntil = (plan: Plan, slotsDoneUntil: Instant, settledAt: Instant): Plan => {
  const { settledAhead = [], ...rest } = plan;
  const left = settledAhead
    .filter(({ until }) => until > slotsDoneUntil)
    .map(({ after, until }) => ({ after: later(after, slotsDoneUntil), until }));
  return { ...rest, slotsDoneUntil, settledAt, ...(left.length === 0 ? {} : { settledAhead: left }) };
};

/** The plan when it has another schedule from now on: nothing of it is settled, whatever comes. */
export const beginsNow = (plan: Plan, now: Instant): Plan => {
  const { settledAhead: _, ...rest } = plan;
  const slotsDoneUntil = later(plan.slotsDoneUntil, now);
  return { ...rest, slotsDoneUntil, slotsSince: slotsDoneUntil };
};

/**
 * Slots that lie after this are still to come: what a plan is said to do next, and what `putBack`
 * has it do.
 */
export const comesAfter = (plan: Plan, now: Instant): Instant => later(putBack(plan, now).slotsDoneUntil, now);

/**
 * The plan without instants that lie well ahead of now: whether the clock was ahead when they were
 * written or is behind now, its slots would not come for as long. What was settled stays so, and is
 * remembered. The same plan comes back when there is nothing to put back.
 *
 * It is put back a little more than to now, so that a slot which has just come, and whose tick is
 * the first to notice, is not passed over.
 */
export const putBack = (plan: Plan, now: Instant): Plan => {
  const past = withoutFuture(plan, now);
  const { slotsDoneUntil: from, settledAt = from, settledAhead = [], clock, createdAt, slotsSince = createdAt } = plan;
  if (!isAhead(from, now) && !isAhead(settledAt, now)) return past;
  const { settledAt: _, ...rest } = past;
  const slotsDoneUntil = earlier(from, addSeconds(now, -aheadSecondsMax));
  // A slot that came in time was settled by a clock that was ahead already: nothing is lost.
  if (slotsDoneUntil === from) return rest;
  const begun = later(slotsSince, slotsDoneUntil);
  const spans = joined([...(begun < from ? [{ after: begun, until: from }] : []), ...settledAhead]);
  return {
    ...rest,
    slotsDoneUntil,
    slotsSince: earlier(slotsSince, slotsDoneUntil),
    settledAhead: spans.slice(0, spansMax),
    clock: { putBackAt: now, from: later(from, clock?.from ?? from), times: (clock?.times ?? 0) + 1 },
  };
};

const withoutFuture = (plan: Plan, now: Instant): Plan => {
  const { manualSlot, createdAt, ...rest } = plan;
  const isManualAhead = manualSlot !== undefined && isAhead(manualSlot, now);
  if (!isManualAhead && !isAhead(createdAt, now)) return plan;
  return {
    ...rest,
    createdAt: isAhead(createdAt, now) ? now : createdAt,
    ...(isManualAhead || manualSlot === undefined ? {} : { manualSlot }),
  };
};

/** Spans in their order, those that touch as one. */
const joined = (spans: readonly Span[]): readonly Span[] => {
  const found: Span[] = [];
  for (const span of spans.toSorted((one, other) => (one.after < other.after ? -1 : 1))) {
    const last = found.at(-1);
    if (last === undefined || span.after > last.until) found.push(span);
    else found[found.length - 1] = { after: last.after, until: later(last.until, span.until) };
  }
  return found;
};
