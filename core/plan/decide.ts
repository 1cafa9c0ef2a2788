import { type FailoverId, type Instant, type RunId, runIdOf, type SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import type { Skip } from "../api/run.ts";
import { instantText } from "../object/instant-text.ts";
import { addSeconds, later } from "../ports/clock.ts";
import { slotRange } from "../schedule/slots.ts";
import type { PlanEffect, PlanEvent, RunOfFailover } from "./events.ts";
import { emptied, entered, hasRun, released } from "./lanes.ts";
import { isAway, siteOfObjects, targetsOf } from "./place.ts";
import { homeAbsent, refuseMoved, refuseMoving } from "./refuse-moved.ts";
import { beginsNow, isSettledAhead, putBack, settledUntil, unsettled } from "./settled.ts";

export interface PlanDecision {
  readonly plan: Plan;
  readonly effects: readonly PlanEffect[];
}

/**
 * A year of hourly runs, and some more: so far may a table be set back for one run to be enough to
 * catch up.
 */
export const sequenceLeapMax = 10_000;

/** What a plan can't know by itself. */
export interface Around {
  /** No gateway of the plan's source was heard of lately: while it is away, no run goes there. */
  readonly isHomeAbsent?: boolean;
}

interface Scene extends Around {
  readonly now: Instant;
}

/**
 * The plan after an event, and what is to be done about it. Pure. The same plan object comes back
 * when nothing changed.
 *
 * A plan has one lane a target. A run enters every lane at once: where the lane is free it starts,
 * where a run is still going it is remembered, and takes the place of what was remembered before
 * (W22). So every slot is one run or one recorded skip (I11), and the newest one is what gets
 * backed up.
 * @throws {VisibleError} of what a person asks for: FAILOVER_UNDER_WAY, PLAN_AWAY, HOME_ABSENT
 */
export const decidePlan = (plan: Plan, event: PlanEvent, now: Instant, around: Around = {}): PlanDecision => {
  if (plan.status === "deleted") return afterDeletion(plan, event, now);
  const righted = putBack(plan, now);
  const decision = decideRighted(righted, event, { now, ...around });
  // What the scheduler was told by a wrong clock may be wrong as well.
  const isTold = righted.clock === plan.clock || decision.effects.some(({ type }) => type === "sync-schedule");
  return isTold ? decision : { ...decision, effects: [...decision.effects, { type: "sync-schedule" }] };
};

const afterDeletion = (plan: Plan, event: PlanEvent, now: Instant): PlanDecision => {
  if (event.type === "released") return release(plan, event.target, event.runId);
  if (event.type === "take-number") return takeNumber(plan);
  return event.type === "change" ? change(plan, event.change, { now }) : unchanged(plan);
};

const decideRighted = (plan: Plan, event: PlanEvent, scene: Scene): PlanDecision => {
  const { now } = scene;
  switch (event.type) {
    case "tick":
      return tick(plan, scene);
    case "run-now":
      return event.of === undefined ? runNow(plan, scene) : runOfFailover(plan, event.of);
    case "moving":
      return beginMoving(plan, event.failoverId, scene);
    case "moved":
      return endMoving(plan, event.failoverId, scene);
    case "place":
      return plan.moving === event.failoverId ? putTo(plan, event.place, now) : unchanged(plan);
    case "released":
      return release(plan, event.target, event.runId);
    case "overtaken":
      return raise(plan, event.sequence);
    case "take-number":
      return takeNumber(plan);
    case "change":
      return change(plan, event.change, scene);
    case "suspend":
      return plan.status === "active" ? settle(plan, "suspended", scene) : unchanged(plan);
    case "resume":
      return plan.status === "suspended" ? resumed(settle(plan, "active", scene), now) : unchanged(plan);
    case "delete":
      refuseMoved(plan, "It was not deleted");
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
const tick = (plan: Plan, { now, isHomeAbsent }: Scene): PlanDecision => {
  const newest = newestDue(plan, now);
  if (newest === undefined) return unchanged(plan);
  const done = settledUntil(plan, newest, now);
  const targets = reached(plan, isHomeAbsent);
  const passed = passedOver(plan, targets);
  if (passed !== undefined) return { plan: done, effects: skipDue(plan, newest, passed) };
  const missed = skipDue(plan, addSeconds(newest, -0.001), "missed");
  const queued = enqueue(done, newest, { trigger: "schedule", targets, again: isSettledAhead(plan, newest) });
  return { plan: queued.plan, effects: [...missed, ...queued.effects] };
};

/** The targets that a run can go to now: of a plan that is away, home only where it answers. */
const reached = (plan: Plan, isHomeAbsent = false): readonly SiteId[] =>
  targetsOf(plan).filter((target) => !(isHomeAbsent && isAway(plan) && target === plan.source));

/** Why a slot of now gets no run; undefined: it gets one. */
const passedOver = (plan: Plan, targets: readonly SiteId[]): Skip["reason"] | undefined => {
  if (plan.status === "suspended") return "suspended";
  if (plan.moving !== undefined) return "failover";
  return targets.length === 0 ? "absent" : undefined;
};

/** What the old schedule still owed is settled first; the new one begins now. */
const change = (plan: Plan, apply: (plan: Plan) => Plan, scene: Scene): PlanDecision => {
  const { now } = scene;
  const ticked = plan.status === "deleted" ? unchanged(plan) : tick(plan, scene);
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

const runNow = (plan: Plan, { now, isHomeAbsent }: Scene): PlanDecision => {
  refuseMoving(plan, "No run was begun");
  const targets = reached(plan, isHomeAbsent);
  if (targets.length === 0) throw homeAbsent(plan);
  const slot = manualSlot(plan, now);
  return enqueue({ ...plan, manualSlot: slot }, slot, { trigger: "person", targets });
};

const runOfFailover = (plan: Plan, { failoverId, slot, targets: wanted }: RunOfFailover): PlanDecision => {
  const targets = targetsOf(plan).filter((target) => wanted.includes(target));
  const isDone = hasRun(plan, runIdOf(plan.id, slot));
  if (plan.moving !== failoverId || targets.length === 0 || isDone) return unchanged(plan);
  const newest = plan.manualSlot === undefined ? slot : later(plan.manualSlot, slot);
  return enqueue({ ...plan, manualSlot: newest }, slot, { trigger: "person", targets, failoverId });
};

/** What came before gets its run still; what comes from now on is passed over. */
const beginMoving = (plan: Plan, failoverId: FailoverId, scene: Scene): PlanDecision => {
  if (plan.moving !== undefined) return unchanged(plan);
  const ticked = tick(plan, scene);
  return { plan: { ...ticked.plan, moving: failoverId }, effects: ticked.effects };
};

const endMoving = (plan: Plan, failoverId: FailoverId, scene: Scene): PlanDecision => {
  if (plan.moving !== failoverId) return unchanged(plan);
  const ticked = tick(plan, scene);
  const { moving: _, ...moved } = ticked.plan;
  return { plan: moved, effects: ticked.effects };
};

const putTo = (plan: Plan, place: Plan["place"], now: Instant): PlanDecision => {
  const reason = { code: "PLAN_MOVED", message: "A failover has moved the plan's objects before the run began." };
  const { lanes, effects } = emptied(plan, reason);
  const { place: _, ...rest } = plan;
  const moved = { ...rest, lanes, ...(place !== undefined && { place }) };
  return { plan: withTargetsSince(moved, plan, now), effects };
};

/**
 * While a clock was ahead, slots that are still to come may have had runs. From then on a slot's
 * run is named half a second later, and one more millisecond for each time that a clock was wrong.
 */
const nameOf = ({ id, clock }: Plan, slot: Instant): RunId =>
  runIdOf(id, clock === undefined || slot > clock.from ? slot : addSeconds(slot, 0.5 + (clock.times % 500) / 1000));

const enqueue = (plan: Plan, slot: Instant, { trigger, targets, failoverId, again = false }: Wanted): PlanDecision => {
  const runId = trigger === "person" ? runIdOf(plan.id, slot) : nameOf(plan, slot);
  const sequence = plan.sequence + 1;
  const reason = {
    code: "SUPERSEDED",
    message: `The run before it was still going; the slot of ${instantText(slot)} took its place.`,
  };
  let { lanes } = plan;
  const effects: PlanEffect[] = [
    {
      ...{ type: "create-run", runId, slot, sequence, trigger, targets },
      ...(again && { again }),
      ...(isAway(plan) && { at: siteOfObjects(plan) }),
      ...(plan.place !== undefined && { standIns: plan.place.standIns }),
      ...(failoverId !== undefined && { failoverId }),
    },
  ];
  for (const target of targets) {
    const next = entered(lanes, { runId, target, reason });
    lanes = next.lanes;
    effects.push(...next.effects);
  }
  return { plan: { ...plan, sequence, lanes }, effects };
};

interface Wanted {
  readonly trigger: "schedule" | "person";
  readonly targets: readonly SiteId[];
  readonly failoverId?: FailoverId;
  readonly again?: boolean;
}

const release = (plan: Plan, target: SiteId, runId: RunId): PlanDecision => {
  const after = released(plan, target, runId);
  return after === undefined ? unchanged(plan) : { plan: { ...plan, lanes: after.lanes }, effects: after.effects };
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
const settle = (plan: Plan, status: "active" | "suspended", scene: Scene): PlanDecision => {
  const ticked = tick(plan, scene);
  return { plan: { ...ticked.plan, status }, effects: [...ticked.effects, { type: "sync-schedule" }] };
};

const resumed = ({ plan: { adopted: _, ...plan }, effects }: PlanDecision, now: Instant): PlanDecision => ({
  plan: { ...plan, resumedAt: now },
  effects,
});

/**
 * Restore points stay: deleting a plan deletes no data. What is going on is cancelled, what waits
 * is skipped.
 */
const remove = (plan: Plan, now: Instant): PlanDecision => {
  const newest = newestDue(plan, now);
  const skips = skipDue(plan, now, plan.status === "suspended" ? "suspended" : "deleted");
  const reason = { code: "PLAN_DELETED", message: "The plan was deleted before the run began." };
  const { lanes, effects: ended } = emptied(plan, reason);
  const tidied: readonly PlanEffect[] = plan.kind === "backup" ? [{ type: "tidy-source" }] : [];
  const done = newest === undefined ? plan : settledUntil(plan, newest, now);
  return {
    plan: { ...done, status: "deleted", lanes },
    // Last, since the scheduler may be out of reach, and the rest must not wait for it.
    effects: [...skips, ...ended, ...tidied, { type: "sync-schedule" }],
  };
};
