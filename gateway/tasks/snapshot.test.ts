import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanEntry } from "../../core/api/plan.ts";
import { type SnapshotTask, snapshotTaskSchema, taskResultSchema } from "../../core/api/task.ts";
import { snapshot } from "./snapshot.ts";
import { runTaskFields } from "./testing.ts";
import { fakeCluster, groupOfRun } from "./testing-cluster.ts";
import { fileOf, planObjectOf, vmOf, volumeOf } from "./testing-objects.ts";

const taskOf = (objects: readonly PlanEntry[], sequence = 1): SnapshotTask =>
  snapshotTaskSchema.parse({
    ...runTaskFields,
    ...{ kind: "snapshot", step: "snapshotting", planName: "nightly", objects, sequence },
    groupId: groupOfRun(sequence),
  });

/** A cluster, and what the n-th run of a plan with these entries comes to there. */
const setUp = (objects: readonly ObjectConfig[]) => {
  const { world, context } = fakeCluster(objects);
  const run = async (entries: readonly PlanEntry[], sequence = 1) => {
    const result = await snapshot(taskOf(entries, sequence), context);
    assert.deepEqual(taskResultSchema.parse(JSON.parse(JSON.stringify(result))), result);
    return result;
  };
  return { world, run };
};
const namesOf = ({ objects }: Awaited<ReturnType<typeof snapshot>>) => objects.map(({ config }) => config.name);
const everyVm: PlanEntry = { kind: "vm", match: "*" };
const everyFile: PlanEntry = { kind: "nfs-file", directory: "/exports/e1" };
const [web, db] = [vmOf("web", { disks: ["web-0", "web-1"] }), vmOf("db", { disks: ["db-0"] })];

