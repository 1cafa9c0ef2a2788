import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { CloudTower } from "../../../gateway/storage/smtx/cloud-tower/client.ts";
import { findCluster } from "../../../gateway/storage/smtx/cloud-tower/nouns/clusters.ts";
import {
  deleteConsistencyGroup,
  deleteGroupSnapshot,
  ensureConsistencyGroup,
  ensureGroupSnapshot,
  findGroupSnapshot,
  listConsistencyGroups,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/consistency-groups.ts";
import {
  deleteLunSnapshots,
  ensureLunSnapshot,
  findLunSnapshots,
  listLunSnapshots,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/lun-snapshots.ts";
import {
  createLuns,
  deleteLuns,
  ensureLun,
  ensureLunClone,
  findLun,
  listLuns,
  listLunsOfTarget,
  rollbackLun,
  updateLun,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/luns.ts";
import {
  deleteTarget,
  ensureTarget,
  findTarget,
  listTargets,
  updateTarget,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/targets.ts";
import { towerVersion } from "../../../gateway/storage/smtx/cloud-tower/nouns/version.ts";
import { OutcomeUnknownError } from "../../../gateway/storage/smtx/outcome.ts";
import { openedTower } from "./opened.ts";

const MiB = 2 ** 20;
const targetOf = (clusterId: string, name = "ours") => ({
  ...{ clusterId, name, replicas: 2, thin: true, stripeCount: 2, stripeBytes: 65_536, description: "made by a test" },
  ...{ iqnWhitelist: "iqn.2026-01.test:us", chap: { user: "us", secret: "chapSecret1234" } },
});
const lunOf = (targetId: string, name: string, lunId?: number) => ({
  ...{ targetId, name, sizeBytes: MiB, replicas: 2 },
  ...(lunId !== undefined && { lunId }),
});

const withLuns = async (tower: CloudTower, clusterId: string, count: number) => {
  const target = await ensureTarget(tower, targetOf(clusterId));
  const wanted = Array.from({ length: count }, (_, index) => lunOf(target.id, `disk-${index}`));
  return { target, luns: await createLuns(tower, wanted) };
};

describe("on a cluster", () => {
  test("its id, name and version are found", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const { id, name } = await findCluster(tower, clusterId);
    assert.equal(id, clusterId);
    assert.equal((await findCluster(tower, name)).id, clusterId);
    assert.match(await towerVersion(tower), /^\d+\.\d+\.\d+$/);
    await assert.rejects(findCluster(tower, "nowhere"), (error) => VisibleError.is(error, "CLUSTER_REFUSED"));
  });

  test("a target is made once, changed, found and deleted", async (t) => {
    const { tower, clusterId, countOf } = await openedTower(t);
    const target = await ensureTarget(tower, targetOf(clusterId));
    assert.deepEqual(await ensureTarget(tower, targetOf(clusterId)), target);
    assert.equal(countOf("create-iscsi-target"), 1);
    assert.deepEqual(
      [target.name, target.stripeCount, target.stripeBytes, target.isChap, target.iqnWhitelist, target.isSettled],
      ["ours", 2, 65_536, true, "iqn.2026-01.test:us", true],
    );
    await updateTarget(tower, target.id, { iqnWhitelist: "iqn.2026-01.test:them" });
    const found = await findTarget(tower, { clusterId, name: "ours" });
    assert.deepEqual([found?.iqnWhitelist, found?.description], ["iqn.2026-01.test:them", "made by a test"]);
    await deleteTarget(tower, target.id);
    await deleteTarget(tower, target.id);
    assert.deepEqual(await listTargets(tower, clusterId), []);
  });

  test("a LUN has the id that was chosen, grows, and goes", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const target = await ensureTarget(tower, targetOf(clusterId));
    const lun = await ensureLun(tower, lunOf(target.id, "disk", 300));
    assert.deepEqual([lun.lunId, lun.sizeBytes, lun.target.id, lun.isSettled], [300, MiB, target.id, true]);
    await updateLun(tower, lun.id, { name: "larger", sizeBytes: 4 * MiB });
    assert.deepEqual(
      (await listLunsOfTarget(tower, target.id)).map(({ name, sizeBytes }) => [name, sizeBytes]),
      [["larger", 4 * MiB]],
    );
    const taken = ensureLun(tower, lunOf(target.id, "another", 300));
    await assert.rejects(taken, (error) => VisibleError.is(error, "CLUSTER_TASK_FAILED"));
    await deleteLuns(tower, [lun.id], { withSnapshots: false });
    await deleteLuns(tower, [lun.id], { withSnapshots: false });
    assert.equal(await findLun(tower, lun.id), undefined);
  });

  test("several LUNs are made by one request, in order, and listed over several pages", async (t) => {
    const { tower, clusterId, countOf } = await openedTower(t);
    const { luns } = await withLuns(tower, clusterId, 3);
    assert.deepEqual(
      luns.map(({ name }) => name),
      ["disk-0", "disk-1", "disk-2"],
    );
    assert.equal(countOf("create-iscsi-lun"), 1);
    assert.deepEqual(
      new Set((await listLuns(tower, clusterId)).map(({ id }) => id)),
      new Set(luns.map(({ id }) => id)),
    );
  });

  test("a LUN's snapshot stays when the LUN goes, is cloned, and rolled back to", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const { target, luns } = await withLuns(tower, clusterId, 1);
    const [lun] = luns;
    assert(lun !== undefined);
    const wanted = { lunId: lun.id, targetId: target.id, name: "now" };
    const snapshot = await ensureLunSnapshot(tower, wanted);
    assert.deepEqual(await ensureLunSnapshot(tower, wanted), snapshot);
    assert.deepEqual([snapshot.lun?.id, snapshot.isSettled], [lun.id, true]);
    assert.notEqual(snapshot.zbsVolumeId, "");
    const clone = await ensureLunClone(tower, { snapshotId: snapshot.id, targetId: target.id, name: "read" });
    assert.notEqual(clone.lunId, lun.lunId);
    await rollbackLun(tower, { lunId: lun.id, snapshotId: snapshot.id });
    await deleteLuns(tower, [lun.id, clone.id], { withSnapshots: false });
    assert.equal((await findLunSnapshots(tower, [snapshot.id])).get(snapshot.id)?.lun, undefined);
    await deleteLunSnapshots(tower, [snapshot.id]);
    await deleteLunSnapshots(tower, [snapshot.id]);
    assert.deepEqual(await listLunSnapshots(tower, clusterId), []);
  });

  test("a group's snapshots are of its LUNs, and stay when the group goes", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const { luns } = await withLuns(tower, clusterId, 2);
    const lunIds = luns.map(({ id }) => id);
    const group = await ensureConsistencyGroup(tower, { clusterId, name: "ours", lunIds });
    assert.deepEqual(new Set(group.luns.map(({ id }) => id)), new Set(lunIds));
    const snapshot = await ensureGroupSnapshot(tower, { groupId: group.id, name: "now" });
    const parts = await findLunSnapshots(
      tower,
      snapshot.lunSnapshots.map(({ id }) => id),
    );
    assert.deepEqual(new Set([...parts.values()].map(({ lun }) => lun?.id)), new Set(lunIds));
    const again = ensureConsistencyGroup(tower, { clusterId, name: "another", lunIds });
    await assert.rejects(again, (error) => VisibleError.is(error, "CLUSTER_TASK_FAILED"));
    await deleteGroupSnapshot(tower, snapshot.id, { withLunSnapshots: false });
    assert.equal(await findGroupSnapshot(tower, { groupId: group.id, name: "now" }), undefined);
    await deleteConsistencyGroup(tower, group.id);
    await deleteConsistencyGroup(tower, group.id);
    assert.deepEqual(await listConsistencyGroups(tower, clusterId), []);
    assert.equal((await listLunSnapshots(tower, clusterId)).length, 2);
  });
});

