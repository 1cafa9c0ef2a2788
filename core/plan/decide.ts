import { type Instant, type RunId, runIdOf, type SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import type { Skip } from "../api/run.ts";
import { instantText } from "../object/instant-text.ts";
import { addSeconds } from "../ports/clock.ts";
import { slotRange } from "../schedule/slots.ts";
import type { PlanEffect, PlanEvent } from "./events.ts";
import { beginsNow, isSettledAhead, putBack, settledUntil, unsettled } from "./settled.ts";

export interface PlanDecision {
  readonly plan: Plan;
  readonly effects: readonly PlanEffect[];
}

type Lane = Plan["lanes"][string];

/**
 * A year of hourly runs, and some more: so far may a table be set back for one run to be enough to
 * catch up.
 */
export const sequenceLeapMax = 10_000;

/**
 * The plan after an event, and what is to be done about it. Pure. The same plan object comes back
 * when nothing changed.
 *
 * A plan has one lane a target. A run enters every lane at once: where the lane is free it starts,
 * where a run is still going it is remembered, and takes the place of what was remembered before
 * (W22). So every slot is one run or one recorded skip (I11), and the newest one is what gets
 * backed up.
 */
export const decidePlan = (plan: Plan, event: PlanEvent, now: Instant): PlanDecision => {
  if (plan.status === "deleted") return afterDeletion(plan, event, now);
  const righted = putBack(plan, now);
  const decision = decideRighted(righted, event, now);
  // What the scheduler was told by a wrong clock may be wrong as well.
  const isTold = righted.clock === plan.clock || decision.effects.some(({ type }) => type === "sync-schedule");
  return isTold ? decision : { ...decision, effects: [...decision.effects, { type: "sync-schedule" }] };
};

const afterDeletion = (plan: Plan, event: PlanEvent, now: Instant): PlanDecision => {
  if (event.type === "released") return release(plan, event.target, event.runId);
  if (event.type === "take-number") return takeNumber(plan);
  return event.type === "change" ? change(plan, event.change, now) : unchanged(plan);
};

const decideRighted = (plan: Plan, event: PlanEvent, now: Instant): PlanDecision => {
  switch (event.type) {
    case "tick":
      return tick(plan, now);
    case "run-now":
      return runNow(plan, now);
    case "released":
      return release(plan, event.target, event.runId);
    case "overtaken":
      return raise(plan, event.sequence);
    case "take-number":
      return takeNumber(plan);
    case "change":
      return change(plan, event.change, now);
    case "suspend":
      return plan.status === "active" ? settle(plan, "suspended", now) : unchanged(plan);
    case "resume":
      return plan.status === "suspended" ? resumed(settle(plan, "active", now), now) : unchanged(plan);
    case "delete":
      return remove(plan, now);
  }
};

const unchanged = (plan: Plan): PlanDecision => ({ plan, effects: [] });

/**
 * A slot names one run, so a run that a person asks for has one of its own: slots of schedules are
 * whole minutes, and these never are; and a second one in the same instant is a millisecond later.
 */
const manualSlot = (plan: Plan, now: Instant): Instant => {
  const slot = plan.manualSlot !== undefined && plan.manualSlot >= now ? addSeconds(plan.manualSlot, 0.001) : now;
  return slot.endsWith(":00.000Z") ? addSeconds(slot, 0.001) : slot;
};

/**
 * What is due is written down, a range as one skip whatever its number; not what was when a clock
 * was wrong.
 */
const skipDue = (plan: Plan, until: Instant, reason: Skip["reason"]): readonly PlanEffect[] =>
  unsettled(plan, until).flatMap((span): readonly PlanEffect[] => {
    const due = plan.schedule && slotRange(plan.schedule, span);
    if (due === undefined) return [];
    const { first: firstSlot, last: lastSlot, count } = due;
    const isOfWrongClock = reason === "missed" && plan.clock !== undefined && lastSlot <= plan.clock.from;
    const skip: Skip = { planId: plan.id, firstSlot, lastSlot, count, reason: isOfWrongClock ? "clock" : reason };
    return [{ type: "record-skip", skip }];
  });

const newestDue = ({ schedule, slotsDoneUntil }: Plan, until: Instant): Instant | undefined =>
  schedule && slotRange(schedule, { after: slotsDoneUntil, until })?.last;

/**
 * What is due is settled as the plan's status has it: of an active plan the
 * newest slot gets its run.
 */
const tick = (plan: Plan, now: Instant): PlanDecision => {
  const newest = newestDue(plan, now);
  if (newest === undefined) return unchanged(plan);
  const done = settledUntil(plan, newest, now);
  if (plan.status === "suspended") return { plan: done, effects: skipDue(plan, newest, "suspended") };
  const missed = skipDue(plan, addSeconds(newest, -0.001), "missed");
  const queued = enqueue(done, newest, { trigger: "schedule", again: isSettledAhead(plan, newest) });
  return { plan: queued.plan, effects: [...missed, ...queued.effects] };
};

/** What the old schedule still owed is settled first; the new one begins now. */
const change = (plan: Plan, apply: (plan: Plan) => Plan, now: Instant): PlanDecision => {
  const ticked = plan.status === "deleted" ? unchanged(plan) : tick(plan, now);
  const changed = withTargetsSince(apply(ticked.plan), ticked.plan, now);
  const isOther = !isSameSchedule(changed.schedule, ticked.plan.schedule);
  return {
    plan: isOther ? beginsNow(changed, now) : changed,
    effects: [...ticked.effects, { type: "sync-schedule" }],
  };
};

/** Which of its targets the plan has only from now on, beside those that were added before. */
const withTargetsSince = (changed: Plan, before: Plan, now: Instant): Plan => {
  const { targetsSince: known = [], ...rest } = changed;
  const sites = targetsOf(changed);
  const had = targetsOf(before);
  const kept = known.filter(({ site }) => sites.includes(site) && had.includes(site));
  const added = sites.filter((site) => !had.includes(site)).map((site) => ({ site, since: now }));
  if (added.length === 0 && kept.length === known.length) return changed;
  const targetsSince = [...kept, ...added];
  return { ...rest, ...(targetsSince.length > 0 && { targetsSince }) };
};

const isSameSchedule = (one: Plan["schedule"], other: Plan["schedule"]): boolean => {
  const text = (schedule: Plan["schedule"]) => JSON.stringify(Object.entries(schedule ?? {}).sort());
  return text(one) === text(other);
};

const runNow = (plan: Plan, now: Instant): PlanDecision => {
  const slot = manualSlot(plan, now);
  return enqueue({ ...plan, manualSlot: slot }, slot, { trigger: "person" });
};

/**
 * While a clock was ahead, slots that are still to come may have had runs. From then on a slot's
 * run is named half a second later, and one more millisecond for each time that a clock was wrong.
 */
const nameOf = ({ id, clock }: Plan, slot: Instant): RunId =>
  runIdOf(id, clock === undefined || slot > clock.from ? slot : addSeconds(slot, 0.5 + (clock.times % 500) / 1000));

const enqueue = (
  plan: Plan,
  slot: Instant,
  { trigger, again = false }: { readonly trigger: "schedule" | "person"; readonly again?: boolean },
): PlanDecision => {
  const runId = trigger === "person" ? runIdOf(plan.id, slot) : nameOf(plan, slot);
  const sequence = plan.sequence + 1;
  const targets = targetsOf(plan);
  const lanes: Record<string, Lane> = { ...plan.lanes };
  const effects: PlanEffect[] = [
    { type: "create-run", runId, slot, sequence, trigger, targets, ...(again ? { again } : {}) },
  ];
  for (const target of targets) {
    const lane = lanes[target] ?? { active: null, queued: null };
    lanes[target] = lane.active === null ? { active: runId, queued: null } : { ...lane, queued: runId };
    effects.push(...entered(lane, runId, target, slot));
  }
  return { plan: { ...plan, sequence, lanes }, effects };
};

const entered = (lane: Lane, runId: RunId, target: SiteId, slot: Instant): readonly PlanEffect[] => {
  if (lane.active === null) return [{ type: "start", runId, target }];
  if (lane.queued === null) return [];
  const reason = {
    code: "SUPERSEDED",
    message: `The run before it was still going; the slot of ${instantText(slot)} took its place.`,
  };
  return [{ type: "supersede", runId: lane.queued as RunId, target, reason }];
};

/** A snapshot plan has one lane: its own site. */
export const targetsOf = (plan: Pick<Plan, "kind" | "source" | "targets">): readonly SiteId[] =>
  plan.kind === "snapshot" ? [plan.source] : plan.targets.map(({ site }) => site);

const release = (plan: Plan, target: SiteId, runId: RunId): PlanDecision => {
  const lane = plan.lanes[target];
  if (lane === undefined || lane.active !== runId) return unchanged(plan);
  const next = lane.queued as RunId | null;
  const { [target]: _, ...others } = plan.lanes;
  const isGone = next === null && !targetsOf(plan).includes(target);
  const lanes = isGone ? others : { ...plan.lanes, [target]: { active: next, queued: null } };
  return { plan: { ...plan, lanes }, effects: next === null ? [] : [{ type: "start", runId: next, target }] };
};

const takeNumber = (plan: Plan): PlanDecision => ({
  plan: { ...plan, sequence: plan.sequence + 1 },
  effects: [],
});

/**
 * Numbers go on above what a site has, so that the next run is newer than all there. One word
 * counts for so much and no more: a site that is broken or hostile must not use the numbers up.
 */
const raise = (plan: Plan, wanted: number): PlanDecision => {
  const sequence = Math.min(wanted, plan.sequence + sequenceLeapMax);
  return sequence > plan.sequence ? { plan: { ...plan, sequence }, effects: [] } : unchanged(plan);
};

/**
 * Slots that came under the old status are settled by it before the status changes: one that is due
 * gets its run.
 */
const settle = (plan: Plan, status: "active" | "suspended", now: Instant): PlanDecision => {
  const ticked = tick(plan, now);
  return { plan: { ...ticked.plan, status }, effects: [...ticked.effects, { type: "sync-schedule" }] };
};

const resumed = ({ plan, effects }: PlanDecision, now: Instant): PlanDecision => ({
  plan: { ...plan, resumedAt: now },
  effects,
});

/**
 * Restore points stay: deleting a plan deletes no data. What is going on is cancelled, what waits
 * is skipped.
 */
const remove = (plan: Plan, now: Instant): PlanDecision => {
  const newest = newestDue(plan, now);
  const effects: PlanEffect[] = [...skipDue(plan, now, plan.status === "suspended" ? "suspended" : "deleted")];
  const lanes: Record<string, Lane> = {};
  for (const [target, lane] of Object.entries(plan.lanes) as [SiteId, Lane][]) {
    if (lane.queued !== null) {
      const reason = { code: "PLAN_DELETED", message: "The plan was deleted before the run began." };
      effects.push({ type: "supersede", runId: lane.queued as RunId, target, reason });
    }
    if (lane.active !== null) effects.push({ type: "cancel", runId: lane.active as RunId, target });
    lanes[target] = { ...lane, queued: null };
  }
  if (plan.kind === "backup") effects.push({ type: "tidy-source" });
  // Last, since the scheduler may be out of reach, and the rest must not wait for it.
  effects.push({ type: "sync-schedule" });
  const done = newest === undefined ? plan : settledUntil(plan, newest, now);
  return { plan: { ...done, status: "deleted", lanes }, effects };
};
