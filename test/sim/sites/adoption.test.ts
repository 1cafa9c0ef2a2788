import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { AdoptionAnswer } from "../../../core/api/adoption/adoption.ts";
import type { PlanId } from "../../../core/api/ids.ts";
import type { Run } from "../../../core/api/run.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { extentBytes } from "./site.ts";
import { SitesWorld } from "./world.ts";

/** Has the control plane take in what sites hold. */
const adopt = async (world: SitesWorld, site: string, more: object = {}): Promise<AdoptionAnswer> => {
  await world.alive();
  const { status, body } = await world.api.send<AdoptionAnswer>("POST", "/v1/adoptions", { site, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  await world.settle();
  const { body: after } = await world.api.send<AdoptionAnswer>("GET", `/v1/adoptions/${site}/${body.id}`);
  assert.equal(after.state, "done", JSON.stringify(after));
  return after;
};

describe("a control plane that is lost", () => {
  let world: SitesWorld;
  let planId: PlanId;
  let volumeId: string;
  const runs: Run[] = [];
  let old: string;

  before(async () => {
    world = await SitesWorld.open(["a", "b", "c"]);
    const a = world.site("a");
    const { kind, id, name, volumes } = await a.createVolume("db");
    volumeId = volumes[0]?.id ?? assert.fail();
    await a.write(volumeId, 0, 4 * extentBytes, 1);
    planId = await world.createPlan("nightly", { objects: [{ kind, id, name }] });
    runs.push(await world.backUp(planId));
    await a.write(volumeId, extentBytes, 4096, 2);
    runs.push(await world.backUp(planId));
    old = world.authority.certificatePem;
  });
  after(() => world.close());

  test("is followed by one that takes b and c in, and whose next run sends what differs", async () => {
    await world.loseControlPlane(["a", "b", "c"]);
    const first = await adopt(world, "b", { authority: old });
    assert.deepEqual([first.groupNotes, first.plans.length], [[], 1]);
    const second = await adopt(world, "c", { authority: old });
    console.log(JSON.stringify([first, second], null, 1));
    const plan = await world.plan(planId);
    console.log(JSON.stringify(plan, null, 1));
    console.log(JSON.stringify((await readGroups(world.api.deps, planId)).map(({ body }) => body), null, 1));
    await world.api.send("POST", `/v1/plans/${planId}/resume`);
    const a = world.site("a");
    await a.write(volumeId, 2 * extentBytes, 4096, 3);
    const run = await world.backUp(planId);
    console.log([...world.sent]);
    assert.equal(run.sequence, 3);
    for (const site of ["b", "c"]) {
      assert((await world.site(site).readGroup(run.groupId, volumeId)).equals(await a.read(volumeId)));
    }
  });
});
