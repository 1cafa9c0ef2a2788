import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { type GroupId, groupIdOf, type RunId, restoreIdOf } from "../../../core/api/ids.ts";
import type { VmObject } from "../../../core/api/object/vm.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { PlanEntry } from "../../../core/api/plan.ts";
import { isRunTask, type TaskResultOf, taskResultSchema, taskSchema } from "../../../core/api/task.ts";
import { noise, owner, readVolume, write } from "../../storage/conformance/fixtures.ts";
import {
  fileOfSource,
  looseVolume,
  lunOfSource,
  nicOfSource,
  publishAll,
  vmOfSource,
} from "../../storage/conformance/objects.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { clusterTest, geometry, type TestCluster } from "../../storage/extentstore/administration/testing.ts";
import type { TaskContext } from "../context.ts";
import { performTask } from "../perform.ts";
import { instant, planId, runTaskFields, siteA, siteB } from "../testing.ts";
import { fakeCluster, groupOfRun } from "../testing-cluster.ts";
import { planObjectOf } from "../testing-objects.ts";

const restore: RunId = restoreIdOf(planId, instant("2026-03-02T01:00:00.000Z"));
const key = groupIdOf(restore);
const small = { size: "128KiB", geometry };
const KiB = 1024;

const nics = [nicOfSource(), nicOfSource({ macAddress: "52:54:00:00:00:02", virtualSwitch: "lab", order: 1 })];
const mapping = { switches: { prod: "dr-prod", lab: "dr-lab" } };
const homeVm = (): VmObject => vmOfSource({ vm: { nics } });
const withoutLeftOut = ({ leftOut: _, ...object }: ObjectConfig): ObjectConfig => object as ObjectConfig;

const everyVm: PlanEntry = { kind: "vm", match: "*" };
const everyVolume: PlanEntry = { kind: "volume", match: "*" };

/** A site's gateway, and what it comes to when it is told a task of a plan of site `a`. */
const gatewayOf = (storage: StorageDriver, siteId: typeof siteA) => {
  const context: TaskContext = { ...fakeCluster([]).context, storage };
  const perform = async <K extends "snapshot" | "prepare" | "check" | "rollback" | "reclaim">(
    kind: K,
    fields: object,
  ): Promise<TaskResultOf<K>> => {
    const standIns = kind === "prepare" || kind === "reclaim" ? {} : { standIns: [restore] };
    const task = taskSchema.parse({ ...runTaskFields, siteId, ...standIns, kind, ...fields });
    assert(isRunTask(task));
    return taskResultSchema.parse(await performTask(task, context)) as TaskResultOf<K>;
  };
  const numbered = (sequence: number) => ({ groupId: groupOfRun(sequence), sequence });
  return {
    perform,
    take: (entries: readonly PlanEntry[], sequence = 2, more: object = {}) =>
      perform("snapshot", { step: "snapshotting", objects: entries, ...numbered(sequence), ...more }),
    rollback: (from: GroupId, safety: number, objects: readonly ObjectConfig[], more: object = {}) =>
      perform("rollback", {
        ...{ step: "rolling-back", groupId: groupOfRun(safety), from: { planId, groupId: from } },
        ...{ objects: objects.map(({ kind, id }) => ({ kind, id })), discardChanges: true, ...more },
      }),
    remove: (objects: readonly ObjectConfig[], unchangedSince: GroupId) =>
      perform("reclaim", {
        ...{ step: "deleting", groupIds: [] },
        restored: { groupId: key, objects: objects.map(({ kind, id }) => ({ kind, id })), unchangedSince },
      }),
  };
};

const configsOf = ({ objects }: TaskResultOf<"snapshot">) => objects.map(({ config }) => config);
const namesOf = (result: TaskResultOf<"snapshot">) => configsOf(result).map(({ name }) => name);

/** Site `b` has taken objects of `a` over: they were published as a first group, and rebuilt. */
const takenOver = async (
  { store, create }: TestCluster,
  objects: readonly ObjectConfig[],
  rename: (name: string) => string = (name) => `${name}-b`,
) => {
  await create({ kind: "switch", name: "dr-prod", vlans: [] }, { kind: "switch", name: "dr-lab", vlans: [] });
  await publishAll(
    store,
    1,
    objects.map((object) => ({ object, mapping })),
  );
  const from = (await store.listGroups(owner))[0]?.groupId ?? assert.fail("nothing was published");
  const made: ObjectConfig[] = [];
  for (const object of objects) {
    const name = object.kind === "nfs-file" ? object.name : rename(object.name);
    const wishes = { keepMacs: true };
    made.push(await store.rebuildObject({ key, owner, fromGroupId: from, object, name, wishes }));
  }
  return { gateway: gatewayOf(store, siteB), made, from };
};

