import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { statusOf } from "../../core/run/steps.ts";
import { planKey } from "../../functions/documents/records.ts";
import { runPlanNow, suspendPlan } from "../../functions/engine/commands.ts";
import { planOf, type StoredPlan } from "../../functions/plans/plan-objects.ts";
import { previewRetention } from "../../functions/queries/groups.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { calm, checkEnds, checkGroups, list, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults } from "./world.ts";

withoutWaiting();

const [siteA, siteB] = ["a", "b"] as SiteId[];

/** A plan whose target keeps the newest group alone, and has one. */
const withGroup = async () => {
  const { world, planId } = await makeWorld(41, noFaults, { objects: 3, targets: 1, steps: 0, keepLast: 1 });
  await world.call((deps) => suspendPlan(deps, planId));
  const back = async () => {
    world.pass(60);
    await world.call((deps) => runPlanNow(deps, planId));
  };
  await back();
  await calm(world, planId);
  const [groupId] = world.site("b").groups.keys();
  assert.ok(groupId !== undefined && siteA !== undefined && siteB !== undefined);
  const rebuild = (siteId: SiteId, namePrefix: string) =>
    world.call((deps) => startRebuild(deps, { groupId, siteId, namePrefix }));
  const preview = async () => {
    const plan = (await world.store.get<StoredPlan>(planKey(planId))) ?? assert.fail("the plan is gone");
    const answer = await world.call((deps) => previewRetention(deps, planOf(plan.body), undefined));
    return answer?.sites.find(({ site }) => site === siteB)?.groups ?? [];
  };
  return { world, planId, groupId, back, rebuild, preview, a: siteA, b: siteB };
};

test("ten rebuilds of one group at once all succeed while a backup goes on to the same mirrors", async () => {
  const { world, planId, back, rebuild, a, b } = await withGroup();
  await back();
  const begun = await Promise.all(Array.from({ length: 10 }, (_, n) => rebuild(n < 5 ? b : a, `r${n}-`)));
  assert.ok(begun.every((run) => run !== undefined));
  await calm(world, planId);
  const runs = runsIn(world, planId);
  assert.equal(runs.filter(({ kind }) => kind === "rebuild").length, 10);
  assert.deepEqual(new Set(runs.map(statusOf)), new Set(["succeeded"]));
  for (const { holds } of list<Group>(world, planId, "GROUP#")) assert.deepEqual(holds, []);
  checkGroups(world);
  checkEnds(world, planId);
});

test("a group that is next in line to be deleted is kept while it is rebuilt, and the preview says so", async () => {
  const { world, planId, groupId, back, rebuild, preview, b } = await withGroup();
  const run = (await rebuild(b, "r-")) ?? assert.fail("it did not begin");
  const work = world.work.bind(world);
  world.work = (task) => {
    if (task.kind !== "rebuild") return work(task);
    throw new Error("no rebuild is done yet");
  };
  const rebuilds = world.tasks.splice(0);
  assert.ok(rebuilds.length > 0 && rebuilds.every(({ body }) => body.kind === "rebuild"));
  await back();
  for (let i = 0; i < 200; i += 1) {
    world.tasks.splice(0, world.tasks.length, ...world.tasks.filter(({ body }) => body.kind !== "rebuild"));
    world.deliverTask();
    await world.deliverReport();
  }
  assert.equal(world.site("b").groups.size, 2);
  const held = (await preview()).find(({ group }) => group.id === groupId) ?? assert.fail("it is gone");
  assert.deepEqual([held.verdict, held.rule], ["keep", "held"]);
  assert.match(held.explanation, new RegExp(`being rebuilt by ${run.id}`));
  world.work = work;
  world.tasks.push(...rebuilds);
  await calm(world, planId);
  assert.deepEqual(new Set(runsIn(world, planId).map(statusOf)), new Set(["succeeded"]));
  await back();
  await calm(world, planId);
  assert.equal(world.site("b").groups.size, 1);
  checkGroups(world, 3);
});
