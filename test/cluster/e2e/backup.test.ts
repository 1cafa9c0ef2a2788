import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { extentBytes } from "./cluster-site.ts";
import { ClusterWorld, progressOf } from "./world.ts";

const extents = 64;
const changed = [3, 31, 62];
const atA = { site: "a", name: "db1" };

describe("a backup of one cluster to another, through Envoys", () => {
  let world: ClusterWorld;

  before(async () => {
    world = await ClusterWorld.open({ a: {}, b: {} });
    await world.cluster("a").makeLun("db1", extents);
    await world.cluster("a").write("db1", [0, 1, 2, 3, 30, 31, 62, 63]);
    await world.local.refreshed("a");
    await world.local.createPlan({ name: "nightly", objects: [{ kind: "lun", name: "db1" }] });
  });
  after(() => world?.close());

  test("the first one's rebuild has the source's bytes, and holes are not read", async (t) => {
    const source = await world.sha256(atA);
    const run = await world.backUp("nightly");
    const progress = progressOf(run);
    t.diagnostic(JSON.stringify(progress));
    assert.equal(progress.why, "first-backup");
    assert.equal(progress.extentsHole, extents - 8);
    assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), source);
  });

  test("the next one reads changed extents alone, and its rebuild has the source's bytes", async (t) => {
    await world.cluster("a").write("db1", changed);
    const source = await world.sha256(atA);
    const run = await world.backUp("nightly");
    const progress = progressOf(run);
    t.diagnostic(JSON.stringify(progress));
    assert.equal(progress.why, "increment");
    assert.ok(progress.bytesRead <= 2 * changed.length * extentBytes, `${progress.bytesRead} bytes were read`);
    assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), source);
  });
});
