import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import {
  groupId,
  noise,
  owner,
  prepareMirror,
  publish,
  readSnapshot,
  rejects,
  sendAll,
  snapshotOf,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import type { SmtxCluster } from "../../../gateway/storage/smtx/driver.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";

const bytes = noise(2 ** 20, 1);

describe("what the cluster does not let go", () => {
  let standIn: ClusterStandIn;
  let driver: SmtxCluster;
  let mirror: string;

  beforeEach(async () => {
    standIn = await ClusterStandIn.open();
    driver = await openDriver(standIn);
    mirror = await prepareMirror(driver, sourceObject());
    for (const group of [1, 2]) await send(group);
  });
  afterEach(async () => {
    await driver.close();
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });

  const send = async (group: number): Promise<void> => {
    await sendAll(driver, mirror, { group, bytes, ...(group > 1 && { base: group - 1 }) });
    await publish(driver, group, mirror);
  };
  const snapshots = () => standIn.tower.model.lunSnapshots.all();
  const oldestOf = (lun: string) =>
    snapshots().find(({ iscsi_lun: of }) => of?.name.startsWith(`smtx-backup.${lun}.`)) ??
    assert.fail(`none of ${lun}`);

  test("is told of once, and keeps nobody from what is done besides", async () => {
    const renamed = oldestOf("mirror");
    renamed.name = "mine";
    await rejects(driver.deleteGroup({ groupId: groupId(1), owner }), "NOT_OURS");
    await driver.deleteGroup({ groupId: groupId(1), owner });
    await prepareMirror(driver, sourceObject({ lunId: 8, name: "other" }));
    await send(3);
    assert.deepEqual(await readSnapshot(driver, await snapshotOf(driver, groupId(3), mirror)), bytes);
    const before = snapshots().length;
    await driver.deleteGroup({ groupId: groupId(2), owner });
    assert.equal(snapshots().length, before - 2);
    assert.ok(snapshots().includes(renamed));
    await rejects(driver.tend({ time: steadyTime }), "NOT_OURS");
  });

  test("and what a person has deleted of a base, which is told with what helps", async () => {
    const newest = snapshots().findLast(({ iscsi_lun: of }) => of?.name.startsWith("smtx-backup.mirror."));
    standIn.tower.model.lunSnapshots.delete(newest ?? assert.fail("none"));
    await assert.rejects(send(3), { code: "BASE_MISSING", hint: new RegExp(`group delete ${groupId(2)} `) });
    await driver.deleteGroup({ groupId: groupId(2), owner });
    await sendAll(driver, mirror, { group: 3, base: 1, bytes });
    await publish(driver, 3, mirror);
    assert.deepEqual(await readSnapshot(driver, await snapshotOf(driver, groupId(3), mirror)), bytes);
  });

  test("of a group's manifest keeps the group's snapshots, so that what is found again is whole", async () => {
    const [manifest, content] = [oldestOf("manifest"), oldestOf("mirror")];
    const { name } = manifest;
    manifest.name = "mine";
    await rejects(driver.deleteGroup({ groupId: groupId(1), owner }), "NOT_OURS");
    assert.ok(snapshots().includes(content));
    manifest.name = name;
    await driver.tend({ time: steadyTime });
    assert.ok(![manifest, content].some((one) => snapshots().includes(one)));
  });
});
