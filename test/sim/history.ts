import assert from "node:assert/strict";
import type { Group } from "../../core/api/group.ts";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { isRule, type Plan, type PlanEntry, scheduleSchema } from "../../core/api/plan.ts";
import type { Run, RunHead, Shard, Skip, TargetRun } from "../../core/api/run.ts";
import type { ReclaimTask } from "../../core/api/task.ts";
import type { WholePlan } from "../../core/plan/define.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import type { GoneRecord } from "../../core/retention/gone.ts";
import { partsOf, statusOf } from "../../core/run/steps.ts";
import { slots } from "../../core/schedule/slots.ts";
import { startClone } from "../../functions/clone/start-clone.ts";
import { gonePrefix, partKey, planKey, runPrefix, skipPrefix } from "../../functions/documents/records.ts";
import { cancelRun, resumePlan, runPlanNow, suspendPlan } from "../../functions/engine/commands.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { assembled } from "../../functions/runs/runs.ts";
import { Chance } from "./chance.ts";
import { ClusterLife, clusterEntries, clusterSwitches } from "./cluster.ts";
import { Disasters } from "./disasters.ts";
import { vmOf } from "./model-objects.ts";
import { type Faults, noFaults, World } from "./world.ts";

const begin = "2026-11-24T00:59:00.000Z" as Instant;
const schedule = scheduleSchema.parse({ cycle: "hourly" });
const objects = ["web1", "web2", "db1"];
const targets = ["b", "c"] as SiteId[];

/** DynamoDB refuses three requests of ten, and everything else goes wrong as well. */
export const stormy: Faults = {
  ...{ throttled: 0.3, answerLost: 0.01, raced: 0.02, indexLags: 0.1 },
  ...{ death: 0.02, again: 0.15, lost: 0.01, swallowed: 0.05, refused: 0.03, failure: 0.06, crash: 0.05 },
};

/** How large a history is. */
interface Shape {
  /** Names of the protected objects, or how many of the usual three. */
  readonly objects: number | readonly string[];
  readonly targets: number;
  readonly steps: number;
  /** Restore points kept on each target. */
  readonly keepLast?: number;
  /** In place of these objects a plan of all kinds, of which something changes now and then. */
  readonly isCluster?: boolean;
  /** They are VMs of so many disks and two NICs each. */
  readonly disks?: number;
}
export const full: Shape = { objects: objects.length, targets: targets.length, steps: 900 };

const namesOf = ({ objects: wanted }: Shape): readonly string[] =>
  typeof wanted === "number" ? objects.slice(0, wanted) : wanted;

const entriesOf = (shape: Shape): readonly PlanEntry[] => {
  const kind = shape.disks === undefined ? "lun" : "vm";
  return shape.isCluster ? clusterEntries : namesOf(shape).map((name) => ({ kind, id: name, name }));
};

/** What there is at the source. */
const fill = (world: World, shape: Shape): ClusterLife | undefined => {
  if (shape.isCluster) return new ClusterLife(world);
  const site = world.site("a");
  for (const name of namesOf(shape)) {
    if (shape.disks === undefined) site.volumes.set(name, 1);
    else site.add(vmOf(name, shape.disks));
  }
  return undefined;
};

const keepLastOf = ({ keepLast = 2 }: Shape): number => keepLast;

const hourlyPlan =
  (shape: Shape) =>
  (id: PlanId): WholePlan => ({
    id,
    kind: "backup",
    status: "active",
    name: `plan-${id.slice(-2)}`,
    source: "a" as SiteId,
    targets: targets
      .slice(0, shape.targets)
      .map((site) => ({ site, retention: { keepLast: keepLastOf(shape) }, switches: clusterSwitches })),
    objectCount: entriesOf(shape).length,
    objectSet: 1,
    objects: entriesOf(shape),
    schedule,
    compression: { enabled: true, level: 1, dictionary: true },
    createdAt: begin,
    slotsDoneUntil: begin,
    sequence: 0,
    lanes: {},
  });