describe("where a cluster does not do as it should", () => {
  for (const isDone of [true, false]) {
    test(`a LUN whose answer is lost is there once in the end, whether it was made (${isDone}) or not`, async (t) => {
      const { tower, hasty, standIn, clusterId } = await openedTower(t);
      const target = await ensureTarget(tower, targetOf(clusterId));
      standIn.tower.faults.add("create-iscsi-lun", { kind: "lost-answer", isDone });
      const lun = await ensureLun(isDone ? tower : hasty, lunOf(target.id, "disk"));
      assert.deepEqual(
        (await listLunsOfTarget(tower, target.id)).map(({ id, isSettled }) => [id, isSettled]),
        [[lun.id, true]],
      );
    });
  }

  test("tokens that are over are not noticed", async (t) => {
    const { tower, standIn, clusterId, countOf } = await openedTower(t);
    const { target } = await withLuns(tower, clusterId, 2);
    for (let count = 0; count < 5; count += 1) {
      standIn.tower.expireTokens();
      await Promise.all([ensureLun(tower, lunOf(target.id, `more-${count}`)), listLuns(tower, clusterId)]);
    }
    assert.equal((await listLuns(tower, clusterId)).length, 7);
    assert.ok(countOf("login") <= 11, `${countOf("login")} logins`);
  });

  test("what is locked for a while is waited for", async (t) => {
    const { tower, hasty, standIn, clusterId } = await openedTower(t);
    const { luns } = await withLuns(tower, clusterId, 1);
    standIn.tower.faults.add("update-iscsi-lun", { kind: "locked" }, { times: 4 });
    await updateLun(hasty, luns[0]?.id ?? "", { name: "new" });
    standIn.tower.faults.add("update-iscsi-lun", { kind: "locked" }, { times: 100 });
    const locked = updateLun(hasty, luns[0]?.id ?? "", { name: "newer" });
    await assert.rejects(locked, (error) => VisibleError.is(error, "CLUSTER_BUSY"));
  });

  test("a task that is slow is waited for, and one that hangs is not", async (t) => {
    const { tower, hasty, standIn, clusterId } = await openedTower(t);
    const target = await ensureTarget(tower, targetOf(clusterId));
    standIn.tower.faults.add("create-iscsi-lun", { kind: "task", fate: { kind: "slow", polls: 100 } });
    assert.equal((await createLuns(hasty, [lunOf(target.id, "slow")])).length, 1);
    standIn.tower.faults.add("create-iscsi-lun", { kind: "task", fate: { kind: "hangs", isDone: true } });
    const error: unknown = await createLuns(hasty, [lunOf(target.id, "hangs")]).catch((thrown: unknown) => thrown);
    assert.ok(error instanceof OutcomeUnknownError);
    assert.equal(error.code, "TIMEOUT");
    await standIn.settled();
    assert.equal((await ensureLun(tower, lunOf(target.id, "hangs"))).name, "hangs");
    assert.equal((await listLunsOfTarget(tower, target.id)).length, 2);
  });

  test("a task that fails is told of in its own words, and a right that is missing by its name", async (t) => {
    const { tower, standIn, clusterId } = await openedTower(t);
    const target = await ensureTarget(tower, targetOf(clusterId));
    const fate = { kind: "fails", code: "NO_SPACE", message: "the pool is full" } as const;
    standIn.tower.faults.add("create-iscsi-lun", { kind: "task", fate });
    await assert.rejects(ensureLun(tower, lunOf(target.id, "disk")), /NO_SPACE: the pool is full/);
    assert.deepEqual(await listLunsOfTarget(tower, target.id), []);
    standIn.tower.faults.add("create-iscsi-lun", { kind: "forbidden" });
    await assert.rejects(ensureLun(tower, lunOf(target.id, "disk")), (error) => {
      assert.ok(VisibleError.is(error, "CLUSTER_REFUSED"));
      assert.match(error.message, /refuses create-iscsi-lun to “backup”/);
      return true;
    });
  });

  test("a CloudTower that is away for a while is asked again, and one that stays away is told of", async (t) => {
    const { tower, hasty, standIn, clusterId } = await openedTower(t);
    await withLuns(tower, clusterId, 1);
    await standIn.tower.stop();
    await assert.rejects(listLuns(hasty, clusterId), (error) => VisibleError.is(error, "CLUSTER_UNREACHABLE"));
    await standIn.tower.resume();
    assert.equal((await listLuns(tower, clusterId)).length, 1);
  });
});
