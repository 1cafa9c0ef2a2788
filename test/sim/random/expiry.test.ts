import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../../../core/api/group.ts";
import type { PlanId, RunId, SiteId } from "../../../core/api/ids.ts";
import type { Run } from "../../../core/api/run.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { runKey, runPlanKey } from "../../../functions/documents/records.ts";
import { cancelRun, runPlanNow } from "../../../functions/engine/commands.ts";
import { readBase } from "../../../functions/groups/base.ts";
import { recordGroup } from "../../../functions/groups/groups.ts";
import { startRebuild } from "../../../functions/rebuild/start-rebuild.ts";
import { historyKeptSeconds } from "../../../functions/runs/expiry.ts";
import { calm, checkEnds, list, makeWorld, playOut, runsIn } from "../history.ts";
import { withoutWaiting } from "../no-waiting.ts";
import { noFaults, type World } from "../world.ts";

withoutWaiting();

/**
 * So long that everything that has an end has come to it, and is deleted.
 * @returns how much that was
 */
const longAfter = async (world: World): Promise<number> => {
  world.pass(historyKeptSeconds + 3 * 24 * 3600);
  const before = world.table.copy().length;
  await world.sweep();
  world.table.expire(Date.parse(world.now) / 1000);
  return before - world.table.copy().length;
};

const run = async (world: World, planId: PlanId): Promise<Run> => {
  const { id } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
  await calm(world, planId);
  return runsIn(world, planId).find((one) => one.id === id) ?? assert.fail("the run is gone");
};

const isThere = (world: World, id: RunId): boolean => {
  const { partition, sort } = runKey(id);
  return world.table.get(partition, sort) !== undefined;
};
const documentsOf = (world: World, id: RunId): number => world.table.list(runPlanKey(id).partition).length;

/** @returns whether somebody died */
const dyingAt = async (world: World, request: number, happens: () => Promise<void>): Promise<boolean> => {
  world.dieAtRequest = request;
  await happens();
  const died = world.dieAtRequest <= 0;
  world.dieAtRequest = Number.POSITIVE_INFINITY;
  return died;
};

const restorePoints = (world: World, planId: PlanId): readonly Group[] =>
  list<Group>(world, planId, "GROUP#").filter(({ role, state }) => role === "mirror" && state === "published");

/** Every restore point can be rebuilt from, whatever has expired. */
const rebuildAll = async (world: World, planId: PlanId): Promise<void> => {
  for (const { id: groupId, siteId } of restorePoints(world, planId)) {
    // A restore is named by its instant.
    world.pass(60);
    const begun = await world.call((deps) => startRebuild(deps, { groupId, siteId, namePrefix: "late-" }));
    assert(begun, `nothing can be rebuilt from ${groupId} on ${siteId}`);
    await calm(world, planId);
    const rebuilt = runsIn(world, planId).find(({ id }) => id === begun.id);
    assert.equal(statusOf(rebuilt ?? assert.fail("it is gone")), "succeeded");
  }
};

test("a run's documents go some time after its last group, and not while a site still has one", async () => {
  const { world, planId } = await makeWorld(21, noFaults);
  const runs: Run[] = [];
  for (let i = 0; i < 4; i += 1) {
    runs.push(await run(world, planId));
    world.pass(60);
  }
  assert((await longAfter(world)) > 0);
  const ids = runs.map(({ id }) => id);
  assert.deepEqual(
    ids.map((id) => isThere(world, id)),
    [false, false, true, true],
  );
  assert.deepEqual(
    ids.map((id) => documentsOf(world, id) > 0),
    [false, false, true, true],
  );
  assert.equal(restorePoints(world, planId).length, 4);
  await rebuildAll(world, planId);
  const next = await run(world, planId);
  const base = await world.call((deps) => readBase(deps, next.id, "b" as SiteId));
  assert.equal(base?.why, "increment");
});

test("what was to go of a run is kept when a group of it turns up after all", async () => {
  for (const [turnsUp, expected] of [
    [true, true],
    [false, false],
  ] as const) {
    const { world, planId } = await makeWorld(22, noFaults);
    const begun = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
    while (runsIn(world, planId)[0]?.targets["b"]?.state !== "transferring") {
      world.deliverTask();
      await world.deliverReport();
    }
    const cancelled = (await world.call((deps) => cancelRun(deps, begun.id))) ?? assert.fail("it was not cancelled");
    await calm(world, planId);
    assert(documentsOf(world, begun.id) > 0);
    if (turnsUp) await world.call((deps) => recordGroup(deps, cancelled, "mirror", "b" as SiteId));
    await longAfter(world);
    assert.equal(isThere(world, begun.id), expected);
    assert.equal(documentsOf(world, begun.id) > 0, expected);
  }
});

test("a run that is deleted is deleted to its end, wherever the sweep dies", async () => {
  const { world, planId } = await makeWorld(23, noFaults);
  for (let i = 0; i < 4; i += 1) {
    await run(world, planId);
    world.pass(60);
  }
  world.pass(historyKeptSeconds + 3 * 24 * 3600);
  const ids = runsIn(world, planId).map(({ id }) => id);
  const before = world.table.copy();
  let deaths = 0;
  for (let dieAt = 1; ; dieAt += 1) {
    world.table.setBack(before);
    const died = await dyingAt(world, dieAt, () => world.sweep());
    deaths += died ? 1 : 0;
    await world.sweep();
    const left = ids.map((id) => documentsOf(world, id) > 0);
    assert.deepEqual(left, [false, false, true, true], `after a death at request ${dieAt}`);
    assert.deepEqual(
      ids.map((id) => isThere(world, id)),
      left,
    );
    if (!died) break;
  }
  assert(deaths > 10);
});

test("after whatever history, every restore point can still be rebuilt from when all else has expired", async () => {
  let expired = 0;
  let points = 0;
  const first = Math.floor(Date.now() / 1000);
  for (let seed = first; seed < first + 12; seed += 1) {
    try {
      const { world, planId } = await playOut(seed);
      checkEnds(world, planId);
      expired += await longAfter(world);
      checkEnds(world, planId);
      points += restorePoints(world, planId).length;
      await rebuildAll(world, planId);
      const last = await run(world, planId);
      assert.equal(statusOf(last), "succeeded");
    } catch (cause) {
      throw new Error(`the history of seed ${seed} went wrong after everything had expired`, { cause });
    }
  }
  assert(expired > 0 && points > 0);
});
