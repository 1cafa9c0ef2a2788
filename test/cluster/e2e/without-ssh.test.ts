import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../../patience.ts";
import { extentBytes } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

const extents = 64;
const atA = { site: "a", name: "db1" };

describe("a cluster whose command line nobody may use", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.withPlan({ a: { hasSsh: false }, b: { hasSsh: false } }, extents);
    await world.backUp("nightly");
  });
  after(() => world?.close());

  test("has every extent compared, and what has changed alone is sent", async () => {
    await world.writeExtents(atA, [3, 31]);
    const run = await world.backUp("nightly");
    const { why, bytesRead, bytesSent } = progressOf(run);
    assert.equal(why, "increment");
    assert.ok(bytesRead >= extents * extentBytes, `${bytesRead} bytes were read`);
    assert.ok(bytesSent < 3 * extentBytes, `${bytesSent} bytes were sent`);
    const sum = await world.sha256(atA);
    assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
  });

  test("has its snapshots taken once, though the answers were lost and the cluster was busy", async () => {
    const { faults, model } = world.cluster("a").standIn.tower;
    faults.add("create-consistency-group", { kind: "lost-answer", isDone: true });
    faults.add("create-consistency-snapshot-group", { kind: "locked" }, { times: 2 });
    faults.add("create-consistency-snapshot-group", { kind: "lost-answer", isDone: true });
    await world.writeExtents(atA, [5]);
    const run = await world.backUp("nightly");
    assert.equal(faults.left, 0);
    assert.deepEqual(model.groups.all(), []);
    const sum = await world.sha256(atA);
    assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
  });

  test("has a run and its restore points tell how far apart snapshots are that can't be of one instant", async () => {
    const { standIn } = world.cluster("a");
    Object.assign(standIn.behaviour, { groupsTakeVolumes: false });
    await standIn.customer.createVolume({ name: "disk", kind: "volume", sizeBytes: 4 * extentBytes });
    await world.local.refreshed("a");
    const both = [
      { kind: "lun" as const, name: "db1" },
      { kind: "volume" as const, name: "disk" },
    ];
    await world.local.createPlan({ name: "mixed", objects: both });
    const { groupId, warnings = [] } = await world.backUp("mixed");
    const codes = warnings.map(({ code }) => code);
    assert.ok(codes.includes("SNAPSHOTS_APART"), codes.join(", "));
    const shown = await world.does("group", "show", groupId);
    for (const site of ["a", "b"]) assert.match(shown, new RegExp(`${site}: .*up to \\d+ ms apart.*SNAPSHOTS_APART`));
    assert.match(shown, /b would rebuild 2 objects of the snapshot itself, nobody knows how long/);
  });

  test("has a run tell in the cluster's own words why it waits, and go on when the cluster does", async () => {
    const { faults } = world.cluster("a").standIn.tower;
    const fate = { kind: "fails", code: "ENoSpace", message: "the pool is full of swans" } as const;
    faults.add("create-consistency-snapshot-group", { kind: "task", fate }, { times: 1_000 });
    const runId = await world.local.runPlan("nightly");
    const told = async () => JSON.stringify(await world.local.readRun(runId));
    await until("the run to tell why", async () => (await told()).includes("full of swans"), 100);
    assert.match(await told(), /CLUSTER_TASK_FAILED/);
    faults.clear();
    assert.equal((await world.local.ended(runId)).status, "succeeded");
  });
});
