import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ForeignPlanAnswer, ForeignPlanDetail } from "../../../core/api/foreign/answers.ts";
import { ClusterWorld } from "./world.ts";

const db = "db1";
const atA = { site: "a", name: db };

test("the other site's cluster has all of a plan, signed, when site, control plane and its own ledger are gone", async (t) => {
  const world = await ClusterWorld.withPlan({ a: {}, b: {} }, 64);
  t.after(() => world.close());
  const { local } = world;
  await world.backUp("nightly");
  const first = await world.sha256(atA);
  const firstGroup = (await world.backUp("nightly")).groupId;
  await world.writeExtents(atA, [3, 31]);
  const newest = await world.sha256(atA);
  const newestGroup = (await world.backUp("nightly")).groupId;
  await local.kill();
  for (const folder of [local.dir, join(local.dir, "sites")]) {
    const kept = folder === local.dir ? "sites" : "b";
    for (const name of await readdir(folder)) {
      if (name !== kept) await rm(join(folder, name), { recursive: true, force: true });
    }
  }
  const { standIn } = world.cluster("b");
  const ledger = standIn.tower.model.luns
    .all()
    .find(({ name, cluster }) => name === "smtx-backup.ledger" && cluster === standIn.cluster);
  await standIn.customer.deleteVolume(ledger?.id ?? assert.fail());

  const here = ["-c", join(local.dir, "sites", "b", "b1.yaml")];
  const { items } = await local.command<{ items: ForeignPlanAnswer[] }>("foreign-plan", "list", ...here);
  assert.deepEqual(
    items.map(({ planName, source, groupCount, newest: { groupId } }) => [planName, source, groupCount, groupId]),
    [["nightly", "a", 3, newestGroup]],
  );
  const shown = await local.command<ForeignPlanDetail>("foreign-plan", "show", "nightly", ...here);
  assert.deepEqual(new Set(shown.groups.map(({ manifest }) => manifest.state)), new Set(["signed"]));

  await local.command("foreign-plan", "rebuild", "nightly", "--prefix", "new-", ...here);
  assert.equal(await world.cluster("b").sha256(`new-${db}`), newest);
  await local.command("foreign-plan", "rebuild", "nightly", "--group", firstGroup, "--prefix", "old-", ...here);
  assert.equal(await world.cluster("b").sha256(`old-${db}`), first);
});
