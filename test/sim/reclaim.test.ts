import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { ReclaimTask } from "../../core/api/task.ts";
import { planKey } from "../../functions/documents/records.ts";
import { runPlanNow } from "../../functions/engine/commands.ts";
import { calm, checkEnds, checkGroups, list, makeWorld } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

test("however many restore points are to go at once, one run deletes them all, some at a time", async () => {
  const { world, planId } = await makeWorld(51, noFaults, { objects: 1, targets: 1, steps: 0, keepLast: 1 });
  const run = async () => {
    await world.call((deps) => runPlanNow(deps, planId));
    await calm(world, planId);
    world.pass(1);
  };
  const keep = async (keepLast: number) => {
    const key = planKey(planId);
    const plan = (await world.store.get<Plan>(key)) ?? assert.fail("the plan is gone");
    const targets = plan.body.targets.map((target) => ({ ...target, retention: { keepLast } }));
    await world.store.commit([
      { type: "put", key, body: { ...plan.body, targets }, expect: { version: plan.version } },
    ]);
  };
  await keep(200);
  for (let i = 0; i < 120; i += 1) await run();
  const published = () =>
    list<Group>(world, planId, "GROUP#").filter(({ state, role }) => state === "published" && role === "mirror").length;
  assert.equal(published(), 120);
  await keep(1);
  const told: ReclaimTask[] = [];
  world.onReclaimed = (task) => void (task.siteId !== "a" && told.push(task));
  await run();
  assert.equal(published(), 1);
  assert.equal(world.site("b").groups.size, 1);
  assert.deepEqual(
    told.map(({ groupIds }) => groupIds.length).filter((count) => count > 0),
    [50, 50, 20],
  );
  checkGroups(world, 1);
  checkEnds(world, planId);
});
