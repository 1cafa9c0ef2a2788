import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Shard } from "../../core/api/run.ts";
import { type Around, decidePlan } from "../../core/plan/decide.ts";
import type { PlanEvent } from "../../core/plan/events.ts";
import { isAway } from "../../core/plan/place.ts";
import { addSeconds, aheadSecondsMax } from "../../core/ports/clock.ts";
import type { Change, Key, Stored } from "../../core/ports/store.ts";
import type { PartEvent, TaskEvent } from "../../core/run/events.ts";
import { nextSlot } from "../../core/schedule/slots.ts";
import { type PastName, pastNameKey, planKey, planNameKey } from "../documents/records.ts";
import { readGatewaysOfLate } from "../gateways/list.ts";
import { movedApart, planOf, type StoredPlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { loadRun, needRun } from "../runs/runs.ts";
import type { ShardId } from "../runs/shards.ts";
import { advance } from "./advance.ts";
import type { Happening } from "./happenings.ts";
import type { Effects, NewEntry, OutboxEntry } from "./outbox.ts";
import { isOutbox, postponed } from "./outbox.ts";
import { changePart, takePart } from "./parts.ts";
import { carryOutPlanEffects } from "./plan-effects.ts";
import { goOnWith } from "./settle.ts";
import { takeTask } from "./take-task.ts";
import { tidySource } from "./tidy.ts";

/**
 * The sweep looks at a plan this long after its next slot: by then the schedule should have fired.
 */
const slotGraceSeconds = 90;
/** A daily plan's next slot is 25 hours away when clocks go back. */
const lookSecondsMax = 26 * 3600;
/**
 * Further ahead than this nothing is due: neither a plan, nor a run or an outbox entry, which wait
 * for an hour or so at most.
 */
export const dueSecondsMax = lookSecondsMax + aheadSecondsMax;

/** What else changes in one transaction with a plan. */
type Alongside = (before: StoredPlan, after: Plan) => readonly Change[];

/**
 * What happened to a plan: its new state is committed with its effects. A change of its name moves
 * the name in the same transaction, and a plan of before gets today's form.
 */
const takePlan = async (deps: Deps, planId: PlanId, event: PlanEvent, alongside: Alongside = () => []) => {
  const aggregate = {
    key: planKey(planId),
    missing: () =>
      new VisibleError("PLAN_UNKNOWN", `There is no plan ${planId}.`, {
        hint: "List plans with: smtx-backup plan list",
      }),
    dueAt: (plan: StoredPlan) => planDueAt(planOf(plan), deps.clock.now()),
    alongside: (before: StoredPlan, stored: StoredPlan) => {
      const after = planOf(stored);
      return [...renamed(before, after, deps.clock.now()), ...movedApart(before, after), ...alongside(before, after)];
    },
    decide: async (stored: StoredPlan, happened: PlanEvent) => {
      const before = planOf(stored);
      const now = deps.clock.now();
      const { plan, effects } = decidePlan(before, happened, now, await aroundOf(deps, before));
      if (plan.clock !== before.clock) {
        deps.log.warn(
          { planId, now, ...plan.clock },
          "a clock was wrong: the plan's slots were settled far ahead of now",
        );
      }
      return { state: plan, effects: effects.length === 0 ? undefined : ({ of: "plan", planId, effects } as const) };
    },
  };
  const { state, outbox } = await advance(deps, aggregate, event);
  return { state: planOf(state), following: outbox === undefined ? [] : [{ ...carryOut(outbox), plan: state }] };
};

/** While its objects are away, a plan copies to its home if anybody is there. */
const aroundOf = async (deps: Deps, plan: Plan): Promise<Around> => {
  if (!isAway(plan)) return {};
  return { isHomeAbsent: !(await readGatewaysOfLate(deps, plan.source)).some(({ alive }) => alive) };
};

/**
 * When the sweep has to compare the plan's slots with its runs: after the next slot, and once a
 * day. So what is due later than in two days was written by a clock that was wrong. A plan without
 * a schedule, or deleted: never.
 */
export const planDueAt = (plan: Plan, now: Instant) => {
  if (plan.schedule === undefined || plan.status === "deleted") return undefined;
  const slot = nextSlot(plan.schedule, plan.slotsDoneUntil);
  if (slot === undefined) return undefined;
  const [afterSlot, atLatest] = [addSeconds(slot, slotGraceSeconds), addSeconds(now, lookSecondsMax)];
  return afterSlot < atLatest ? afterSlot : atLatest;
};

const renamed = (before: StoredPlan, after: Plan, now: Instant): readonly Change[] => {
  const drop = { type: "delete", key: planNameKey(before.name), expect: "any" } as const;
  const take = { type: "put", key: planNameKey(after.name), body: { planId: after.id }, expect: "absent" } as const;
  if (after.status === "deleted") return before.status === "deleted" ? [] : [drop, remembered(after, now)];
  return before.name === after.name ? [] : [drop, take];
};

/** Whoever looks for what a deleted plan has left looks for its name. */
const remembered = ({ id: planId, name }: Plan, deletedAt: Instant): Change => {
  const body: PastName = { planId, deletedAt };
  return { type: "put", key: pastNameKey(name, planId), body, expect: "any" };
};

/** What a new entry, which has just been committed and so need not be read, wants done. */
const carryOut = ({ key, body }: NewEntry): CarryOut => ({ to: "carry-out", entry: { key, body } });

/** @returns what happens because of it */
const take = async (deps: Deps, happening: Happening): Promise<readonly Happening[]> => {
  switch (happening.to) {
    case "plan":
      return (await takePlan(deps, happening.planId, happening.event)).following;
    case "part":
      return takePart(deps, happening.runId, happening.target, happening.event);
    case "go-on":
      return goOnWith(deps, happening.run, happening.target, { isNew: true });
    case "task":
      return takeTask(deps, happening.shard, happening.event);
    case "tidy":
      await tidySource(deps, (await needRun(deps, happening.runId)).run, happening.target);
      return [];
    case "failover":
      await deps.goOnWithFailover?.(deps, happening.failoverId);
      return [];
    case "carry-out":
      return takeEntry(deps, happening);
    case "forget":
      await deps.store.commit([{ type: "delete", key: happening.entry, expect: "any" }]);
      return [];
  }
};

/** An entry's effects are carried out, and it goes when what they bring about is safe. */
const takeEntry = async (deps: Deps, { entry, plan }: CarryOut): Promise<readonly Happening[]> => {
  const { key, body } = entry;
  const following = await carryOutPlanEffects(deps, body.effects.planId, body.effects.effects, plan);
  return [...following.map((one) => ({ ...one, because: key })), { to: "forget", entry: key, because: key }];
};

type CarryOut = Extract<Happening, { to: "carry-out" }>;

/**
 * The one loop: takes what happens, and what happens because of it, one after the other. State is
 * safe before anything follows from it, so what can't be done now is done by the sweep; what comes
 * after it because of the same document waits with it.
 * @returns what the first thing that could not be done threw
 */
const takeAll = async (deps: Deps, happenings: readonly Happening[]): Promise<unknown> => {
  let queue = [...happenings];
  let failure: unknown;
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    try {
      queue.push(...(await take(deps, next)));
    } catch (error) {
      assert(error instanceof Error);
      failure ??= error;
      deps.log.failed({ err: error, happening: next }, "what follows is left to the sweep");
      const cause = next.to === "carry-out" ? next.entry.key : next.because;
      queue = queue.filter(({ because }) => because === undefined || because !== cause);
      if (cause !== undefined) await postpone(deps, cause);
    }
  }
  return failure;
};

