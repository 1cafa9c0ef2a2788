import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import {
  groupId,
  noise,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  sendAll,
  snapshotOf,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { steadyTime, type Time } from "../../../gateway/time/time.ts";
import { openDriver } from "../driver/under-test.ts";
import { FakeGroup, type FakeLun } from "../rest/entities/iscsi.ts";
import { FakeVm } from "../rest/entities/vms.ts";
import { addVmVolume } from "../rest/operations/vm-volumes.ts";
import { PlainClient } from "../stand-in/plain-client.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { namesOn } from "./names-on.ts";

const MiB = 2 ** 20;

class LaterTime implements Time {
  laterMs = 0;
  nowMs = () => steadyTime.nowMs() + this.laterMs;
  sleep = steadyTime.sleep;
}

const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  const time = new LaterTime();
  const drivers: StorageDriver[] = [];
  const open = async (): Promise<StorageDriver> => {
    const driver = await openDriver(standIn, { time });
    drivers.push(driver);
    return driver;
  };
  context.after(async () => {
    for (const driver of drivers) await driver.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  return { standIn, time, open, driver: await open() };
};

const shapeOf = (object: ObjectConfig | undefined) => {
  assert(object !== undefined);
  return { objects: [object], volumeIds: object.volumes.map(({ id }) => id) };
};

const addedTo = (before: readonly string[], after: readonly string[]): readonly string[] => {
  const left = [...before];
  return after.filter((one) => !left.includes(one) || left.splice(left.indexOf(one), 1).length === 0);
};

/** A plan's group on the cluster, and a group of the cluster's own. */
const withRecords = async (driver: StorageDriver, standIn: ClusterStandIn) => {
  const mirror = await prepareMirror(driver, sourceObject());
  await sendAll(driver, mirror, { group: 1, bytes: noise(MiB, 1) });
  await publish(driver, 1, mirror);
  await standIn.customer.createVolume({ name: "theirs", kind: "lun", sizeBytes: MiB });
  addVmVolume(standIn.tower.model, standIn.cluster, { name: "theirs", sizeBytes: MiB });
  const [object] = (await driver.inventory()).filter(({ origin }) => origin === undefined);
  await driver.snapshotGroup({
    ...{ groupId: groupId(2), owner, sequence: 2, planName: "daily" },
    ...shapeOf(object),
  });
  await driver.tend({ time: steadyTime });
  return mirror;
};

test("what was left goes; what records know stays, and what others made", async (context) => {
  const { standIn, driver, time } = await opened(context);
  await withRecords(driver, standIn);
  const { model } = standIn.tower;
  const { cluster, customer } = standIn;
  const before = namesOn(standIn);
  const left = await customer.createVolume({
    ...{ name: "smtx-backup.mirror.a.plan.volume", kind: "lun", sizeBytes: MiB },
    lun: { target: "smtx-backup.mirror.a.plan.place" },
  });
  await customer.target("smtx-backup.mirror.a.plan.empty");
  const lun: FakeLun = model.luns.find(left.id) ?? assert.fail();
  const name = "smtx-backup.group.a.plan.group_1";
  const client = new PlainClient(standIn.tower);
  await client.change("create-iscsi-lun-snapshot", [
    { name, iscsi_lun_id: lun.id, iscsi_target_id: lun.iscsi_target.id },
  ]);
  const group = model.groups.add(new FakeGroup(name, cluster));
  await client.change("create-consistency-snapshot-group", [{ name, consistency_group_id: group.id }]);
  addVmVolume(model, cluster, { name: "smtx-backup.rebuild.a.plan.volume", sizeBytes: MiB });
  const config = { cpu: { cores: 1, sockets: 1 }, vcpu: 1, memory: MiB, firmware: "BIOS", ha: false } as const;
  const vm = new FakeVm("smtx-backup.rebuild.a.plan.vm", cluster, {
    config: { ...config, description: "" },
    status: "RUNNING",
  });
  model.vms.add(vm);
  assert.equal(addedTo(before, namesOn(standIn)).filter((one) => one.includes("smtx-backup")).length, 9);
  time.laterMs += 600_000;
  await driver.tend({ time: steadyTime });
  assert.deepEqual(namesOn(standIn), before);
});

test("snapshots that only the command line knows go, and those of groups stay", async (context) => {
  const { standIn, driver, time } = await opened(context);
  const { customer, commands } = standIn;
  await standIn.administration.createObjects([{ kind: "nfs-file", name: "/nfs/export/disk.img", size: MiB }]);
  const [object] = await driver.inventory();
  const snapshotting = (n: number) =>
    driver.snapshotGroup({
      ...{ groupId: groupId(n), owner, sequence: n, planName: "daily" },
      ...shapeOf(object),
    });
  await snapshotting(1);
  const { id: own } = customer.zbsVolume(object?.volumes[0]?.id.replace("volume-", "") ?? "");
  const snapshots = () => customer.cluster.storage.zbs.all().filter(({ snapshotOf: of }) => of === own);
  const kept = snapshots().map(({ id }) => id);
  assert.equal(kept.length, 1);
  await commands.run(`zbs-meta -f json snapshot batch_create ${own} smtx-backup.group.a.plan.dead ${own} theirs`);
  assert.equal(snapshots().length, 3);
  time.laterMs += 600_000;
  await driver.tend({ time: steadyTime });
  assert.deepEqual(
    snapshots().map(({ name }) => name),
    [snapshots()[0]?.name, "theirs"],
  );
  assert.equal(snapshots()[0]?.id, kept[0]);
});

test("what a snapshot is read through stays while its reader lives, and goes after it died", async (context) => {
  const { standIn, driver, open, time } = await opened(context);
  const mirror = await withRecords(driver, standIn);
  const other = await open();
  const snapshotId = await snapshotOf(driver, groupId(1), mirror);
  const openIt = () => driver.openSnapshot({ snapshotId, of: "anybody" });
  await driver.closeSnapshot(await openIt());
  await driver.tend({ time: steadyTime });
  const before = namesOn(standIn);
  await openIt();
  const reading = namesOn(standIn);
  assert.equal(addedTo(before, reading).filter((one) => one.startsWith("lun smtx-backup.read.")).length, 1);
  await other.tend({ time: steadyTime });
  assert.deepEqual(namesOn(standIn), reading);
  await driver.close();
  time.laterMs += 600_000;
  await other.tend({ time: steadyTime });
  assert.deepEqual(namesOn(standIn), before);
});

test("where the records are lost, what they knew stays but for what was written between groups", async (context) => {
  const { standIn, driver, open, time } = await opened(context);
  await withRecords(driver, standIn);
  await driver.close();
  const before = namesOn(standIn);
  const betweenGroups = [...before.filter((name) => name.includes("smtx-backup.mirror")), "zbs volume"];
  const ledger = standIn.tower.model.luns.all().find(({ name }) => name === "smtx-backup.ledger");
  await standIn.customer.deleteVolume(ledger?.id ?? assert.fail());
  const next = await open();
  time.laterMs += 600_000;
  await next.tend({ time: steadyTime });
  assert.deepEqual(addedTo(namesOn(standIn), before), betweenGroups);
  const mirror = await prepareMirror(next, sourceObject());
  await sendAll(next, mirror, { group: 3, bytes: noise(MiB, 3) });
  await publish(next, 3, mirror);
  time.laterMs += 600_000;
  await next.tend({ time: steadyTime });
  assert((await readSnapshot(next, await snapshotOf(next, groupId(3), mirror))).equals(noise(MiB, 3)));
  const isOfMirror = (name: string) => name.includes("smtx-backup.mirror") || name === "zbs volume";
  assert.deepEqual(
    addedTo(namesOn(standIn), before).filter((name) => !isOfMirror(name)),
    [],
  );
});
