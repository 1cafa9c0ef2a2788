import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { GroupId, RunId } from "../../../core/api/ids.ts";
import { siteA, siteB } from "../../../functions/api/testing.ts";
import { grainBytes, type RealSite, volumeBytes } from "./site.ts";
import { MovedWorld, type SentThere } from "./world.ts";

const mib = 1024 * 1024;
const grains = 40;
/** Of two volumes, of each of which so many grains have changed. */
const mayBeSent = (changes = 1): number => changes * 2 * grains * grainBytes * 1.05 + mib;

const assertIncrement = (sent: SentThere | undefined, base: GroupId, changes = 1): void => {
  assert.equal(sent?.base?.baseGroupId, base);
  assert.equal(sent.base.why, "increment");
  assert.ok(sent.bytesSent <= mayBeSent(changes), `${sent.bytesSent} bytes were sent`);
};

describe("a plan that fails over from a to b, and comes home", () => {
  let world: MovedWorld;
  let seeds = 100;
  const nextSeed = (): number => {
    seeds += 1;
    return seeds;
  };
  let lastAtHome: GroupId;
  let standIns: RunId;
  let away: readonly string[] = [];
  let lastAway: GroupId;

  before(async () => {
    world = await MovedWorld.open(2);
    for (const id of world.homeIds) await world.a.fill(id, nextSeed());
  });
  after(() => world.close());

  const changeAt = async (site: RealSite, volumeIds: readonly string[]) => {
    for (const id of volumeIds) await site.change(id, grains, nextSeed());
  };
  const sentTo = (sent: ReadonlyMap<string, SentThere>, site: RealSite) => sent.get(site.siteId);
  const groupOf = (sent: ReadonlyMap<string, SentThere>): GroupId =>
    [...sent.values()][0]?.run.groupId ?? assert.fail("it went nowhere");

  const assertEqualAt = async (sites: readonly RealSite[], groupId: GroupId, wanted: readonly Buffer[]) => {
    for (const site of sites) {
      const there = await world.readGroup(site, groupId);
      assert.ok(
        there.every((bytes, index) => wanted[index]?.equals(bytes)),
        `what ${site.siteId} has is something else`,
      );
    }
  };

  test("copies to b and c before", async () => {
    const first = await world.backUp();
    for (const { bytesSent } of first.values()) assert.ok(bytesSent > 2 * volumeBytes * 0.9);
    await changeAt(world.a, world.homeIds);
    const second = await world.backUp();
    lastAtHome = groupOf(second);
    for (const site of [world.b, world.c]) assertIncrement(sentTo(second, site), groupOf(first));
  });

  test("is placed at b, where a rebuild has made its objects", async () => {
    const failoverId = await world.beginMoving();
    assert.equal(await world.refused("POST", "/v1/plans/db/run"), "409 FAILOVER_UNDER_WAY");
    standIns = await world.rebuild(lastAtHome, siteB);
    await world.place(failoverId, { siteId: siteB, standIns: [standIns] });
    away = await world.standInIds(world.b, standIns);
    await assertEqualAt([world.a], lastAtHome, await world.readAll(world.b, away));
  });

  test("sends from b to c alone what differs from what both have, while nobody answers at home", async () => {
    await world.silence(siteA);
    await changeAt(world.b, away);
    const sent = await world.backUp();
    assert.deepEqual([...sent.keys()], [world.c.siteId]);
    assertIncrement(sentTo(sent, world.c), lastAtHome);
    lastAway = groupOf(sent);
    await assertEqualAt([world.c], lastAway, await world.readAll(world.b, away));
  });

  test("sends home as well when that answers again, from what home took itself", async () => {
    await world.silence();
    await changeAt(world.b, away);
    const sent = await world.backUp();
    assert.deepEqual([...sent.keys()].sort(), [world.a.siteId, world.c.siteId]);
    assertIncrement(sentTo(sent, world.a), lastAtHome, 2);
    assertIncrement(sentTo(sent, world.c), lastAway);
    lastAway = groupOf(sent);
    await assertEqualAt([world.a, world.c], lastAway, await world.readAll(world.b, away));
  });

  test("keeps at each site what the next increment starts from, however many follow", async () => {
    for (let n = 0; n < 3; n += 1) {
      await changeAt(world.b, away);
      const sent = await world.backUp();
      for (const site of [world.a, world.c]) assertIncrement(sentTo(sent, site), lastAway);
      lastAway = groupOf(sent);
      await assertEqualAt([world.a, world.c], lastAway, await world.readAll(world.b, away));
    }
    for (const site of [world.a, world.c]) {
      const points = (await world.groupsAt(site.siteId)).filter(({ role }) => role === "mirror");
      assert.deepEqual(points.length, 2, `${site.siteId} keeps as many as its target says`);
    }
    const taken = (await world.groupsAt(siteB)).filter(({ role }) => role === "source");
    assert.deepEqual(
      taken.map(({ id }) => id),
      [lastAway],
    );
  });

  test("refuses a rollback by hand and its deletion while it is away", async () => {
    const before = await world.plan();
    const rollback = { type: "rollback", groupId: lastAtHome };
    assert.equal(await world.refused("POST", "/v1/restores", rollback), "409 PLAN_AWAY");
    assert.equal(await world.refused("DELETE", "/v1/plans/db"), "409 PLAN_AWAY");
    assert.deepEqual(await world.plan(), before);
  });

  test("comes home by what differs, and home is rolled back to it by its own copy", async () => {
    await changeAt(world.b, away);
    const failoverId = await world.beginMoving();
    const sent = await world.sendFor(failoverId, siteA);
    assert.deepEqual([...sent.keys()], [siteA]);
    assertIncrement(sentTo(sent, world.a), lastAway);
    lastAway = groupOf(sent);
    const wanted = await world.readAll(world.b, away);
    const rolledBack = await world.bringHome(failoverId, lastAway, lastAtHome);
    assert.equal(rolledBack.targets[siteA]?.state, "succeeded", JSON.stringify(rolledBack.targets));
    await world.place(failoverId, undefined);
    const home = await world.readAll(world.a, world.homeIds);
    assert.ok(home.every((bytes, index) => wanted[index]?.equals(bytes)));
  });

  test("goes on as before: from a to b and c by what differs from what they have", async () => {
    await changeAt(world.a, world.homeIds);
    const sent = await world.backUp();
    assertIncrement(sentTo(sent, world.b), lastAway);
    assert.equal(sentTo(sent, world.c)?.base?.why, "increment");
    assert.ok((sentTo(sent, world.c)?.bytesSent ?? 0) <= mayBeSent(2));
    await assertEqualAt([world.b, world.c], groupOf(sent), await world.readAll(world.a, world.homeIds));
    await changeAt(world.a, world.homeIds);
    const next = await world.backUp();
    for (const site of [world.b, world.c]) assertIncrement(sentTo(next, site), groupOf(sent));
    const [atHome, atB] = [await world.groupsAt(siteA), await world.groupsAt(siteB)];
    assert.deepEqual(
      atHome.filter(({ keepUntil }) => keepUntil === undefined).map(({ id }) => id),
      [groupOf(next)],
    );
    assert.deepEqual(
      atB.map(({ role }) => role),
      ["mirror", "mirror"],
    );
  });
});
