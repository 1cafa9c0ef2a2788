import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { planIdSchema } from "../../core/api/ids.ts";
import { createNightlyPlan, createTestApi } from "../api/testing.ts";
import { planKey } from "../documents/records.ts";
import { handlePlanInvocation } from "../plan.ts";
import { handleSweep } from "../sweep.ts";
import { deletePlan, resumePlan, suspendPlan } from "./commands.ts";
import { syncSchedule } from "./schedule.ts";

const minute = 60;
const fired = (planId: string) => ({ planId, scheduledTime: "2026-03-02T01:00:00Z" });

/**
 * What a schedule is told while `meanwhile` happens: the call has reached the scheduler, and its
 * answer is not there yet.
 */
const interrupted = async (meanwhile: (planId: never) => Promise<unknown>) => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  let isFirst = true;
  const { put, remove } = api.deps.scheduler;
  const once = async (): Promise<void> => {
    if (!isFirst) return;
    isFirst = false;
    await meanwhile(plan.id as never);
  };
  const scheduler: typeof api.deps.scheduler = {
    put: async (...told) => {
      await once();
      await put(...told);
    },
    remove: async (...told) => {
      await once();
      await remove(...told);
    },
  };
  return { api, plan, deps: { ...api.deps, scheduler } };
};

describe("a plan's schedule", () => {
  test("does not outlive a plan that is deleted while the schedule is put", async () => {
    const { api, plan, deps } = await interrupted(async (planId) => deletePlan(api.deps, planId));
    await syncSchedule(deps, plan.id);
    assert.deepEqual([...api.schedules.keys()], []);
  });

  test("is there when its plan is resumed while the schedule is removed", async () => {
    const { api, plan, deps } = await interrupted(async (planId) => resumePlan(api.deps, planId));
    await suspendPlan(deps, plan.id);
    assert.deepEqual([...api.schedules.keys()], [plan.id]);
  });

  test("is removed when it fires for a plan that was deleted, or that nobody knows", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await deletePlan(api.deps, plan.id);
    const unknown = planIdSchema.parse(`plan_${"9".repeat(26)}`);
    for (const planId of [plan.id, unknown]) {
      api.schedules.set(planId, {});
      await handlePlanInvocation(api.deps, fired(planId));
      await handlePlanInvocation(api.deps, fired(planId));
    }
    api.pass(minute);
    await handleSweep(api.deps);
    assert.deepEqual([...api.schedules.keys()], []);
    assert.deepEqual(await api.deps.store.due({ now: "2026-12-01T00:00:00.000Z" as never, limit: 10 }), []);
    assert.equal(await api.deps.store.get(planKey(unknown)), undefined);
  });

  test("stays when it fires for a plan that is there", async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    await handlePlanInvocation(api.deps, fired(plan.id));
    api.pass(minute);
    await handleSweep(api.deps);
    assert.deepEqual([...api.schedules.keys()], [plan.id]);
  });
});
