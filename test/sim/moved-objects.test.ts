import assert from "node:assert/strict";
import { test } from "node:test";
import type { SiteId } from "../../core/api/ids.ts";
import type { PlanEntry } from "../../core/api/plan.ts";
import { runPlanNow, updatePlan } from "../../functions/engine/commands.ts";
import { readBase } from "../../functions/groups/base.ts";
import { calm, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

/** Read units for each object of a run whose plan had its objects changed so. */
const readUnitsAfter = async (count: number, change: (objects: readonly PlanEntry[]) => readonly PlanEntry[]) => {
  const objects = Array.from({ length: count }, (_, index) => `vm${index}`);
  const { world, planId } = await makeWorld(81, noFaults, { objects, targets: 1, steps: 0 });
  const run = async () => {
    await world.call((deps) => runPlanNow(deps, planId));
    await calm(world, planId);
    world.pass(60);
    return runsIn(world, planId).at(-1) ?? assert.fail("there is a run");
  };
  await run();
  await world.call((deps) =>
    updatePlan(deps, planId, (plan) => {
      const changed = change(plan.objects);
      return { ...plan, objects: changed, objectCount: changed.length, objectSet: plan.objectSet + 1 };
    }),
  );
  const before = world.table.capacity.read;
  const { id, targets } = await run();
  const units = world.table.capacity.read - before;
  assert.equal(targets["b"]?.state, "succeeded");
  const base = await world.call((deps) => readBase(deps, id, "b" as SiteId));
  assert.equal(base?.why, "increment");
  return units / count;
};

test("objects that have moved in the plan are found near where they were: a run reads no more for each, however many", async () => {
  const withoutFirst = (objects: readonly PlanEntry[]) => objects.slice(1);
  const [few, many] = [await readUnitsAfter(40, withoutFirst), await readUnitsAfter(160, withoutFirst)];
  assert(many < 1.2 * few, `${many} read units for each of 160 objects, ${few} of 40`);
});
