import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ClusterWorld, progressOf } from "./world.ts";

const extents = 32;
const atA = { site: "a", name: "db1" };
const taskSeconds = 2;

describe("a run of one cluster to another, of whose tasks one stands still", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.withPlan({ a: { taskSeconds }, b: { taskSeconds } }, extents);
    await world.backUp("nightly");
  });
  after(() => world?.close());

  /** What hangs and is done nevertheless is found; else it is asked for once more. */
  for (const isDone of [true, false]) {
    test(`goes on, ${isDone ? "where the cluster has done it" : "as it is asked for again"}`, async (t) => {
      await world.writeExtents(atA, [1, 9]);
      const { tower } = world.cluster("a").standIn;
      const lunsBefore = tower.model.luns.all().length;
      tower.faults.add("clone-iscsi-lun-from-snapshot", { kind: "task", fate: { kind: "hangs", isDone } });
      const beganMs = Date.now();
      const run = await world.backUp("nightly");
      t.diagnostic(`it took ${((Date.now() - beganMs) / 1000).toFixed(1)} s`);
      assert.equal(tower.faults.left, 0);
      assert.equal(progressOf(run).why, "increment");
      const sum = await world.sha256(atA);
      assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
      // What was never done stays half made, until the reaper comes.
      if (isDone) assert.equal(tower.model.luns.all().length, lunsBefore);
    });
  }

  test("says which task that is, and a rollback is done when one ends", async () => {
    const { groupId } = await world.backUp("nightly");
    const sum = await world.sha256(atA);
    await world.writeExtents(atA, [2]);
    const { faults } = world.cluster("a").standIn.tower;
    const fate = { kind: "hangs", isDone: false } as const;
    faults.add("rollback-iscsi-lun-from-snapshot", { kind: "task", fate }, { times: 2 });
    await world.does("rollback", groupId, "--discard-changes", "--wait");
    assert.equal(faults.left, 0);
    assert.equal(await world.sha256(atA), sum);
    const told = JSON.stringify(await world.local.gatewayLog("a"));
    assert.match(told, /of rollback-iscsi-lun-from-snapshot at \S+ has not moved for 2 s/);
  });
});
