import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { extentBytes } from "./cluster-site.ts";
import { ClusterWorld, progressOf, type SiteOptions } from "./world.ts";

const extents = 64;
const written = 7;
const changed = [3, 31, 62];
const atA = { site: "a", name: "db1" };
const atB = { site: "b", name: "db1" };

const ways: readonly (readonly [string, Readonly<Record<"a" | "b", SiteOptions>>])[] = [
  ["a cluster to another one", { a: {}, b: {} }],
  ["a cluster to an embedded store", { a: {}, b: "extentstore" }],
  ["an embedded store to a cluster", { a: "extentstore", b: {} }],
];

for (const [way, sites] of ways) {
  describe(`from ${way}, through Envoys`, () => {
    let world: ClusterWorld;
    let first: { readonly groupId: string; readonly sum: string };

    before(async () => {
      world = await ClusterWorld.withPlan(sites, extents);
    });
    after(() => world?.close());

    test("the first backup's rebuild has the source's bytes, and holes are not read", async (t) => {
      const sum = await world.sha256(atA);
      const run = await world.backUp("nightly");
      const progress = progressOf(run);
      t.diagnostic(JSON.stringify(progress));
      assert.equal(progress.why, "first-backup");
      assert.equal(progress.extentsHole, extents - written);
      assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
      first = { groupId: run.groupId, sum };
    });

    test("the next one reads changed extents alone, and its rebuild has the source's bytes", async (t) => {
      await world.writeExtents(atA, changed);
      const sum = await world.sha256(atA);
      const run = await world.backUp("nightly");
      const progress = progressOf(run);
      t.diagnostic(JSON.stringify(progress));
      assert.equal(progress.why, "increment");
      assert.ok(progress.bytesRead <= 2 * changed.length * extentBytes, `${progress.bytesRead} bytes were read`);
      assert.equal(await world.rebuilt({ site: "b", groupId: run.groupId, name: "db1" }), sum);
    });

    test("a rollback gives the source the first one's bytes, under its own id", async () => {
      const before_ = await world.volumeOf(atA);
      await world.does("rollback", first.groupId, "--discard-changes", "--wait");
      assert.equal(await world.sha256(atA), first.sum);
      assert.equal(await world.volumeOf(atA), before_);
    });

    test("a failover has the last backup's bytes at the other site, and what is written there comes home", async () => {
      const sum = await world.sha256(atA);
      const home = await world.volumeOf(atA);
      await world.backUp("nightly");
      await world.does("failover", "nightly", "--to", "b", "--wait", "--yes");
      assert.equal(await world.sha256(atB), sum);
      await world.writeExtents(atB, [5, 40]);
      const there = await world.sha256(atB);
      await world.says("failback", "nightly", "--wait", "--yes");
      if ((await world.shown("nightly")).state === "confirming-back") {
        await world.does("failover", "continue", "nightly", "--wait");
      }
      await world.comesTo("home", "nightly");
      assert.equal(await world.sha256(atA), there);
      assert.equal(await world.volumeOf(atA), home);
    });

    test("no secret stands in what was written or told meanwhile", () => world.keepsSecrets());
  });
}