/** A world with an hourly plan of three objects and two targets, or fewer. */
export const makeWorld = async (seed: number, faults: Faults, shape: Shape = full) => {
  const world = new World({ seed, sites: ["a", "b", "c"], keepLast: keepLastOf(shape), now: begin, faults: noFaults });
  const life = fill(world, shape);
  const planId = await world.addPlan(hourlyPlan(shape));
  world.faults = faults;
  return { world, planId, life };
};

export const list = <T>(world: World, planId: PlanId, prefix: string): T[] =>
  world.table.list<T>(planKey(planId).partition, prefix).map(({ body }) => body);

/** The runs of a plan, with their parts. */
export const runsIn = (world: World, planId: PlanId): readonly Run[] => {
  const { partition } = planKey(planId);
  const documents = world.table
    .list<RunHead | TargetRun>(partition, runPrefix)
    .map(({ sort, body }) => ({ key: { partition, sort }, version: 1, body }));
  return assembled(documents).map(({ run }) => run);
};

/** One thing happens. */
const step = async (world: World, planId: PlanId): Promise<void> => {
  const { chance } = world;
  const dice = chance.below(1000);
  if (dice < 400) world.deliverTask();
  else if (dice < 800) await world.deliverReport();
  else if (dice < 870) world.pass(chance.below(90));
  else if (dice < 910) await world.sweep();
  else if (dice < 935) await world.call((deps) => handlePlanInvocation(deps, { planId, scheduledTime: world.now }));
  else if (dice < 950) world.pass(chance.below(3600));
  else if (dice < 960) await world.call((deps) => runPlanNow(deps, planId));
  else if (dice < 975) await person(world, planId);
  else if (dice < 998) world.writeSomewhere();
  else world.restartQueues();
};

/** Functions run beside each other: now and then two things happen at the same time. */
const steps = async (world: World, planId: PlanId): Promise<void> => {
  const count = world.chance.happens(0.15) ? 2 : 1;
  await Promise.all(Array.from({ length: count }, () => step(world, planId)));
};

/** A person does something rarer. */
const person = async (world: World, planId: PlanId): Promise<void> => {
  const dice = world.chance.below(5);
  if (dice === 0) await world.call((deps) => suspendPlan(deps, planId));
  if (dice === 1) await world.call((deps) => resumePlan(deps, planId));
  if (dice === 2) {
    const [run] = runsIn(world, planId).filter((other) => statusOf(other) === "running");
    if (run !== undefined) await world.call((deps) => cancelRun(deps, run.id));
  }
  if (dice === 3) {
    const groups = list<Group>(world, planId, "GROUP#").filter((group) => group.role === "mirror");
    const group = groups[world.chance.below(groups.length)];
    if (group === undefined) return;
    await world.call((deps) => startRebuild(deps, { groupId: group.id, siteId: group.siteId, namePrefix: "r-" }));
  }
  if (dice === 4) {
    const groups = list<Group>(world, planId, "GROUP#");
    const group = groups[world.chance.below(groups.length)];
    const siteId = (["a", "b", "c"] as SiteId[])[world.chance.below(3)];
    if (group === undefined || siteId === undefined) return;
    const wish = { groupId: group.id, fromSiteId: group.siteId as SiteId, siteId, namePrefix: "c-" };
    await world.call((deps) => startClone(deps, wish));
  }
};

/**
 * Runs of which something is still to come: they have not ended, or what follows
 * from that is not done.
 */
const openRuns = (world: World, planId: PlanId): readonly Run[] =>
  runsIn(world, planId).filter(
    (run) => ["queued", "running"].includes(statusOf(run)) || partsOf(run).some(([, part]) => part.unsettled),
  );

/** Rounds of what is visible, each at the next instant at which there is something to do. */
const roundsMax = 500;

