import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupId, Instant, SiteId } from "../../../core/api/ids.ts";
import type { Run } from "../../../core/api/run.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { deletePlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { readBase } from "../../../functions/groups/base.ts";
import { readGroups } from "../../../functions/groups/groups.ts";
import { checkGroups, makeWorld, playHistory, runsIn, type Seen, sum } from "../history.ts";
import { withoutWaiting } from "../no-waiting.ts";
import { noFaults } from "../world.ts";

withoutWaiting();

/**
 * `SIM_SEED=n` replays one history; `SIM_RUNS=n` plays so many, of fresh seeds. `npm run
 * test:histories` plays 10,000.
 */
const replayed = process.env["SIM_SEED"];
const first = replayed === undefined ? Math.floor(Date.now() / 1000) : Number(replayed);
const runs = replayed === undefined ? Number(process.env["SIM_RUNS"] ?? 100) : 1;

/** What there must be in so many histories, for them to have been worth it. */
const expected = [
  "succeeded",
  "failed",
  "skipped",
  "cancelled",
  "rebuilt",
  "cloned by another site: succeeded",
  "reclaimed",
  "throttled",
  "calls that failed",
];
const lastRequests = ["GetItem", "Query", "TransactWriteItems", "BatchWriteItem", "DeleteItem"]
  .map((name) => `${name}Command`)
  .concat("SendMessage")
  .flatMap((name) => [`died at ${name}, before`, `died at ${name}, after`]);

test("no history of throttling, deaths, losses, copies and failures breaks the invariants, and every run ends", async () => {
  const all: Seen[] = [];
  const missing = () => {
    const seen = sum(all);
    return [...expected, ...lastRequests].filter((what) => !((seen[what] ?? 0) > 0));
  };
  // What is rare may be in none of the first ones, by chance; in four times as many it is there.
  const isEnough = (played: number) => played >= runs && (runs < 100 || played >= 4 * runs || missing().length === 0);
  for (let seed = first; !isEnough(seed - first); seed += 1) {
    try {
      all.push(await playHistory(seed));
    } catch (cause) {
      throw new Error(`the history of seed ${seed} went wrong; play it again with SIM_SEED=${seed}`, { cause });
    }
  }
  if (runs < 100) return;
  assert.deepEqual(missing(), [], "no history had these");
});

test("I10: a target whose link is down for good fails with its reason, and the other has every group on time", async () => {
  const { world, planId } = await makeWorld(7, noFaults);
  world.unreachable.add("c" as SiteId);
  for (let minute = 0; minute < 60 * 12; minute += 1) {
    world.pass(60);
    await world.sweep();
    for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
  }
  const runs = runsIn(world, planId);
  assert(runs.length >= 11);
  for (const run of runs) {
    assert.equal(run.targets["b"]?.state, "succeeded");
    const ended = run.targets["b"]?.endedAt as Instant;
    assert((Date.parse(ended) - Date.parse(run.slot)) / 60_000 < 10, "the good target had to wait for the bad one");
  }
  const failed = runs.filter((run) => run.targets["c"]?.state === "failed");
  assert(failed.length > 0);
  assert.match(failed[0]?.targets["c"]?.reason?.message ?? "", /The link is down.*10 tries/);
  assert.equal(world.site("c").groups.size, 0);
  assert(world.site("a").groups.size <= 3, "failed runs leave their groups behind on the source");
});

test("a target that has lost its newest group gets the next one in full, and increments again after that (I4)", async () => {
  const { world, planId } = await makeWorld(5, noFaults);
  const hours = async (count: number) => {
    for (let minute = 0; minute < 60 * count; minute += 1) {
      world.pass(60);
      await world.sweep();
      for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
    }
    return runsIn(world, planId).at(-1) as Run;
  };
  const before = await hours(2);
  world.site("b").lose(before.groupId);
  const healed = await hours(1);
  assert.equal(healed.targets["b"]?.state, "succeeded");
  const base = await world.call((deps) => readBase(deps, healed.id, "b" as SiteId));
  assert.equal(base?.why, "base-gone-from-target");
  const next = await hours(1);
  assert.equal((await world.call((deps) => readBase(deps, next.id, "b" as SiteId)))?.why, "increment");
  checkGroups(world);
});

test("a deleted plan leaves its restore points where they are, and nothing on the source", async () => {
  const { world, planId } = await makeWorld(6, noFaults);
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      world.pass(60);
      await world.sweep();
      for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
    }
  };
  await pass(150);
  await world.call((deps) => deletePlan(deps, planId));
  await pass(30);
  assert.equal(world.site("a").groups.size, 0);
  assert.equal(world.site("b").groups.size, 2);
  assert.equal((await world.call((deps) => runPlanNow(deps, planId))) ?? "refused", "refused");
});

test("retention of two keeps the two newest groups on each target, and the base of the next increment on the source", async () => {
  const { world, planId } = await makeWorld(11, noFaults);
  for (let minute = 0; minute < 60 * 8; minute += 1) {
    world.pass(60);
    world.writeSomewhere();
    await world.sweep();
    for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
  }
  const groups = (await world.call((deps) => readGroups(deps, planId)))?.map((stored) => stored.body) ?? [];
  for (const target of ["b", "c"]) {
    const kept = groups.filter((group) => group.siteId === target && group.state === "published");
    assert.equal(kept.length, 2);
    assert.deepEqual([...world.site(target).groups.keys()].sort(), kept.map((group) => group.id).sort());
  }
  assert.equal(world.site("a").groups.size, 1);
  const newest: GroupId | undefined = [...world.site("a").groups.keys()][0];
  assert(world.site("b").groups.has(newest as GroupId) && world.site("c").groups.has(newest as GroupId));
  assert(runsIn(world, planId).every((run) => statusOf(run) === "succeeded"));
});
