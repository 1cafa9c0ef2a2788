import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import { isRule } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { GoneRecord } from "../../core/retention/gone.ts";
import { statusOf } from "../../core/run/steps.ts";
import { gonePrefix } from "../../functions/documents/records.ts";
import { runPlanNow, suspendPlan, updatePlan } from "../../functions/engine/commands.ts";
import { readRun } from "../../functions/queries/runs.ts";
import { calm, checkGroups, list, makeWorld, runsIn } from "./history.ts";
import type { ModelObject } from "./model-objects.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

/** The plan of all kinds, with which nothing goes wrong, and which runs when the test says so. */
const cluster = async (keepLast: number, targets = 1) => {
  const made = await makeWorld(91, noFaults, { objects: 1, targets, steps: 0, keepLast, isCluster: true });
  await made.world.call((deps) => suspendPlan(deps, made.planId));
  return made;
};

const run = async (world: World, planId: PlanId): Promise<Run> => {
  world.pass(60);
  const { id } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
  await calm(world, planId);
  return runsIn(world, planId).find((one) => one.id === id) ?? assert.fail("the run is gone");
};

const objectOf = (world: World, id: string): ModelObject =>
  world.site("a").objects.get(id) ?? assert.fail(`there is no ${id}`);

/** @returns what brings it back */
const remove = (world: World, id: string): (() => void) => {
  const { objects, volumes } = world.site("a");
  const object = objectOf(world, id);
  const contents = object.volumes.map((volume) => [volume, volumes.get(volume) ?? 0] as const);
  objects.delete(id);
  for (const volume of object.volumes) volumes.delete(volume);
  return () => {
    objects.set(id, object);
    for (const [volume, content] of contents) volumes.set(volume, content);
  };
};

const at = (world: World, site: string): readonly number[] =>
  [...world.site(site).groups.values()].map(({ sequence }) => sequence).sort((one, other) => one - other);
const records = (world: World, planId: PlanId) => list<GoneRecord>(world, planId, gonePrefix);
const answerOf = async (world: World, { id }: Run) =>
  (await world.call((deps) => readRun(deps, id))) ?? assert.fail("it can't be shown");

describe("an object that is gone", () => {
  test("does not stop the others: run, part and restore point name it, as does the group at the source", async () => {
    const { world, planId } = await cluster(2);
    await run(world, planId);
    remove(world, "lun-7");
    const second = await run(world, planId);
    assert.equal(statusOf(second), "succeeded");
    const { warnings = [], targets, objectCount } = await answerOf(world, second);
    const named = warnings.filter(({ code }) => code === "OBJECT_GONE");
    assert.equal(named.length, 1);
    assert.match(named[0]?.message ?? "", /The lun “lun-7” \(lun-7\) is not at the source any more/);
    assert.match(targets[0]?.warning?.message ?? "", /“lun-7”/);
    assert.equal(objectCount, 5);
    const groups = list<Group>(world, planId, "GROUP#").filter(({ runId }) => runId === second.id);
    assert.deepEqual(
      groups.map(({ siteId, warnings: some = [] }) => [siteId, some.some(({ code }) => code === "OBJECT_GONE")]),
      [
        ["a", true],
        ["b", true],
      ],
    );
    checkGroups(world);
  });

  test("keeps its newest restore point as long as the plan names it, and no longer", async () => {
    const { world, planId } = await cluster(1);
    await run(world, planId);
    await run(world, planId);
    remove(world, "lun-7");
    for (let i = 0; i < 3; i += 1) await run(world, planId);
    world.pass(400 * 24 * 3600);
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [2, 6]);
    assert.deepEqual(at(world, "a"), [6], "what a target keeps need not be kept at the source");
    await world.call((deps) =>
      updatePlan(deps, planId, (plan) => {
        const entries = plan.objects.filter((entry) => isRule(entry) || entry.id !== "lun-7");
        return { ...plan, objects: entries, objectCount: entries.length, objectSet: plan.objectSet + 1 };
      }),
    );
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [7]);
    assert.deepEqual(records(world, planId), []);
  });

  test("that a rule had found keeps its newest restore point for 30 days", async () => {
    const { world, planId } = await cluster(1);
    await run(world, planId);
    remove(world, "file-a");
    await run(world, planId);
    world.pass(29 * 24 * 3600);
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [1, 3]);
    world.pass(24 * 3600);
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [4]);
    assert.deepEqual(records(world, planId), []);
  });

  test("is not gone any more when it is back", async () => {
    const { world, planId } = await cluster(1);
    await run(world, planId);
    const [bringBack, bringFileBack] = [remove(world, "lun-7"), remove(world, "file-a")];
    await run(world, planId);
    assert.deepEqual(
      records(world, planId)
        .map(({ id }) => id)
        .sort(),
      ["file-a", "lun-7"],
    );
    bringBack();
    bringFileBack();
    const third = await run(world, planId);
    const fourth = await run(world, planId);
    assert.deepEqual(records(world, planId), [], "each target has a copy of it again");
    assert.deepEqual(at(world, "b"), [4]);
    assert.equal(statusOf(fourth), "succeeded");
    const { warnings = [] } = await answerOf(world, third);
    assert.ok(warnings.every(({ code }) => code !== "OBJECT_GONE"));
  });

  test("keeps the restore point that has it where a target does not have the run that had it last", async () => {
    const { world, planId } = await cluster(1);
    const b = "b" as SiteId;
    await run(world, planId);
    const bringBack = remove(world, "lun-7");
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [1, 2]);
    bringBack();
    world.unreachable.add(b);
    assert.equal(statusOf(await run(world, planId)), "failed");
    world.unreachable.delete(b);
    remove(world, "lun-7");
    await run(world, planId);
    await run(world, planId);
    const kept = [...world.site("b").groups.values()].filter(({ objects }) => objects.has("lun/lun-7"));
    assert.deepEqual(
      kept.map(({ sequence }) => sequence),
      [1],
    );
    assert.deepEqual(at(world, "b"), [1, 5]);
  });

  test("is found in the restore points when the source can't tell which group had it last", async () => {
    const { world, planId } = await cluster(1);
    const first = await run(world, planId);
    remove(world, "lun-7");
    world.site("a").lose(first.groupId);
    await run(world, planId);
    await run(world, planId);
    assert.deepEqual(at(world, "b"), [1, 3]);
  });

  test("fails the run where nothing else is left", async () => {
    const { world, planId } = await makeWorld(92, noFaults, { objects: 2, targets: 2, steps: 0 });
    await world.call((deps) => suspendPlan(deps, planId));
    await run(world, planId);
    world.site("a").volumes.clear();
    const second = await run(world, planId);
    assert.deepEqual(
      Object.values(second.targets).map(({ state, reason }) => [state, reason?.code]),
      [
        ["failed", "OBJECT_GONE"],
        ["failed", "OBJECT_GONE"],
      ],
    );
    assert.deepEqual(at(world, "b"), [1]);
  });
});
