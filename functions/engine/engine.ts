import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, PlanId, RunId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { decidePlan } from "../../core/plan/decide.ts";
import type { PlanEvent } from "../../core/plan/events.ts";
import { addSeconds, aheadSecondsMax } from "../../core/ports/clock.ts";
import type { Change, Key, Stored } from "../../core/ports/store.ts";
import { decide } from "../../core/run/decide.ts";
import type { RunEvent } from "../../core/run/events.ts";
import { partsOf } from "../../core/run/steps.ts";
import { nextSlot } from "../../core/schedule/slots.ts";
import type { Deps } from "../deps.ts";
import { planKey, planNameKey, runKey } from "../records.ts";
import { advance } from "./advance.ts";
import type { NewEntry, OutboxEntry } from "./outbox.ts";
import { postponed } from "./outbox.ts";
import { carryOutPlanEffect } from "./plan-effects.ts";
import { carryOutRunEffect } from "./run-effects.ts";

/** The sweep looks at a plan this long after its next slot: by then the schedule should have fired. */
const slotGraceSeconds = 90;
/** A daily plan's next slot is 25 hours away when clocks go back. */
const lookSecondsMax = 26 * 3600;
/**
 * Further ahead than this nothing is due: neither a plan, nor a run or an outbox entry, which wait
 * for an hour or so at most.
 */
export const dueSecondsMax = lookSecondsMax + aheadSecondsMax;

/** What happened to a run: its new state is committed with its effects, and these are carried out. */
export const applyToRun = async (deps: Deps, runId: RunId, event: RunEvent): Promise<Run> => {
  const aggregate = {
    key: runKey(runId),
    missing: () =>
      new VisibleError("RUN_UNKNOWN", `There is no run ${runId}.`, { hint: "List runs with: smtx-backup run list" }),
    dueAt: runDueAt,
    decide: (before: Run, happened: RunEvent) => {
      const { run, effects } = decide(
        before,
        happened,
        { now: deps.clock.now(), fraction: deps.ids.fraction() },
        deps.limits,
      );
      return { state: run, effects: effects.length === 0 ? undefined : ({ of: "run", runId, effects } as const) };
    },
  };
  const { state, outbox } = await advance(deps, aggregate, event);
  if (outbox !== undefined) await tryDrain(deps, outbox);
  return state;
};

/** What happened to a plan; the same way. A change of its name moves the name in the same transaction. */
export const applyToPlan = async (deps: Deps, planId: PlanId, event: PlanEvent): Promise<Plan> => {
  const aggregate = {
    key: planKey(planId),
    missing: () =>
      new VisibleError("PLAN_UNKNOWN", `There is no plan ${planId}.`, {
        hint: "List plans with: smtx-backup plan list",
      }),
    dueAt: (plan: Plan) => planDueAt(plan, deps.clock.now()),
    alongside: renamed,
    decide: (before: Plan, happened: PlanEvent) => {
      const now = deps.clock.now();
      const { plan, effects } = decidePlan(before, happened, now);
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
  if (outbox !== undefined) await tryDrain(deps, outbox);
  return state;
};

const runDueAt = (run: Run) =>
  partsOf(run)
    .flatMap(([, part]) => (part.deadline === null ? [] : [part.deadline]))
    .sort()[0];

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

const renamed = (before: Plan, after: Plan): readonly Change[] => {
  const drop = { type: "delete", key: planNameKey(before.name), expect: "any" } as const;
  const take = { type: "put", key: planNameKey(after.name), body: { planId: after.id }, expect: "absent" } as const;
  if (after.status === "deleted") return before.status === "deleted" ? [] : [drop];
  return before.name === after.name ? [] : [drop, take];
};

/** Carries out an outbox entry's effects in their order, then removes it. Twice is as good as once. */
export const drain = async (deps: Deps, key: Key): Promise<void> => {
  const entry = await deps.store.get<OutboxEntry>(key);
  if (entry !== undefined) await drainEntry(deps, entry);
};

const drainEntry = async (deps: Deps, { key, body: entry, version }: Stored<OutboxEntry>): Promise<void> => {
  const { effects } = entry;
  try {
    if (effects.of === "run") {
      for (const effect of effects.effects) await carryOutRunEffect(deps, effects.runId, effect);
    } else {
      for (const effect of effects.effects) await carryOutPlanEffect(deps, effects.planId, effect);
    }
  } catch (error) {
    const { body, dueAt } = postponed(entry, deps.clock.now());
    await deps.store.commit([{ type: "put", key, body, expect: { version }, dueAt }]);
    throw error;
  }
  await deps.store.commit([{ type: "delete", key, expect: "any" }]);
};

/**
 * Carries out an entry that has just been committed, so that it need not be read. The state is safe
 * already: what could not be carried out now is carried out by the sweep.
 */
export const tryDrain = async (deps: Deps, { key, body }: NewEntry): Promise<void> => {
  try {
    await drainEntry(deps, { key, body, version: 1 });
  } catch (error) {
    assert(error instanceof Error);
    deps.log.warn({ outbox: key, error: error.message }, "effects are left to the sweep");
  }
};
