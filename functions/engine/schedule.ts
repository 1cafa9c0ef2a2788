import type { PlanId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { SchedulerExpression } from "../../core/ports/scheduler.ts";
import { schedulerExpression } from "../../core/schedule/expression.ts";
import { nextSlot } from "../../core/schedule/slots.ts";
import { planKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { putOutbox } from "./outbox.ts";

/**
 * Whoever loses against others who change the plan so many times in a row leaves it to the sweep.
 */
const triesMax = 5;

/**
 * Brings the scheduler in line with the plan as it is now, whatever it was when somebody wanted
 * this. It may change while the scheduler is told, and what is told then is already wrong, and told
 * last: so the plan is looked at once more afterwards.
 * @throws Error when it was another plan each time
 */
export const syncSchedule = async (deps: Deps, planId: PlanId): Promise<void> => {
  let wanted = await expressionOf(deps, planId);
  for (let tries = 0; tries < triesMax; tries += 1) {
    await (wanted === undefined ? deps.scheduler.remove(planId) : deps.scheduler.put(planId, wanted));
    const next = await expressionOf(deps, planId);
    if (isSame(wanted, next)) return;
    wanted = next;
  }
  throw new Error(`the plan ${planId} is changed all the time`);
};

/**
 * The schedule exists while the plan is active and has slots to come; a suspended plan's are
 * recorded by the sweep.
 */
const expressionOf = async (deps: Deps, planId: PlanId): Promise<SchedulerExpression | undefined> => {
  const plan = (await deps.store.get<Plan>(planKey(planId)))?.body;
  if (plan?.status !== "active" || plan.schedule === undefined) return undefined;
  return nextSlot(plan.schedule, deps.clock.now()) === undefined ? undefined : schedulerExpression(plan.schedule);
};

const isSame = (one: SchedulerExpression | undefined, other: SchedulerExpression | undefined): boolean =>
  one?.expression === other?.expression && one?.timeZone === other?.timeZone && one?.endsAt === other?.endsAt;

/** No commit of a plan makes this version. */
const noVersion = 0;

/**
 * A schedule fires for a plan that has no use for it: the sweep removes it, since whoever is fired
 * may change no schedules. However often it fires, that is one thing to do.
 */
export const leaveScheduleToSweep = async (deps: Deps, planId: PlanId): Promise<void> => {
  const effects = { of: "plan", planId, effects: [{ type: "sync-schedule" }] } as const;
  await deps.store.commit([
    putOutbox({ aggregate: planKey(planId), version: noVersion, effects, now: deps.clock.now() }),
  ]);
};