/** The storm is over: everything that is still to be done is done, and every run ends. */
export const calm = async (world: World, planId: PlanId): Promise<void> => {
  world.faults = noFaults;
  await world.call((deps) => suspendPlan(deps, planId));
  const outbox = () => list<object>(world, planId, "OUTBOX#");
  for (let round = 0; round < roundsMax; round += 1) {
    for (let i = 0; i < 3000 && (world.deliverTask() || (await world.deliverReport())); i += 1);
    // A sweep that finds nothing asks 32 times.
    if ((world.table.nextDue() ?? "9") <= world.now) await world.sweep();
    const isIdle = world.tasks.length + world.reports.length + outbox().length === 0;
    if (isIdle && openRuns(world, planId).length === 0) return;
    world.passToNext();
  }
  const left = { now: world.now, tasks: world.tasks.length, reports: world.reports.length };
  const what = JSON.stringify({ ...left, runs: openRuns(world, planId), outbox: outbox() }, null, 1);
  assert.fail(`something is still going on long after the last fault: ${what}`);
};

/** I7, at any instant: nobody works without a deadline that the sweep will find. */
const checkDeadlines = (world: World, planId: PlanId): void => {
  const due = world.table.dueKeys();
  for (const run of runsIn(world, planId)) {
    for (const [target, part] of partsOf(run)) {
      const isDue = due.has(`${planKey(planId).partition}\n${partKey(run.id, target).sort}`);
      if (part.step !== null || part.unsettled) assert(isDue, "I7: nobody looks at a part that is under way");
    }
    for (const { sort, body } of world.table.list<Shard>(`RUN#${run.id}`, "SHARD#")) {
      if (body.deadline !== null) assert(due.has(`RUN#${run.id}\n${sort}`), "I7: no deadline");
    }
  }
};

/** I1 and I2: what the targets publish is what the source's snapshot was, of all objects. */
export const checkGroups = (world: World, objectCount?: number): void => {
  for (const id of targets) {
    for (const [groupId, group] of world.site(id).groups) {
      const truth = world.truth.get(`${groupId} at ${group.takenAt}`);
      assert.deepEqual(group.contents, truth?.contents, "I1: a published group differs from its source");
      assert.deepEqual(group.objects, truth?.objects, "I2: a published group lacks an object");
      if (objectCount !== undefined) assert.equal(group.objects.size, objectCount, "I2: a published group lacks one");
    }
  }
};

/**
 * I3: of every object that the plan names, and of what vanished of its rules', a target keeps its
 * newest good copy.
 */
const checkKept = (world: World, planId: PlanId, task: ReclaimTask): void => {
  const site = world.site(task.siteId);
  const isDone = (task.keeps ?? []).every((groupId) => site.groups.has(groupId));
  if (task.siteId === "a" || !isDone) return;
  const records = new Map(list<Group>(world, planId, `GROUP#${task.siteId}#`).map((group) => [group.id, group]));
  const newestFirst = [...site.groups].sort(([, one], [, other]) => other.sequence - one.sequence);
  const good = newestFirst.filter(([id]) => !records.get(id)?.ofFailedRun);
  const named = clusterEntries.flatMap((entry) => (isRule(entry) ? [] : [`${entry.kind}/${entry.id}`]));
  const vanished = list<GoneRecord>(world, planId, gonePrefix).map(({ kind, id }) => `${kind}/${id}`);
  for (const object of new Set([...named, ...vanished])) {
    const has = ([, { objects: some }]: (typeof good)[number]) => some.has(object);
    const [newest] = good.find(has) ?? newestFirst.find(has) ?? [];
    if (newest === undefined) continue;
    assert(!task.groupIds.includes(newest), `I3: the newest good copy of ${object} was to be deleted`);
  }
};

/** I8: however often its task came, a group was made once, also when it was deleted since. */
const checkEffects = (world: World): void => {
  for (const site of world.sites.values()) {
    for (const [group, count] of site.made) assert(count <= 1, `I8: ${group} was made ${count} times on ${site.id}`);
  }
};

/** I11: the slots until now are the runs and the recorded skips, each once. */
const checkSlots = async (world: World, planId: PlanId): Promise<void> => {
  await world.call((deps) => handlePlanInvocation(deps, { planId, scheduledTime: world.now }));
  const runs = runsIn(world, planId).filter((run) => run.trigger === "schedule");
  const skips = list<Skip>(world, planId, skipPrefix);
  const skipped = skips.flatMap((skip) =>
    slots(schedule, { after: addSeconds(skip.firstSlot, -1), until: skip.lastSlot, limit: 10_000 }),
  );
  const due = slots(schedule, { after: begin, until: world.now, limit: 10_000 });
  assert.deepEqual([...runs.map((run) => run.slot), ...skipped].sort(), due, "I11");
};