describe("the snapshot task", () => {
  test("looks up what is named, and looks at all that there is for rules only", async () => {
    const { world, run } = setUp([web, db]);
    await run([planObjectOf(web)]);
    assert.deepEqual(world.calls, ["findObjects", "snapshotGroup"]);
    world.calls = [];
    assert.deepEqual(namesOf(await run([planObjectOf(web), everyVm], 2)), ["web", "db"]);
    assert.deepEqual(world.calls, ["inventory", "snapshotGroup"]);
  });

  test("snapshots a volume once that two objects have, and says where it comes again", async () => {
    const loose = volumeOf("web-1");
    const { world, run } = setUp([web, loose]);
    const { objects } = await run([planObjectOf(web), planObjectOf(loose)]);
    const [group] = world.groups.values();
    assert.deepEqual(
      group?.snapshots.map(({ volumeId }) => volumeId),
      ["volume-web-0", "volume-web-1"],
    );
    assert.deepEqual(
      objects.map(({ snapshotIds, repeated, because }) => ({ snapshotIds, repeated, because })),
      [
        { snapshotIds: ["snapshot of volume-web-0", "snapshot of volume-web-1"], repeated: undefined, because: 0 },
        { snapshotIds: ["snapshot of volume-web-1"], repeated: [0], because: 1 },
      ],
    );
  });

  test("keeps with the group what was taken, for which entry, what is gone, what is to be known and the plan's name", async () => {
    const diskless = { ...db, volumes: [] };
    const { world, run } = setUp([web, diskless]);
    const lost = planObjectOf(volumeOf("lost"));
    const { gone, warnings } = await run([lost, everyVm]);
    assert.deepEqual(gone, [{ ...lost, named: true }]);
    assert.deepEqual(
      warnings?.map(({ code }) => code),
      ["OBJECT_UNUSABLE"],
    );
    const { objects, because, planName, ...kept } = world.groups.get(groupOfRun(1)) ?? assert.fail();
    assert.deepEqual([objects, because, planName], [[web], [1], "nightly"]);
    assert.deepEqual([kept.gone, kept.warnings], [gone, warnings]);
  });

  test("done again, tells the same, whatever has become of the objects", async () => {
    const { world, run } = setUp([web, db]);
    const entries = [planObjectOf(volumeOf("lost")), everyVm];
    const first = await run(entries);
    world.objects = [volumeOf("lost"), vmOf("new", { disks: ["new-0"] })];
    world.calls = [];
    assert.deepEqual(await run(entries), first);
    assert.deepEqual(world.calls, ["snapshotGroup"], "the storage says whether the group is this run's");
  });

  test("done again for a group of a version before, tells its objects as they were", async () => {
    const { world, run } = setUp([web, db]);
    const entries = [planObjectOf(web), planObjectOf(db)];
    const first = await run(entries);
    const {
      because: _,
      gone: __,
      warnings: ___,
      planName: ____,
      ...before
    } = [...world.groups.values()][0] ?? assert.fail();
    world.groups.set(groupOfRun(1), before);
    world.objects = [];
    const objects = first.objects.map(({ because: _, ...object }) => object);
    assert.deepEqual(await run(entries), { ...first, objects });
  });

  test("an object that is gone does not stop the others, and is told with the newest group that has it", async () => {
    const { world, run } = setUp([web, db]);
    const entries = [planObjectOf(web), planObjectOf(db)];
    await run(entries, 1);
    await run(entries, 2);
    world.objects = [web];
    const gone = [{ ...planObjectOf(db), named: true, lastSequence: 2 }];
    const third = await run(entries, 3);
    assert.deepEqual([namesOf(third), third.gone], [["web"], gone]);
    world.groups.delete(groupOfRun(1));
    world.groups.delete(groupOfRun(2));
    assert.deepEqual((await run(entries, 4)).gone, gone, "it is known though the group is reclaimed");
  });

  test("what a rule took and is gone is told once, by the first run without it", async () => {
    const [a, b] = [fileOf("a"), fileOf("b")];
    const { world, run } = setUp([a, b]);
    await run([everyFile], 1);
    world.objects = [a];
    assert.deepEqual((await run([everyFile], 2)).gone, [{ ...planObjectOf(b), named: false, lastSequence: 1 }]);
    assert.equal((await run([everyFile], 3)).gone, undefined);
  });

  test("what is there and fits no rule any more, or whose rule has left the plan, is not gone", async () => {
    const { world, run } = setUp([web, db]);
    const rule: PlanEntry = { kind: "vm", match: "web*" };
    await run([rule, everyVm], 1);
    world.objects = [vmOf("old", { disks: ["web-0"] }, { id: web.id }), db];
    assert.equal((await run([rule, planObjectOf(db)], 2)).gone, undefined);
    world.objects = [web];
    await run([planObjectOf(web)], 3);
    assert.equal((await run([rule], 4)).gone, undefined);
  });

  test("an object that is there and can't be used is told like one that is gone, with the reason", async () => {
    const [file, vm] = [fileOf("a"), web];
    const { world, run } = setUp([file, vm, db]);
    const entries = [planObjectOf(vm), everyFile, planObjectOf(db)];
    await run(entries, 1);
    world.objects = [{ ...file, volumes: [] }, { ...vm, volumes: [] }, db];
    const gone = (object: ObjectConfig, named: boolean) => ({ ...planObjectOf(object), named, lastSequence: 1 });
    const second = await run(entries, 2);
    assert.deepEqual(
      second.gone?.map(({ unusable, ...others }) => [others, typeof unusable]),
      [
        [gone(vm, true), "string"],
        [gone(file, false), "string"],
      ],
    );
    assert.deepEqual(
      second.warnings?.map(({ code }) => code),
      ["OBJECT_UNUSABLE", "OBJECT_UNUSABLE"],
    );
    const third = await run(entries, 3);
    assert.deepEqual([third.gone?.map(({ name }) => name), third.warnings?.length], [["web"], 2]);
  });

  test("an object of the same name that was made anew is another one", async () => {
    const { world, run } = setUp([web, fileOf("a")]);
    await run([planObjectOf(web), everyFile], 1);
    world.objects = [web, fileOf("a", { id: "file-made-anew" })];
    const { objects, gone } = await run([planObjectOf(web), everyFile], 2);
    assert.deepEqual(
      objects.map(({ config }) => config.id),
      ["vm-web", "file-made-anew"],
    );
    assert.deepEqual(gone, [{ ...planObjectOf(fileOf("a")), named: false, lastSequence: 1 }]);
  });

  test("looks again when a volume goes between the look and the snapshot", async () => {
    const { world, run } = setUp([web, db]);
    world.beforeSnapshot = () => {
      world.objects = [web];
    };
    const result = await run([planObjectOf(web), planObjectOf(db)]);
    assert.deepEqual(namesOf(result), ["web"]);
    assert.deepEqual(result.gone, [{ ...planObjectOf(db), named: true }]);
  });

  test("fails, to be tried again, when volumes go each time that it looks", async () => {
    const { world, run } = setUp([]);
    let made = 0;
    const replace = () => {
      made += 1;
      world.objects = [vmOf(`vm-${made}`, { disks: [`disk-${made}`] })];
    };
    replace();
    world.beforeSnapshot = replace;
    await assert.rejects(run([everyVm]), (error) => VisibleError.is(error, "VOLUME_UNKNOWN") && error.retryable);
    assert.equal(world.calls.filter((name) => name === "snapshotGroup").length, 5);
  });

  test("fails where nothing is left, naming what is gone, and takes no group", async () => {
    const { world, run } = setUp([web]);
    await assert.rejects(run([planObjectOf(db), { kind: "vm", match: "mail*" }]), (error) => {
      assert(VisibleError.is(error, "OBJECT_GONE") && !error.retryable);
      assert.match(error.message, /no vm “db” \(vm-db\) any more.*vm mail\*/);
      return true;
    });
    world.objects = [{ ...web, volumes: [] }];
    await assert.rejects(run([planObjectOf(web)]), { code: "OBJECT_UNUSABLE", message: /vm “web”/ });
    assert.equal(world.groups.size, 0);
  });

  test("refuses more objects than a run can have", async () => {
    const { run } = setUp(Array.from({ length: 4001 }, (_, index) => volumeOf(String(index))));
    await assert.rejects(run([{ kind: "volume", match: "*" }]), { code: "PLAN_TOO_LARGE", message: /4001 objects/ });
  });

  test("refuses more volumes than a run can have, each counted once", async () => {
    const vms = Array.from({ length: 125 }, (_, vm) =>
      vmOf(`vm-${vm}`, { disks: Array.from({ length: 128 }, (_, disk) => `${vm}-${disk}`) }),
    );
    const entries: PlanEntry[] = [everyVm, { kind: "volume", match: "*" }];
    const { world, run } = setUp([...vms, volumeOf("0-0")]);
    assert.equal((await run(entries)).objects.length, 126);
    const [group] = world.groups.values();
    assert.equal(group?.snapshots.length, 16_000);
    world.objects = [...world.objects, volumeOf("loose")];
    await assert.rejects(run(entries, 2), { code: "PLAN_TOO_LARGE", message: /16001 volumes now; 16000 are the most/ });
    assert.equal(world.groups.size, 1);
  });
});
