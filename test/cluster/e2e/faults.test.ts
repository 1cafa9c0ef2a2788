import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../patience.ts";
import { extentBytes } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

const extents = 64;
const many = Array.from({ length: 24 }, (_, i) => i * 2);
const atA = { site: "a", name: "db1" };

describe("a run of one cluster to another, where things go wrong", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.withPlan({ a: {}, b: {} }, extents);
    await world.backUp("nightly");
  });
  after(() => world?.close());

  /** Begins a run of what was written into these extents; it goes slowly. */
  const begun = async (): Promise<string> => {
    await world.writeExtents(atA, many);
    return world.local.runPlan("nightly");
  };

  /** Waits until a run has succeeded, and compares what it brought. */
  const succeeds = async (runId: string): Promise<void> => {
    const run = await world.local.ended(runId);
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    assert.equal(progressOf(run).why, "increment");
    const sum = await world.sha256(atA);
    assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
  };

  const isSending = async (runId: string): Promise<boolean> => {
    const [target] = (await world.local.readRun(runId)).targets;
    return (target?.progress.bytesSent ?? 0) > 0;
  };

  test("does not notice that tokens expire", async () => {
    const towers = ["a", "b"].map((site) => world.cluster(site).standIn.tower);
    const logins = towers.map(({ givenTokens }) => givenTokens.length);
    for (const tower of towers) {
      tower.expireTokens();
      for (const operation of ["get-tasks", "get-iscsi-luns"]) tower.faults.add(operation, { kind: "unauthorized" });
    }
    await succeeds(await begun());
    for (const [i, { givenTokens, faults }] of towers.entries()) {
      assert.ok(givenTokens.length > (logins[i] ?? 0));
      assert.equal(faults.left, 0);
    }
  });

  for (const [site, doing] of [
    ["a", "read"],
    ["b", "written"],
  ] as const) {
    test(`goes on at another node when the one dies where it is ${doing}`, async () => {
      await world.local.limit(extentBytes * 2);
      const runId = await begun();
      await until("something to be sent", () => isSending(runId), 50);
      await world.cluster(site).standIn.killNode();
      const { bytesSent, bytesToDo } = progressOf(await world.local.readRun(runId));
      assert.ok(bytesSent < (bytesToDo ?? 0), "all was sent before the node died");
      await world.local.limit(undefined);
      await succeeds(runId);
    });
  }

  test("waits for what is locked, and does again what a task failed at", async () => {
    const { faults } = world.cluster("a").standIn.tower;
    const fate = { kind: "fails", code: "ENoSpace", message: "there is no room now" } as const;
    faults.add("clone-iscsi-lun-from-snapshot", { kind: "locked" }, { times: 2 });
    faults.add("clone-iscsi-lun-from-snapshot", { kind: "task", fate });
    await succeeds(await begun());
    assert.equal(faults.left, 0);
  });

  test("makes once what it asked for, though the answer was lost", async () => {
    const { tower } = world.cluster("a").standIn;
    const before_ = tower.model.luns.all().length;
    tower.faults.add("clone-iscsi-lun-from-snapshot", { kind: "lost-answer", isDone: true });
    await succeeds(await begun());
    assert.equal(tower.faults.left, 0);
    assert.equal(tower.model.luns.all().length, before_);
  });

  test("is refused by the reason where another host key answers, and nothing else is harmed", async () => {
    const cluster = world.cluster("a");
    const sshd = await cluster.standIn.ssh();
    await sshd.changeHostKey();
    const run = await world.local.ended(await begun());
    assert.equal(run.status, "failed");
    assert.match(JSON.stringify(run), /CLUSTER_REFUSED/);
    assert.match(JSON.stringify(run), /host key/);
    await sshd.pinHostKey();
    await succeeds(await begun());
  });

  test("no secret stands in what was written or told meanwhile", () => world.keepsSecrets());
});
