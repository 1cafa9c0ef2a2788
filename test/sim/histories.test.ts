import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Group } from "../../core/api/group.ts";
import type { GroupId, Instant, PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import { type Plan, scheduleSchema } from "../../core/api/plan.ts";
import type { Run, Skip } from "../../core/api/run.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { partsOf, statusOf } from "../../core/run/steps.ts";
import { slots } from "../../core/schedule/slots.ts";
import { readBaseFact } from "../../functions/engine/base.ts";
import {
  cancelRun,
  deletePlan,
  resumePlan,
  runPlanNow,
  startRebuild,
  suspendPlan,
} from "../../functions/engine/commands.ts";
import { readGroups } from "../../functions/engine/groups.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import { planKey, runPrefix, skipPrefix } from "../../functions/records.ts";
import { type Faults, noFaults, World } from "./world.ts";

const begin = "2026-11-24T00:30:00.000Z" as Instant;
const schedule = scheduleSchema.parse({ cycle: "hourly" });
const objects = ["web1", "web2", "db1"];

const stormy: Faults = { death: 0.02, again: 0.15, lost: 0.03, failure: 0.08, crash: 0.05 };

const hourlyPlan = (id: PlanId): Plan => ({
  id,
  kind: "backup",
  status: "active",
  name: `plan-${id.slice(-2)}`,
  source: "a" as SiteId,
  targets: (["b", "c"] as SiteId[]).map((site) => ({ site, retention: { keepLast: 2 }, switches: {} })),
  objects: objects.map((name) => ({ kind: "lun", id: name, name })),
  schedule,
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: begin,
  slotsDoneUntil: begin,
  sequence: 0,
  lanes: {},
});

const makeWorld = async (seed: number, faults: Faults) => {
  const world = new World({ seed, sites: ["a", "b", "c"], now: begin, faults: noFaults });
  for (const name of objects) world.site("a").volumes.set(name, 1);
  const planId = await world.addPlan(hourlyPlan);
  world.faults = faults;
  return { world, planId };
};

const list = async <T>(world: World, planId: PlanId, prefix: string): Promise<T[]> => {
  const page = await world.store.query<T>({ partition: planKey(planId).partition, prefix, limit: 10_000 });
  return page.items.map((item) => item.body);
};

/** One thing happens. */
const step = async (world: World, planId: PlanId): Promise<void> => {
  const { chance } = world;
  const dice = chance.below(100);
  if (dice < 42) world.deliverTask();
  else if (dice < 84) await world.deliverReport();
  else if (dice < 90) world.pass(chance.below(90));
  else if (dice < 93) await world.sweep();
  else if (dice < 95) await world.call((deps) => handlePlanInvocation(deps, { planId, scheduledTime: world.now }));
  else if (dice < 96) world.pass(chance.below(3600));
  else if (dice < 97) await world.call((deps) => runPlanNow(deps, planId));
  else if (dice < 98) await person(world, planId);
  else world.writeSomewhere();
};

/** A person does something rarer. */
const person = async (world: World, planId: PlanId): Promise<void> => {
  const dice = world.chance.below(4);
  if (dice === 0) await world.call((deps) => suspendPlan(deps, planId));
  if (dice === 1) await world.call((deps) => resumePlan(deps, planId));
  if (dice === 2) {
    const [run] = (await list<Run>(world, planId, runPrefix)).filter((other) => statusOf(other) === "running");
    if (run !== undefined) await world.call((deps) => cancelRun(deps, run.id));
  }
  if (dice === 3) {
    const groups = (await list<Group>(world, planId, "GROUP#")).filter((group) => group.role === "mirror");
    const group = groups[world.chance.below(groups.length)];
    if (group === undefined) return;
    await world.call((deps) => startRebuild(deps, { groupId: group.id, siteId: group.siteId, namePrefix: "r-" }));
  }
};

/** The storm is over: everything that is still to be done is done. */
const calm = async (world: World, planId: PlanId): Promise<void> => {
  world.faults = noFaults;
  await world.call((deps) => suspendPlan(deps, planId));
  for (let minute = 0; minute < 60 * 24 * 3; minute += 1) {
    for (let i = 0; i < 3000 && (world.deliverTask() || (await world.deliverReport())); i += 1);
    await world.sweep();
    const runs = await list<Run>(world, planId, runPrefix);
    const isQuiet = runs.every((run) => !["queued", "running"].includes(statusOf(run)));
    const outbox = await world.store.query({ partition: planKey(planId).partition, prefix: "OUTBOX#", limit: 1 });
    if (isQuiet && outbox.items.length === 0 && world.tasks.length + world.reports.length === 0) return;
    world.pass(minute < 120 ? 60 : 600);
  }
  const runs = (await list<Run>(world, planId, runPrefix)).filter((run) =>
    ["queued", "running"].includes(statusOf(run)),
  );
  const outbox = await world.store.query({ partition: planKey(planId).partition, prefix: "OUTBOX#", limit: 5 });
  const left = { runs, outbox: outbox.items, tasks: world.tasks.length, reports: world.reports.length };
  assert.fail(`something is still going on after days without a fault: ${JSON.stringify(left, null, 1)}`);
};

/** I7, at any instant: nobody works without a deadline that the sweep will find. */
const checkDeadlines = async (world: World, planId: PlanId): Promise<void> => {
  for (const run of await list<Run>(world, planId, runPrefix)) {
    for (const [, part] of partsOf(run)) {
      if (part.step !== null) assert(part.deadline !== null && part.inFlight.length > 0, "I7: no deadline");
    }
  }
};

/** I1 and I2: what the targets publish is what the source's snapshot was, of all objects. */
const checkGroups = (world: World): void => {
  for (const id of ["b", "c"]) {
    for (const [groupId, group] of world.site(id).groups) {
      assert.deepEqual(group.contents, world.truth.get(groupId), "I1: a published group differs from its source");
      assert.equal(group.contents.size, objects.length, "I2: a published group lacks an object");
    }
  }
};

/** I8: however often its task came, a target published a group once, and the source made none that it still had. */
const checkEffects = (world: World): void => {
  for (const site of world.sites.values()) {
    for (const [groupId, count] of site.made) {
      const deleted = site.id === "a" ? (site.deleted.get(groupId) ?? 0) : 0;
      assert(count <= 1 + deleted, `I8: ${groupId} was made ${count} times on ${site.id}`);
    }
  }
};

/** I11: the slots until now are the runs and the recorded skips, each once. */
const checkSlots = async (world: World, planId: PlanId): Promise<void> => {
  const runs = (await list<Run>(world, planId, runPrefix)).filter((run) => run.trigger === "schedule");
  const skips = await list<Skip>(world, planId, skipPrefix);
  const skipped = skips.flatMap((skip) =>
    slots(schedule, { after: addSeconds(skip.firstSlot, -1), until: skip.lastSlot, limit: 10_000 }),
  );
  const plan = await world.store.get<Plan>(planKey(planId));
  assert(plan);
  const due = slots(schedule, { after: begin, until: plan.body.slotsDoneUntil, limit: 10_000 });
  assert.deepEqual([...runs.map((run) => run.slot), ...skipped].sort(), due, "I11");
};

/** What the control plane knows of groups is what the sites have, and the base of the next increment is there (I4). */
const checkRecords = async (world: World, planId: PlanId): Promise<void> => {
  const records = await list<Group>(world, planId, "GROUP#");
  for (const { id, siteId, state, holds } of records) {
    const isThere = world.site(siteId).groups.has(id);
    if (state === "published") assert(isThere, `a group that is said to be on ${siteId} is not`);
    assert.deepEqual(holds, [], "a hold was left behind");
  }
  for (const site of world.sites.values()) {
    for (const id of site.groups.keys()) {
      const record = records.find((group) => group.id === id && group.siteId === site.id);
      assert(record !== undefined && record.state !== "deleted", `nobody knows of a group on ${site.id}`);
    }
  }
  for (const target of ["b", "c"] as SiteId[]) {
    const mirrors = records.filter((group) => group.siteId === target && group.state === "published");
    const newest = mirrors.sort((x, y) => y.sequence - x.sequence)[0];
    if (newest !== undefined) assert(world.site("a").groups.has(newest.id), "I4: the base is gone from the source");
  }
};

const stillHeldLanes = async (world: World, planId: PlanId) => {
  const plan = await world.store.get<Plan>(planKey(planId));
  return Object.values(plan?.body.lanes ?? {}).filter((lane) => lane.active !== null);
};

/** `SIM_SEED=n` replays one history; `SIM_RUNS=n` plays more of them. */
const seeds =
  process.env["SIM_SEED"] === undefined ? fc.integer({ min: 0 }) : fc.constant(Number(process.env["SIM_SEED"]));
const numRuns = Number(process.env["SIM_RUNS"] ?? 100);

test("no history of deaths, losses, copies and failures breaks the invariants, and every run ends", async () => {
  const seen = { succeeded: 0, failed: 0, skipped: 0, cancelled: 0, rebuilt: 0, reclaimed: 0 };
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { world, planId } = await makeWorld(seed, stormy);
      for (let i = 0; i < 900; i += 1) {
        await step(world, planId);
        checkGroups(world);
        if (i % 30 === 0) await checkDeadlines(world, planId);
      }
      await calm(world, planId);
      // The next runs find what was left behind by answers that got lost, and the ones after them tidy it up.
      for (let i = 0; i < 3; i += 1) {
        await world.call((deps) => runPlanNow(deps, planId));
        await calm(world, planId);
      }
      checkGroups(world);
      checkEffects(world);
      await checkSlots(world, planId);
      await checkRecords(world, planId);
      assert.deepEqual(await stillHeldLanes(world, planId), [], "a lane is held by a run that has ended");
      for (const run of await list<Run>(world, planId, runPrefix)) {
        const reasons = partsOf(run).map(([, part]) => part.reason?.code);
        assert(!reasons.includes("SNAPSHOT_UNKNOWN"), "a group that is being read was deleted");
        for (const [, part] of partsOf(run)) if (part.state in seen) seen[part.state as keyof typeof seen] += 1;
        if (run.kind === "rebuild" && statusOf(run) === "succeeded") seen.rebuilt += 1;
      }
      seen.reclaimed += (await list<Group>(world, planId, "GROUP#")).filter(
        (group) => group.state === "deleted",
      ).length;
    }),
    { numRuns },
  );
  // A simulation in which nothing happens would prove nothing.
  for (const [what, count] of Object.entries(seen)) assert(count > 0, `no history had anything ${what}`);
});

test("I10: a target whose link is down for good fails with its reason, and the other has every group on time", async () => {
  const { world, planId } = await makeWorld(7, noFaults);
  world.unreachable.add("c" as SiteId);
  for (let minute = 0; minute < 60 * 12; minute += 1) {
    world.pass(60);
    await world.sweep();
    for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
  }
  const runs = await list<Run>(world, planId, runPrefix);
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
    return (await list<Run>(world, planId, runPrefix)).at(-1) as Run;
  };
  const before = await hours(2);
  world.site("b").groups.delete(before.groupId);
  const healed = await hours(1);
  assert.equal(healed.targets["b"]?.state, "succeeded");
  const base = await world.call((deps) => readBaseFact(deps, healed.id, "b" as SiteId));
  assert.equal(base?.why, "base-gone-from-target");
  const next = await hours(1);
  assert.equal((await world.call((deps) => readBaseFact(deps, next.id, "b" as SiteId)))?.why, "increment");
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
  assert(
    (await list<Run>(world, planId, runPrefix)).every((run: { id: RunId } & Run) => statusOf(run) === "succeeded"),
  );
});
