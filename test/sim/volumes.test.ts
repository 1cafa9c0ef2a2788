import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { PrepareTask, TransferTask } from "../../core/api/task.ts";
import { statusOf } from "../../core/run/steps.ts";
import { runPlanNow, suspendPlan } from "../../functions/engine/commands.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { calm, checkGroups, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

const cluster = async () => {
  const made = await makeWorld(93, noFaults, { objects: 1, targets: 1, steps: 0, isCluster: true });
  await made.world.call((deps) => suspendPlan(deps, made.planId));
  return made;
};

/** A run, and what its sites were told. */
const run = async (world: World, planId: PlanId) => {
  world.pass(60);
  const transfers: TransferTask[] = [];
  const prepares: PrepareTask[] = [];
  const work = world.work.bind(world);
  world.work = (task) => {
    if (task.kind === "transfer") transfers.push(task);
    if (task.kind === "prepare") prepares.push(task);
    return work(task);
  };
  const { id } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
  await calm(world, planId);
  world.work = work;
  const done = runsIn(world, planId).find((one) => one.id === id) ?? assert.fail("the run is gone");
  assert.equal(statusOf(done), "succeeded");
  checkGroups(world);
  return { prepares, transfers: transfers.sort((one, other) => one.index - other.index) };
};

/** Of each transfer, its index, the volume, and whether it has a base. */
const told = (transfers: readonly TransferTask[]) =>
  transfers.map(({ index, volumes, baseGroupId }) => {
    const [volume, ...others] = volumes;
    assert.deepEqual(others, [], "a transfer is of one volume");
    assert.ok(volume !== undefined && "snapshotId" in volume);
    assert.equal(volume.baseSnapshotId === null, baseGroupId === null);
    return [index, volume.mirrorVolumeId.slice("mirror-".length), baseGroupId === null ? "in full" : "increment"];
  });

const change = (world: World, id: string, volumes: readonly string[]): void => {
  const site = world.site("a");
  const object = site.objects.get(id) ?? assert.fail(`there is no ${id}`);
  site.objects.set(id, { ...object, volumes });
  for (const volume of volumes) if (!site.volumes.has(volume)) site.volumes.set(volume, 1);
};

const all = ["db-0", "db-1", "lun-7", "file-a", "file-b", "w-1"];

describe("a run's transfers", () => {
  test("are one a volume, each once, though two objects have it", async () => {
    const { world, planId } = await cluster();
    const { transfers, prepares } = await run(world, planId);
    assert.deepEqual(
      told(transfers),
      all.map((id, index) => [index, id, "in full"]),
    );
    assert.equal(prepares.length, 6);
    assert.deepEqual(
      told((await run(world, planId)).transfers),
      all.map((id, index) => [index, id, "increment"]),
    );
  });

  test("are in full for a disk that was added, and increments for all else, also where a disk went", async () => {
    const { world, planId } = await cluster();
    await run(world, planId);
    change(world, "vm-db", ["db-0", "db-1", "db-2"]);
    assert.deepEqual(told((await run(world, planId)).transfers), [
      ...[[0, "db-0", "increment"] as const, [1, "db-1", "increment"] as const, [2, "db-2", "in full"] as const],
      ...all.slice(2).map((id, index) => [index + 3, id, "increment"]),
    ]);
    change(world, "vm-db", ["db-1", "db-2"]);
    const { transfers } = await run(world, planId);
    assert.deepEqual(
      told(transfers),
      ["db-1", "db-2", ...all.slice(2)].map((id, index) => [index, id, "increment"]),
    );
  });

  test("are increments for a disk that another VM has now", async () => {
    const { world, planId } = await cluster();
    await run(world, planId);
    change(world, "vm-web-1", ["w-1", "db-0"]);
    change(world, "vm-db", ["db-1"]);
    assert.deepEqual(told((await run(world, planId)).transfers), [
      ...["db-1", "lun-7", "file-a", "file-b", "w-1", "db-0"].map((id, index) => [index, id, "increment"]),
    ]);
  });

  test("go on where the tasks of an answer in many parts have other objects than volumes", async () => {
    const { world, planId } = await cluster();
    // Every answer of a snapshot comes in parts of one object, in any order and twice.
    world.faults = { ...noFaults, again: 1 };
    world.pass(60);
    await world.call((deps) => runPlanNow(deps, planId));
    for (let i = 0; i < 40; i += 1) {
      world.deliverTask();
      await world.deliverReport();
    }
    world.faults = noFaults;
    await calm(world, planId);
    assert.deepEqual(runsIn(world, planId).map(statusOf), ["succeeded"]);
    checkGroups(world, 6);
  });
});

test("a rebuild has a task an object of its restore point, however many entries the plan had", async () => {
  const { world, planId } = await cluster();
  await run(world, planId);
  const [group] = world.site("b").groups.keys();
  assert.ok(group);
  const names: string[] = [];
  const work = world.work.bind(world);
  world.work = (task) => {
    if (task.kind === "rebuild") names.push(task.name);
    return work(task);
  };
  const rebuilt = await world.call((deps) =>
    startRebuild(deps, { groupId: group, siteId: "b" as SiteId, namePrefix: "again-" }),
  );
  assert.equal(rebuilt?.objectCount, 6);
  await calm(world, planId);
  assert.deepEqual(names.sort(), [
    ...["/exports/e1/vm/again-a", "/exports/e1/vm/again-b", "again-db", "again-db-1", "again-lun-7", "again-web-1"],
  ]);
});
