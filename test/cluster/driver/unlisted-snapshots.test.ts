import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  groupId,
  noise,
  openMirror,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  rejects,
  sendAll,
  snapshotOf,
  sourceObject,
  volumeOf,
  write,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { FakeLunSnapshot } from "../rest/entities/iscsi.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";
import { withCustomer } from "./with-customer.ts";

/*
 * A cluster whose CloudTower does not list what the nodes' command line has snapshotted: it neither
 * rolls back to that nor clones it.
 */

const MiB = 2 ** 20;

const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open({ behaviour: { listsCommandLine: false } });
  const own = await openDriver(standIn);
  context.after(async () => {
    await own.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  return { standIn, driver: withCustomer(own, standIn) };
};

/** CloudTower has looked at the cluster meanwhile. */
const listAll = ({ tower: { model }, cluster }: ClusterStandIn): void => {
  for (const volume of cluster.storage.zbs.all().filter(({ isSnapshot }) => isSnapshot)) {
    const lun = model.luns.all().find((one) => one.volume.id === volume.snapshotOf);
    if (lun !== undefined) model.lunSnapshots.add(new FakeLunSnapshot(volume.name ?? "", lun)).fill(volume);
  }
};

test("a mirror there starts from its base by a copy, and a LUN is rebuilt by one", async (context) => {
  const { driver } = await opened(context);
  const object = sourceObject();
  const mirror = await prepareMirror(driver, object);
  const [first, second, third] = [noise(MiB, 1), noise(MiB, 2), noise(MiB, 1)];
  await sendAll(driver, mirror, { group: 1, bytes: first });
  await publish(driver, 1, mirror);
  await sendAll(driver, mirror, { group: 2, base: 1, bytes: second });
  await publish(driver, 2, mirror);
  // What was sent since the first group is not what the next one starts from.
  const { epoch } = await openMirror(driver, mirror, { group: 3, base: 1 });
  third.fill(0x33, 0, 4096);
  const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 });
  await writer.write(0, third.subarray(0, 4096));
  await writer.commit();
  await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
  await publish(driver, 3, mirror);
  assert.ok((await readSnapshot(driver, await snapshotOf(driver, groupId(3), mirror))).equals(third));

  const wish = { key: "restored", owner, fromGroupId: groupId(2), object, name: "restored" };
  assert.ok((await readVolume(driver, volumeOf(await driver.rebuildObject(wish)).id)).equals(second));
});

test("a rollback there is refused before anything is written, and done once CloudTower lists the snapshots", async (context) => {
  const { standIn, driver } = await opened(context);
  const lun = await driver.createVolume({ kind: "lun", name: "lun", sizeBytes: MiB });
  const { id } = volumeOf(lun);
  const [then, now] = [noise(MiB, 1), noise(MiB, 2)];
  const take = (n: number) =>
    driver.snapshotGroup({ groupId: groupId(n), owner, objects: [lun], volumeIds: [id], sequence: n });
  await write(driver, id, [0, then]);
  await take(1);
  await write(driver, id, [0, now]);
  await take(2);
  const objects = [{ kind: lun.kind, id: lun.id }];
  const options = { key: groupId(2), owner, from: { groupId: groupId(1), owner }, objects, discardChanges: true };
  await rejects(driver.rollback(options), "SNAPSHOT_UNKNOWN");
  assert.ok((await readVolume(driver, id)).equals(now));
  assert.deepEqual(await driver.unfinishedRollbacks(objects), []);

  listAll(standIn);
  await driver.tend({ time: steadyTime });
  await driver.rollback(options);
  assert.ok((await readVolume(driver, id)).equals(then));
  await take(3);
  await driver.rollback({ ...options, key: groupId(3), from: { groupId: groupId(2), owner } });
  assert.ok((await readVolume(driver, id)).equals(now));
});
