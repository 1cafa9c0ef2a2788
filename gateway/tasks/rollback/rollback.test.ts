import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { GroupId } from "../../../core/api/ids.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { CheckTask, RollbackTask } from "../../../core/api/task.ts";
import { noise, readVolume, write } from "../../storage/conformance/fixtures.ts";
import { clusterTest, geometry, type TestCluster } from "../../storage/extentstore/administration/testing.ts";
import type { TaskContext } from "../context.ts";
import { snapshot } from "../snapshot.ts";
import { instant, planId, runTaskFields } from "../testing.ts";
import { fakeCluster, groupOfRun } from "../testing-cluster.ts";
import { check } from "./check.ts";
import { rollback } from "./rollback.ts";

const KiB = 1024;
const size = "128KiB";
const vm = (more: object = {}) => ({
  ...{ kind: "vm", name: "web", vcpu: 2, memory: "1GiB" },
  disks: [{ name: "web-0", size, geometry }],
  ...more,
});

/** The gateway beside a cluster: its tasks, as the control plane would give them. */
const gatewayOf = ({ store }: TestCluster) => {
  const context: TaskContext = { ...fakeCluster([]).context, storage: store };
  const ids = (objects: readonly ObjectConfig[]) => objects.map(({ kind, id }) => ({ kind, id }));
  const told = (from: GroupId, key: GroupId, objects: readonly ObjectConfig[]) => ({
    ...{ ...runTaskFields, groupId: key, discardChanges: true },
    ...{ from: { planId, groupId: from }, objects: ids(objects) },
  });
  return {
    take: (groupId: GroupId, objects: readonly ObjectConfig[], sequence?: number) =>
      snapshot(
        {
          ...{ ...runTaskFields, groupId, kind: "snapshot", step: "snapshotting" },
          objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
          ...(sequence === undefined ? { keepUntil: instant("2026-06-01T00:00:00.000Z") } : { sequence }),
        },
        context,
      ),
    check: (from: GroupId, objects: readonly ObjectConfig[], more: Partial<CheckTask> = {}) =>
      check(
        {
          ...{ ...told(from, groupOfRun(20), objects), kind: "check", step: "checking", powerOff: false },
          ...{ takenAt: instant("2026-03-01T01:00:00.000Z"), ...more },
        },
        context,
      ),
    rollback: (from: GroupId, key: GroupId, objects: readonly ObjectConfig[], more: Partial<RollbackTask> = {}) =>
      rollback({ ...told(from, key, objects), kind: "rollback", step: "rolling-back", ...more }, context),
  };
};

const first = groupOfRun(1);
const safety = groupOfRun(10);

const refuses = (work: Promise<unknown>, code: string, about: RegExp) =>
  assert.rejects(work, (error) => {
    assert.ok(VisibleError.is(error), String(error));
    assert.deepEqual([error.code, about.test(error.message)], [code, true], error.message);
    return true;
  });

describe("a VM that is rolled back", () => {
  clusterTest(
    "has its disks, NICs and resources of then; a new disk is kept, and a deleted one is back",
    async (cluster) => {
      const gateway = gatewayOf(cluster);
      await cluster.create({ kind: "switch", name: "prod", vlans: [] }, vm({ nics: [{ switch: "prod" }] }));
      const before = await cluster.object("vm", "web");
      const [volume] = before.volumes;
      assert.ok(volume);
      await write(cluster.store, volume.id, [0, noise(64 * KiB, 1)]);
      const bytes = await readVolume(cluster.store, volume.id);
      await gateway.take(first, [before], 1);
      await cluster.change("web", {
        name: "web-2",
        memory: "2GiB",
        disks: [{ name: "added", size, geometry }],
        nics: [],
      });
      const changed = await cluster.object("vm", "web-2");
      assert.notEqual(changed.volumes[0]?.id, volume.id);
      await gateway.take(safety, [changed]);
      const { warnings = [] } = await gateway.rollback(first, safety, [changed]);
      assert.deepEqual(
        warnings.map(({ code }) => code),
        ["DISK_TAKEN_OUT", "DISK_CAME_BACK"],
      );
      const after = await cluster.object("vm", "web-2");
      assert.deepEqual({ ...after, name: "web" }, before);
      assert.ok((await readVolume(cluster.store, volume.id)).equals(bytes));
      assert.deepEqual(await cluster.names("volume"), ["added", "web-0"].toSorted());
    },
  );

  clusterTest("is off, or switched off when that is asked for and nothing else is in the way", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm());
    const web = await cluster.object("vm", "web");
    await gateway.take(first, [web], 1);
    await write(cluster.store, web.volumes[0]?.id ?? "", [0, noise(64 * KiB, 2)]);
    const power = async () => (await cluster.object("vm", "web")).vm.status;
    await cluster.store.administration.setPower(web, "on");
    await refuses(gateway.check(first, [web]), "OBJECT_BUSY", /“web” can't be rolled back: the VM “web” is on/);
    const careful = { powerOff: true, discardChanges: false };
    await refuses(
      gateway.check(first, [web], careful),
      "CHANGED_SINCE",
      /“web” has changed since .* in 1 extent\. Nothing/,
    );
    assert.equal(await power(), "RUNNING");
    await gateway.check(first, [web], { powerOff: true });
    assert.equal(await power(), "STOPPED");
  });

  clusterTest("and is on again by then stays as it is", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(vm());
    const web = await cluster.object("vm", "web");
    await gateway.take(first, [web], 1);
    await cluster.store.administration.setPower(web, "on");
    await gateway.take(safety, [web]);
    await refuses(gateway.rollback(first, safety, [web]), "OBJECT_BUSY", /the VM “web” is on/);
  });
});