const refuses = (work: Promise<unknown>, code: string, about: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(VisibleError.is(error), String(error));
    assert.deepEqual([error.code, about.test(error.message)], [code, true], error.message);
    return true;
  });

describe("a site that has taken a plan over", () => {
  clusterTest("snapshots what stands for its objects, and tells it as their own site would", async (cluster) => {
    const homes = [homeVm(), lunOfSource(), fileOfSource(), looseVolume()];
    const { gateway, made } = await takenOver(cluster, homes);
    const result = await gateway.take(homes.map(planObjectOf));
    assert.deepEqual(
      configsOf(result),
      homes.map((home) =>
        home.kind === "vm" ? { ...withoutLeftOut(home), vm: { ...home.vm, status: "STOPPED" } } : home,
      ),
    );
    const group = await cluster.store.findGroup(groupOfRun(2));
    assert.deepEqual(group?.objects, configsOf(result));
    assert.deepEqual(new Set(made.map(({ origin }) => origin?.restoreId)), new Set([restore]));
    const told = result.objects.flatMap(({ config, snapshotIds }) =>
      config.volumes.map(({ id }, index) => [id, snapshotIds[index]]),
    );
    assert.deepEqual(
      told,
      group?.snapshots.map(({ sourceVolumeId, snapshotId }) => [sourceVolumeId, snapshotId]),
    );
    assert.deepEqual(
      group?.snapshots.map(({ volumeId }) => volumeId),
      made.flatMap(({ volumes }) => volumes.map(({ id }) => id)),
    );
  });

  clusterTest(
    "tells of a VM what was changed there, and has no other id for a disk that was added",
    async (cluster) => {
      const home = homeVm();
      const { gateway } = await takenOver(cluster, [home]);
      await cluster.change("web-b", {
        ...{ name: "shop", memory: "4GiB" },
        disks: [{ volume: "web-b-web-2" }, { name: "added", ...small }],
        nics: [{ switch: "dr-lab" }, { switch: "dr-prod", macAddress: nics[0]?.macAddress }, { switch: "dr-prod" }],
      });
      const now = await cluster.object("vm", "shop");
      const [told] = configsOf(await gateway.take([planObjectOf(home)]));
      assert(told?.kind === "vm");
      const added = now.vm.disks.find(({ name }) => name === "added")?.volumeId;
      assert.deepEqual(
        [told.id, told.name, told.vm.memory, told.volumes.map(({ id }) => id)],
        [home.id, "shop", 4 * KiB ** 3, [home.volumes[1]?.id, added]],
      );
      assert.deepEqual(
        told.vm.disks.map(({ volumeId, name }) => [volumeId, name]),
        [
          [home.volumes[1]?.id, "web-2"],
          [added, "added"],
        ],
      );
      assert.deepEqual(
        told.vm.nics.map(({ virtualSwitch }) => virtualSwitch),
        ["dr-lab", "prod", "prod"],
        "a switch that no NIC of home is on has no other name",
      );
    },
  );

  clusterTest("takes nothing else of its own, whatever the plan's rules would fit", async (cluster) => {
    const home = homeVm();
    const { gateway } = await takenOver(cluster, [home]);
    await cluster.create({ kind: "vm", name: "own", vcpu: 1, memory: "1GiB", disks: [{ name: "own-0", ...small }] });
    const result = await gateway.take([everyVolume, everyVm]);
    assert.deepEqual(namesOf(result), ["web"]);
    assert.deepEqual([result.objects[0]?.because, result.gone], [1, undefined]);
  });

  clusterTest("tells what stood for an object and was deleted as gone, be it named or a rule's", async (cluster) => {
    const [vm, volume] = [homeVm(), looseVolume()];
    const { gateway } = await takenOver(cluster, [vm, volume]);
    await cluster.remove("web-b");
    const gone = { kind: "vm", id: vm.id, name: "web" };
    assert.deepEqual((await gateway.take([everyVm, everyVolume])).gone, [{ ...gone, named: false }]);
    assert.deepEqual((await gateway.take([planObjectOf(vm), everyVolume], 3)).gone, [{ ...gone, named: true }]);
    assert.equal((await gateway.take([everyVm, everyVolume], 4)).gone, undefined, "it is told once");
    await cluster.remove("loose-b");
    await refuses(gateway.take([planObjectOf(vm), everyVolume], 5), "OBJECT_GONE", /no vm “web”/);
  });

  clusterTest("done again, tells the same, whatever has become of it", async (cluster) => {
    const home = homeVm();
    const { gateway } = await takenOver(cluster, [home]);
    const result = await gateway.take([planObjectOf(home)]);
    await cluster.remove("web-b");
    assert.deepEqual(await gateway.take([planObjectOf(home)]), result);
  });

  clusterTest("waits for whoever writes what stands for an object, by the id that it has there", async (cluster) => {
    const home = homeVm();
    const { gateway, made } = await takenOver(cluster, [home]);
    for (const id of [made[0]?.id, made[0]?.volumes[1]?.id, home.id]) {
      const locked = [{ id, runId: restore }];
      await refuses(gateway.take([planObjectOf(home)], 2, { locked }), "OBJECT_LOCKED", /“web” is being written/);
    }
    await gateway.take([planObjectOf(home)], 2, { locked: [{ id: "vm-other", runId: restore }] });
  });

  clusterTest("removes of what it made what a group has whole, and names what stays", async (cluster) => {
    const [vm, volume] = [homeVm(), looseVolume()];
    const { gateway, made } = await takenOver(cluster, [vm, volume]);
    await gateway.take([planObjectOf(vm), planObjectOf(volume)]);
    await write(cluster.store, made[0]?.volumes[1]?.id ?? "", [0, noise(64 * KiB, 7)]);
    const { warnings } = await gateway.remove(made, groupOfRun(2));
    assert.deepEqual(
      warnings?.map(({ code, message }) => [code, /“web-b” stays: “web-b-web-2” has changed since/.test(message)]),
      [["CHANGED_SINCE", true]],
    );
    assert.deepEqual(
      [await cluster.store.findObjects(made.slice(1)), (await cluster.store.findObjects(made)).length],
      [[], 1],
    );
  });
});

