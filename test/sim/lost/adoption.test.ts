import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AdoptionAnswer } from "../../../core/api/adoption/adoption.ts";
import type { GroupAnswer, PlanAnswer } from "../../../core/api/answers.ts";
import type { SiteId } from "../../../core/api/ids.ts";
import type { Run } from "../../../core/api/run.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { readBase } from "../../../functions/groups/base.ts";
import { extentBytes } from "./site.ts";
import { LosableWorld } from "./world.ts";

/** More than a write of 4 KiB takes on the wire, and less than an extent. */
const littleBytes = 8 * 1024;

/** A plan of two volumes from a to b and c, and two runs of it. */
const backedUp = async () => {
  const world = await LosableWorld.open(["a", "b", "c"]);
  const a = world.site("a");
  const objects = [await a.createVolume("db"), await a.createVolume("mail")];
  const volumeIds = objects.flatMap(({ volumes }) => volumes.map(({ id }) => id));
  for (const [seed, id] of volumeIds.entries()) await a.write(id, 0, 4 * extentBytes, seed);
  const planId = await world.createPlan("nightly", {
    objects: objects.map(({ kind, id, name }) => ({ kind, id, name })),
    retention: { keepLast: 2 },
  });
  const runs = [await world.backUp(planId)];
  await a.write(volumeIds[0] ?? "", extentBytes, 4096, 8);
  runs.push(await world.backUp(planId));
  const authority = world.authority.certificatePem;
  const isEqual = async (run: Run, site: string) => {
    for (const id of volumeIds) {
      assert((await world.site(site).readGroup(run.groupId, id)).equals(await a.read(id)), `${id} at ${site}`);
    }
  };
  return { world, a, planId, volumeIds, runs, authority, isEqual };
};

type BackedUp = Awaited<ReturnType<typeof backedUp>>;

const planOf = async ({ world, planId }: BackedUp): Promise<PlanAnswer> =>
  (await world.api.send<PlanAnswer>("GET", `/v1/plans/${planId}`)).body;

const groupsOf = async ({ world, planId }: BackedUp, site: string): Promise<readonly GroupAnswer[]> =>
  (await world.api.send<{ items: GroupAnswer[] }>("GET", `/v1/plans/${planId}/groups?site=${site}`)).body.items;

const noted = ({ plans }: AdoptionAnswer): readonly string[] =>
  plans.flatMap(({ notes }) => notes.map(({ code }) => code));

describe("a control plane that is lost with all that it knew", () => {
  let old: BackedUp;
  /** What the newest restore point has of each volume. */
  let contents: readonly Buffer[];
  before(async () => {
    old = await backedUp();
  });
  after(() => old.world.close());

  test("is followed by one that is told by b and by c what the plan was, and whose next run sends what differs", async () => {
    const { world, a, planId, volumeIds, authority, isEqual, runs } = old;
    const was = await planOf(old);
    await world.loseControlPlane(["a", "b", "c"]);

    const looked = await world.adopt("b", { authority, dryRun: true });
    assert.deepEqual([looked.plans[0]?.is, looked.plans[0]?.groupsAdopted], ["new", 2]);
    assert.equal((await world.api.send("GET", `/v1/plans/${planId}`)).status, 404, "a dry run makes nothing known");

    const first = await world.adopt("b", { authority });
    assert.deepEqual([first.groupNotes, noted(first)], [[], ["TARGET_NOT_ADOPTED"]]);
    const second = await world.adopt("c", { authority });
    assert.deepEqual([second.groupNotes, noted(second)], [[], []]);

    const { name, source, targets, schedule, retention, objects, compression, sequence } = was;
    const { status, ...is } = await planOf(old);
    assert.deepEqual(
      [is.name, is.source, is.targets, is.schedule, is.retention, is.objects, is.compression, is.sequence],
      [name, source, targets, schedule, retention, objects, compression, sequence],
    );
    assert.equal(status, "suspended");
    for (const site of ["b", "c"]) {
      const groups = (await groupsOf(old, site)).map((group) => [group.id, group.state, group.objectCount]);
      assert.deepEqual(groups, runs.map(({ groupId }) => [groupId, "published", 2]).reverse());
    }

    const known = [await planOf(old), await groupsOf(old, "b"), await groupsOf(old, "a")];
    const [again] = (await world.adopt("b", { authority })).plans;
    assert.deepEqual([again?.is, again?.groupsAdopted, again?.groupsKnown], ["known", 0, 2]);
    assert.deepEqual([await planOf(old), await groupsOf(old, "b"), await groupsOf(old, "a")], known);

    await world.api.send("POST", `/v1/plans/${planId}/resume`);
    await a.write(volumeIds[1] ?? "", 2 * extentBytes, 4096, 9);
    contents = await Promise.all(volumeIds.map((id) => a.read(id)));
    const run = await world.backUp(planId);
    assert.equal(run.sequence, 3);
    for (const site of ["b", "c"]) {
      await isEqual(run, site);
      const base = await readBase(world.api.deps, run.id, site as SiteId);
      // By which id it has that group's snapshots, the source finds itself.
      assert.deepEqual([base?.why, base?.ofAnotherSite], ["increment", true]);
      const sent = world.sentTo(run, site);
      assert(sent > 4096 && sent < littleBytes, `${sent} bytes were sent to ${site}`);
    }
  });

  test("has what it was told of cloned to another site, and rolled back where it came from", async () => {
    const { world, a, runs, volumeIds } = old;
    const [, second] = runs;
    const groupId = second?.groupId ?? assert.fail("there were two runs");
    const was = await Promise.all(volumeIds.map((id) => world.site("b").readGroup(groupId, id)));
    const cloned = await world.restore({ type: "clone", groupId, fromSiteId: "b", siteId: "c", namePrefix: "copy-" });
    assert.equal(statusOf(cloned), "succeeded", JSON.stringify(cloned.targets));
    const made = await world.madeAt("c", "copy-");
    assert(
      made.get("copy-db")?.equals(was[0] ?? Buffer.alloc(0)) &&
        made.get("copy-mail")?.equals(was[1] ?? Buffer.alloc(0)),
    );
    const back = await world.restore({ type: "rollback", groupId, from: "b", discardChanges: true });
    assert.equal(statusOf(back), "succeeded", JSON.stringify(back.targets));
    for (const [index, id] of volumeIds.entries()) assert((await a.read(id)).equals(was[index] ?? Buffer.alloc(0)));
  });

  test("has its restore points rebuilt at b when the protected site is gone for good", async () => {
    const { world, a, authority, runs } = old;
    await a.burn();
    await world.loseControlPlane(["b"]);
    const adopted = await world.adopt("b", { authority });
    assert.deepEqual(noted(adopted).toSorted(), ["SITE_UNKNOWN", "TARGET_NOT_ADOPTED"]);
    const [newest] = await groupsOf(old, "b");
    assert.notEqual(newest?.id, runs[1]?.groupId);
    const rebuilt = await world.restore({ type: "rebuild", groupId: newest?.id, siteId: "b", namePrefix: "again-" });
    assert.equal(statusOf(rebuilt), "succeeded");
    const made = await world.madeAt("b", "again-");
    assert.deepEqual([...made.keys()].toSorted(), ["again-db", "again-mail"]);
    for (const [name, is] of made) assert(is.equals(contents[name === "again-db" ? 0 : 1] ?? Buffer.alloc(0)), name);
  });
});