/** An entry that could not be carried out comes up again later; where that fails as well, soon. */
const postpone = async (deps: Deps, key: Key): Promise<void> => {
  if (!isOutbox(key)) return;
  try {
    const stored = await deps.store.get<OutboxEntry>(key);
    if (stored === undefined) return;
    const { body, dueAt } = postponed(stored.body, deps.clock.now());
    await deps.store.commit([{ type: "put", key, body, expect: { version: stored.version }, dueAt }]);
  } catch (error) {
    assert(error instanceof Error);
    deps.log.failed({ err: error, key }, "an outbox entry could not be postponed");
  }
};

/**
 * Something happens to a plan.
 * @param alongside what else changes in the same transaction
 * @throws what keeps it from being safe, and nothing that comes after
 */
export const applyToPlan = async (
  deps: Deps,
  planId: PlanId,
  event: PlanEvent,
  alongside?: Alongside,
): Promise<Plan> => {
  const { state, following } = await takePlan(deps, planId, event, alongside);
  await takeAll(deps, following);
  return state;
};

/** Something happens to a run's part. @throws {VisibleError} RUN_UNKNOWN, and as for a plan */
export const applyToPart = async (deps: Deps, runId: RunId, target: SiteId, event: PartEvent): Promise<void> => {
  const run = await changePart(deps, runId, target, event);
  if (run !== undefined) await takeAll(deps, [{ to: "go-on", run, target }]);
};

/**
 * Something happens to the task that a shard, which was just read, gives out. @throws as for a plan
 */
export const applyToTask = async (deps: Deps, id: ShardId, event: TaskEvent, shard: Stored<Shard>): Promise<void> => {
  await takeAll(deps, await takeTask(deps, id, event, shard));
};

/**
 * What somebody found out to have happened.
 * @throws what the first thing that could not be done threw
 */
export const follow = async (deps: Deps, happenings: readonly Happening[]): Promise<void> => {
  const failure = await takeAll(deps, happenings);
  if (failure !== undefined) throw failure;
};

/**
 * Carries out an entry that has just been committed; what can't be done now is done by the sweep.
 */
export const tryDrain = async (deps: Deps, entry: NewEntry): Promise<void> => {
  await takeAll(deps, [carryOut(entry)]);
};

/** Carries out an outbox entry, if it is there. Twice is as good as once. @throws as `follow` */
export const drain = async (deps: Deps, key: Key): Promise<void> => {
  const entry = await deps.store.get<OutboxEntry>(key);
  if (entry === undefined) return;
  const { effects } = entry.body as { readonly effects: Effects | EffectsOfBefore };
  if (effects.of === "plan") return follow(deps, [{ to: "carry-out", entry }]);
  // Of an earlier version; what it wanted is worked out from the run's state,
  // and done by its parts.
  await loadRun(deps, effects.runId);
  await deps.store.commit([{ type: "delete", key, expect: "any" }]);
};

interface EffectsOfBefore {
  readonly of: "run";
  readonly runId: RunId;
}
