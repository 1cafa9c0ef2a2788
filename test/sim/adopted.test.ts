import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import { statusOf } from "../../core/run/steps.ts";
import { cancelRun, runPlanNow, suspendPlan, updatePlan } from "../../functions/engine/commands.ts";
import { calm, checkGroups, list, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

/** Of a plan that runs only when the test says so. */
const makeSmallWorld = async () => {
  const made = await makeWorld(1, noFaults, { objects: 1, targets: 1, steps: 0, keepLast: 2 });
  await made.world.call((deps) => suspendPlan(deps, made.planId));
  return made;
};

const begin = async (world: World, planId: PlanId): Promise<Run> => {
  world.pass(60);
  return (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
};
const run = async (world: World, planId: PlanId): Promise<Run> => {
  const { id } = await begin(world, planId);
  await calm(world, planId);
  return runsIn(world, planId).find((one) => one.id === id) ?? assert.fail("the run is gone");
};
const statesOf = (world: World, planId: PlanId, site: string, runs: readonly Run[]) => {
  const groups = list<Group>(world, planId, `GROUP#${site}#`);
  return runs.map(({ groupId }) => groups.find(({ id }) => id === groupId)?.state);
};

test("a restore point of a run that did not hear that it was published pushes out no good one, and goes with its age", async () => {
  const { world, planId } = await makeSmallWorld();
  const first = await run(world, planId);
  const second = await begin(world, planId);
  while (!world.site("b").groups.has(second.groupId)) if (!world.deliverTask()) await world.deliverReport();
  // What the gateway says of it gets lost, and somebody has had enough.
  world.restartQueues();
  await world.call((deps) => cancelRun(deps, second.id));
  await calm(world, planId);
  const third = await run(world, planId);
  assert.deepEqual(statesOf(world, planId, "b", [first, second, third]), ["published", "published", "published"]);
  const fourth = await run(world, planId);
  assert.deepEqual(statesOf(world, planId, "b", [first, second, third, fourth]), [
    ...["deleted", "deleted"],
    ...["published", "published"],
  ]);
  checkGroups(world, 1);
});

test("what runs that failed everywhere leave on their source pushes out no good group there", async () => {
  const { world, planId } = await makeSmallWorld();
  await world.call((deps) => updatePlan(deps, planId, (plan) => ({ ...plan, retention: { keepLast: 2 } })));
  const good = [await run(world, planId), await run(world, planId)];
  world.unreachable.add("b" as SiteId);
  const failed = [await run(world, planId), await run(world, planId)];
  assert.deepEqual([...good, ...failed].map(statusOf), ["succeeded", "succeeded", "failed", "failed"]);
  assert.deepEqual(statesOf(world, planId, "a", [...good, ...failed]), [
    ...["published", "published"],
    ...["deleted", "deleted"],
  ]);
  checkGroups(world, 1);
});