describe("the tasks of a rollback", () => {
  clusterTest("take what an object becomes from the site's own store, and from nobody's word", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(
      { kind: "volume", name: "one", size, geometry },
      { kind: "volume", name: "two", size, geometry },
    );
    const [one, two] = [await cluster.object("volume", "one"), await cluster.object("volume", "two")];
    await gateway.take(first, [one], 1);
    await gateway.take(safety, [one, two]);
    await refuses(gateway.rollback(first, safety, [two]), "SNAPSHOT_UNKNOWN", /has nothing here of the volume “two”/);
    const other = { planId: "plan_01K0Z3NDEKTSV4RRFFQ69G5FAW" as typeof planId, groupId: first };
    await refuses(gateway.rollback(first, safety, [one], { from: other }), "NOT_OURS", /./);
  });

  clusterTest("done again late take nothing away that was written since", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create({ kind: "volume", name: "one", size, geometry });
    const one = await cluster.object("volume", "one");
    const { id } = one.volumes[0] ?? assert.fail();
    await gateway.take(first, [one], 1);
    await gateway.take(safety, [one]);
    await gateway.rollback(first, safety, [one]);
    await write(cluster.store, id, [0, noise(64 * KiB, 3)]);
    const now = await readVolume(cluster.store, id);
    await gateway.rollback(first, safety, [one]);
    assert.ok((await readVolume(cluster.store, id)).equals(now));
  });

  clusterTest("say of what the site has no snapshot any more that nobody knows what was written", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create({ kind: "volume", name: "one", size, geometry });
    const one = await cluster.object("volume", "one");
    const careful = { discardChanges: false };
    await refuses(
      gateway.check(first, [one], careful),
      "CHANGED_SINCE",
      /What was written to “one” since .* is not known/,
    );
    await gateway.check(first, [one]);
  });

  clusterTest("go by another group than the one that it becomes, where it is expected to be that", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create({ kind: "volume", name: "one", size, geometry });
    const one = await cluster.object("volume", "one");
    const { id } = one.volumes[0] ?? assert.fail();
    const then = await readVolume(cluster.store, id);
    await gateway.take(first, [one], 1);
    await write(cluster.store, id, [0, noise(64 * KiB, 3)]);
    await gateway.take(groupOfRun(2), [one], 2);
    await gateway.take(safety, [one]);
    const expected = { discardChanges: false, unchangedSince: groupOfRun(2) };
    await gateway.check(first, [one], expected);
    await write(cluster.store, id, [0, noise(64 * KiB, 4)]);
    await refuses(gateway.check(first, [one], expected), "CHANGED_SINCE", /“one” has changed since .* in 1 extent/);
    await refuses(gateway.rollback(first, safety, [one], expected), "CHANGED_SINCE", /has changed since/);
    const unknown = { ...expected, unchangedSince: groupOfRun(7) };
    await refuses(gateway.check(first, [one], unknown), "CHANGED_SINCE", /is not known/);
    await write(cluster.store, id, [0, noise(64 * KiB, 3)]);
    await gateway.rollback(first, safety, [one], expected);
    assert.ok((await readVolume(cluster.store, id)).equals(then));
    await gateway.check(first, [one], unknown);
  });

  clusterTest("refuse what was deleted since, and leave the others alone", async (cluster) => {
    const gateway = gatewayOf(cluster);
    await cluster.create(
      { kind: "volume", name: "one", size, geometry },
      { kind: "volume", name: "two", size, geometry },
    );
    const objects = [await cluster.object("volume", "one"), await cluster.object("volume", "two")];
    await gateway.take(first, objects, 1);
    await cluster.remove("two");
    await refuses(gateway.check(first, objects), "OBJECT_GONE", /was deleted since\. Nothing was touched/);
    await refuses(gateway.take(safety, objects), "OBJECT_GONE", /“two” .* was deleted meanwhile/);
    assert.equal(await cluster.store.findGroup(safety), undefined);
  });
});