/** Site `a` has its plan back, with a VM that was made beside the original. */
const cameHome = async (cluster: TestCluster) => {
  const { store } = cluster;
  await cluster.create(
    { kind: "switch", name: "prod", vlans: [] },
    { kind: "volume", name: "web-0", ...small },
    { kind: "vm", name: "web", vcpu: 1, memory: "1GiB", disks: [{ volume: "web-0" }], nics: [{ switch: "prod" }] },
    { kind: "vm", name: "db", vcpu: 1, memory: "1GiB", disks: [{ name: "db-0", ...small }] },
  );
  const [web, db] = [await cluster.object("vm", "web"), await cluster.object("vm", "db")];
  const gateway = gatewayOf(store, siteA);
  await gateway.take([planObjectOf(web), planObjectOf(db)], 1, { standIns: undefined });
  const fromGroupId = groupOfRun(1);
  const standIn = await store.rebuildObject({ key, owner, fromGroupId, object: web, name: "failback-web" });
  return { gateway, store, web, db, standIn };
};

const idOf = ({ volumes }: ObjectConfig): string => volumes[0]?.id ?? assert.fail("it has no volume");

describe("a site whose plan came home with new objects", () => {
  clusterTest("takes each in the place of its original, and the other originals, all of them once", async (cluster) => {
    const { gateway, store, web, db, standIn } = await cameHome(cluster);
    await write(store, idOf(standIn), [0, noise(64 * KiB, 7)]);
    const entries = [
      [planObjectOf(web), planObjectOf(db)],
      [everyVm, everyVolume],
      [planObjectOf(db), everyVm],
    ];
    for (const [n, objects] of entries.entries()) {
      const result = await gateway.take(objects, 2 + n);
      const { objects: kept, snapshots } = (await store.findGroup(groupOfRun(2 + n))) ?? assert.fail();
      assert.deepEqual(result.warnings, undefined);
      assert.deepEqual(
        kept
          ?.filter(({ kind }) => kind === "vm")
          .map(({ id, name }) => [id, name])
          .toSorted(),
        [
          [db.id, "db"],
          [web.id, "web"],
        ].toSorted(),
      );
      assert.deepEqual(
        snapshots.map(({ volumeId, sourceVolumeId }) => [sourceVolumeId, volumeId]).toSorted(),
        [
          [idOf(web), idOf(standIn)],
          [idOf(db), idOf(db)],
        ].toSorted(),
      );
      const volumes = kept?.filter(({ kind }) => kind === "volume").map(({ id, name }) => [id, name]);
      assert.deepEqual(
        volumes?.toSorted(),
        n === 1
          ? [
              [idOf(db), "db-0"],
              [idOf(web), "web-0"],
            ].toSorted()
          : [],
      );
    }
  });

  clusterTest("takes no volume of an original that is left over, but what stands for it", async (cluster) => {
    const { gateway, store, web, standIn } = await cameHome(cluster);
    await cluster.remove("web");
    const result = await gateway.take([everyVolume, everyVm]);
    assert.deepEqual(
      [namesOf(result), result.warnings, result.gone],
      [["db-0", "web-0", "db", "web"], undefined, undefined],
    );
    const { snapshots = [] } = (await store.findGroup(groupOfRun(2))) ?? {};
    const taken = snapshots.find(({ sourceVolumeId }) => sourceVolumeId === idOf(web));
    assert.equal(taken?.volumeId, idOf(standIn));
  });

  clusterTest("leaves out what has a disk of an original beside what stands for that", async (cluster) => {
    const { gateway } = await cameHome(cluster);
    await cluster.remove("web");
    await cluster.change("db", { disks: [{ volume: "db-0" }, { volume: "web-0" }] });
    const result = await gateway.take([everyVm]);
    assert.deepEqual(namesOf(result), ["web"]);
    assert.match(result.warnings?.[0]?.message ?? "", /“db” .* is left out: another volume of the plan stands for/);
  });

  clusterTest("takes no original in the place of what stood for it and was deleted", async (cluster) => {
    const { gateway, web } = await cameHome(cluster);
    await cluster.remove("failback-web");
    const result = await gateway.take([planObjectOf(web), everyVm]);
    assert.deepEqual(namesOf(result), ["db"]);
    assert.deepEqual(
      result.gone?.map(({ id, named }) => [id, named]),
      [[web.id, true]],
    );
    assert.equal(result.warnings, undefined, "there is nothing to be left out");
  });

  clusterTest("rolls back what stands for an object, and never the original", async (cluster) => {
    const { gateway, store, web, standIn } = await cameHome(cluster);
    const before = await readVolume(store, idOf(web));
    await write(store, idOf(web), [0, noise(64 * KiB, 6)]);
    await write(store, idOf(standIn), [0, noise(64 * KiB, 7)]);
    const original = await readVolume(store, idOf(web));
    const keepUntil = instant("2026-06-01T00:00:00.000Z");
    const safety = { step: "snapshotting", groupId: groupOfRun(9), keepUntil, objects: [planObjectOf(web)] };
    await gateway.perform("snapshot", safety);
    const from = { step: "checking", groupId: groupOfRun(9), from: { planId, groupId: groupOfRun(1) } };
    const checked = { ...from, objects: [{ kind: "vm", id: web.id }], takenAt: keepUntil, powerOff: false };
    await refuses(
      gateway.perform("check", { ...checked, discardChanges: false }),
      "CHANGED_SINCE",
      /“failback-web” has changed since/,
    );
    await gateway.perform("check", { ...checked, discardChanges: true });
    await gateway.rollback(groupOfRun(1), 9, [web]);
    assert.ok((await readVolume(store, idOf(standIn))).equals(before));
    await cluster.remove("failback-web");
    await refuses(gateway.rollback(groupOfRun(1), 10, [web]), "OBJECT_GONE", /was deleted since/);
    await refuses(gateway.perform("check", { ...checked, discardChanges: true }), "OBJECT_GONE", /was deleted since/);
    assert.ok((await readVolume(store, idOf(web))).equals(original));
  });
});

describe("a plan that is away, and is copied to the site that it protects", () => {
  clusterTest("has its mirrors there on its own switches, and says so of one that is gone", async (cluster) => {
    const { store } = cluster;
    await cluster.create({ kind: "switch", name: "prod", vlans: [] });
    const home = homeVm();
    const prepare = { step: "preparing", target: siteA, object: home, sender: siteB };
    const { warnings } = await gatewayOf(store, siteA).perform("prepare", prepare);
    const mirror = (await store.inventory()).find(({ kind }) => kind === "vm");
    assert.deepEqual(mirror?.kind === "vm" && mirror.vm.nics.map(({ virtualSwitch }) => virtualSwitch), ["prod", null]);
    assert.deepEqual(
      warnings?.map(({ code, message }) => [code, /“lab”/.test(message)]),
      [["SWITCH_UNMAPPED", true]],
    );
  });
});