/**
 * What the control plane knows of groups is what the sites have, and the base of the next increment
 * is there (I4).
 */
const checkRecords = ({ world, planId, disasters }: Played): void => {
  const records = list<Group>(world, planId, "GROUP#");
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
  // A set back may cost the base, which the next run says.
  if (disasters.count > 0) return;
  for (const target of targets) {
    const mirrors = records.filter((group) => group.siteId === target && group.state === "published");
    const newest = mirrors.sort((x, y) => y.sequence - x.sequence)[0];
    if (newest !== undefined) assert(world.site("a").groups.has(newest.id), "I4: the base is gone from the source");
  }
};

/** What was brought for a restore goes with it, however that has ended. */
const checkStaged = ({ world, disasters }: Played): void => {
  // A store that was put back has what is known to be gone from it.
  if (disasters.count > 0) return;
  for (const { id, stagedCount } of world.sites.values())
    assert.equal(stagedCount, 0, `a restore has left something at ${id}`);
};

/** What a base does not have is not said to be based on it. */
const checkBases = ({ world, disasters }: Played): void => {
  if (disasters.count > 0) return;
  for (const { id, baseMisses } of world.sites.values()) assert.equal(baseMisses, 0, `${id} has no such base`);
};

/** What is there of runs is of runs that are there, and each of these has a group, or its end. */
export const checkEnds = (world: World, planId: PlanId): void => {
  const runs = new Map(runsIn(world, planId).map((one) => [one.id as string, one]));
  const kept = new Set(
    list<Group>(world, planId, "GROUP#")
      .filter(({ state }) => state !== "deleted" && state !== "lost")
      .map(({ runId }) => runId as string),
  );
  for (const { pk } of world.table.copy()) {
    if (!pk.startsWith("RUN#")) continue;
    const one = runs.get(pk.slice("RUN#".length)) ?? assert.fail(`${pk} has documents and no run`);
    assert(kept.has(one.id) || world.table.get(pk, "EXPIRY"), `${one.id} has neither a group nor an end`);
  }
};

/** I8 for lanes: whoever has ended has let go. */
const checkLanes = (world: World, planId: PlanId): void => {
  const { partition, sort } = planKey(planId);
  const held = Object.values(world.table.get<Plan>(partition, sort)?.lanes ?? {}).filter(
    (lane) => lane.active !== null,
  );
  assert.deepEqual(held, [], "a lane is held by a run that has ended");
};

/** What a history had in it. A simulation in which nothing happens would prove nothing. */
export type Seen = Record<string, number>;

const add = (seen: Seen, what: string, count = 1): void => {
  seen[what] = (seen[what] ?? 0) + count;
};

const look = ({ world, planId, disasters, life }: Played): Seen => {
  const seen: Seen = {};
  for (const run of runsIn(world, planId)) {
    for (const [, part] of partsOf(run)) {
      const isGone = part.reason?.code === "SNAPSHOT_UNKNOWN" && disasters.count === 0;
      assert(!isGone, "a group that is being read was deleted");
      const isIncomplete = part.reason?.code === "GROUP_INCOMPLETE" && disasters.count === 0;
      assert(!isIncomplete, `a run lacked what its sites had told: ${part.reason?.message}`);
      add(seen, part.state);
      if (part.reason?.code.startsWith("GROUP_")) add(seen, part.reason.code);
    }
    if (run.kind === "rebuild" && statusOf(run) === "succeeded") add(seen, "rebuilt");
    if (run.sender !== undefined) add(seen, `cloned by another site: ${statusOf(run)}`);
  }
  add(seen, "reclaimed", list<Group>(world, planId, "GROUP#").filter((group) => group.state === "deleted").length);
  for (const state of ["lost", "unknown"]) {
    add(seen, state, list<Group>(world, planId, "GROUP#").filter((group) => group.state === state).length);
  }
  for (const [what, count] of life?.did ?? []) add(seen, what, count);
  for (const { warnings = [] } of list<Group>(world, planId, "GROUP#")) {
    for (const { code } of warnings) add(seen, `warned of ${code}`);
  }
  add(seen, "gone and kept", list(world, planId, gonePrefix).length);
  add(seen, "disasters", disasters.count);
  add(seen, "requests", world.table.counts.requests);
  add(seen, "throttled", world.table.counts.throttled);
  add(seen, "calls that failed", world.counts.failed);
  add(seen, "dead letters", world.counts.deadLetters);
  for (const [where, count] of world.deaths) add(seen, `died at ${where}`, count);
  return seen;
};

/** Most histories are small, so that there can be many; one of forty is as large as it gets. */
const shapeOf = (seed: number): Shape => {
  const chance = new Chance(seed ^ 0x5eed);
  if (chance.happens(1 / 40)) return full;
  const small = { objects: 1 + chance.below(2), targets: 1 + chance.below(2), steps: 100 + chance.below(200) };
  return chance.happens(1 / 2) ? { ...small, isCluster: true } : small;
};

/**
 * Plays the history of a seed: a storm, then calm, in which every run must end, and the invariants
 * at every step.
 * @returns what was in it
 * @throws AssertionError for an invariant that does not hold
 */
export const playHistory = async (seed: number): Promise<Seen> => look(await playOut(seed));

interface Played {
  readonly world: World;
  readonly planId: PlanId;
  readonly disasters: Disasters;
  readonly life?: ClusterLife;
}

/**
 * Every other history has disasters in it; in half of these little else goes wrong, so that more is
 * made between them.
 */
const weatherOf = (seed: number): { readonly faults: Faults; readonly disaster: number } => ({
  faults: seed % 4 === 0 ? { ...stormy, throttled: 0.01, death: 0.002, failure: 0.01, crash: 0.01 } : stormy,
  disaster: seed % 2 === 0 ? 0.05 : 0,
});

/** Between two things that happen, something changes at the source so often. */
const lifeChance = 0.04;

/** The same; gives the world as it is in the end. */
export const playOut = async (seed: number): Promise<Played> => {
  const shape = shapeOf(seed);
  const { faults, disaster } = weatherOf(seed);
  const { world, planId, life } = await makeWorld(seed, faults, shape);
  const disasters = new Disasters(world, planId);
  const objectCount = shape.isCluster ? undefined : namesOf(shape).length;
  // A set back may have been chosen by what is not true any more.
  if (shape.isCluster) world.onReclaim = (task) => disasters.count > 0 || checkKept(world, planId, task);
  const places = ["the table", ...targets.slice(0, shape.targets)] as const;
  for (let i = 0; i < shape.steps; i += 1) {
    await steps(world, planId);
    if (world.chance.happens(lifeChance)) life?.live();
    if (world.chance.happens(disaster)) {
      disasters.strike(places[world.chance.below(places.length)] ?? "the table");
    }
    if (i % 10 === 0) checkGroups(world, objectCount);
    if (i % 30 === 0) checkDeadlines(world, planId);
  }
  checkGroups(world, objectCount);
  await calm(world, planId);
  // The next runs find what was left behind by answers that got lost, and the ones
  // after them tidy it up.
  for (let i = 0; i < 3; i += 1) {
    world.pass(1);
    await world.call((deps) => runPlanNow(deps, planId));
    await calm(world, planId);
  }
  checkGroups(world, objectCount);
  checkBases({ world, planId, disasters });
  checkStaged({ world, planId, disasters });
  checkEffects(world);
  await checkSlots(world, planId);
  checkRecords({ world, planId, disasters });
  disasters.checkOrphans();
  checkLanes(world, planId);
  checkEnds(world, planId);
  return { world, planId, disasters, ...(life && { life }) };
};

export const sum = (all: readonly Seen[]): Seen => {
  const total: Seen = {};
  for (const seen of all) for (const [what, count] of Object.entries(seen)) add(total, what, count);
  return total;
};
