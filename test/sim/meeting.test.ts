import assert from "node:assert/strict";
import { test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import type { PlanId, RunId, SiteId } from "../../core/api/ids.ts";
import type { Run, Shard } from "../../core/api/run.ts";
import type { Task } from "../../core/api/task.ts";
import type { DocumentStore } from "../../core/ports/store.ts";
import { cancelRun, runPlanNow } from "../../functions/engine/commands.ts";
import { applyToPart } from "../../functions/engine/engine.ts";
import type { Deps } from "../../functions/ports/deps.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { handleReport } from "../../functions/report.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { calm, checkEnds, list, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

/**
 * Just before the first commit of a document whose key begins so, another function does
 * all that it has to do.
 */
const meeting = (deps: Deps, prefix: string, other: () => Promise<unknown>): Deps => {
  let hasMet: Promise<unknown> | undefined;
  const commit: DocumentStore["commit"] = async (changes) => {
    if (hasMet === undefined && changes.some(({ key }) => key.sort.startsWith(prefix))) hasMet = other();
    await hasMet;
    return deps.store.commit(changes);
  };
  return { ...deps, store: { ...deps.store, commit } };
};

const manyObjects = Array.from({ length: 24 }, (_, index) => `vm${index}`);
const makeRun = async (objects: number | readonly string[], targets: number) => {
  const made = await makeWorld(71, noFaults, { objects, targets, steps: 0 });
  const { id } =
    (await made.world.call((deps) => runPlanNow(deps, made.planId))) ?? assert.fail("the run did not begin");
  return { ...made, id };
};

const runOf = (world: World, planId: PlanId, id: RunId): Run =>
  runsIn(world, planId).find((run) => run.id === id) ?? assert.fail("the run is gone");

const workUntil = async (world: World, isThere: () => boolean): Promise<void> => {
  while (!isThere()) assert(world.deliverTask() || (await world.deliverReport()), "all is done, and it never came");
};

const isWaiting = (world: World, kind: Task["kind"]) => world.tasks.some(({ body }) => body.kind === kind);
const openShards = (world: World, id: RunId): number =>
  world.table.list<Shard>(`RUN#${id}`, "SHARD#").filter(({ body }) => body.deadline !== null).length;

test("a restore that is cancelled while its tasks are dealt out gives out none of them", async () => {
  const { world, planId } = await makeRun(manyObjects, 1);
  await calm(world, planId);
  const [group] = list<Group>(world, planId, "GROUP#").filter(({ role }) => role === "mirror");
  assert(group !== undefined);
  const restore = () => runsIn(world, planId).find(({ kind }) => kind === "rebuild") ?? assert.fail("there is none");
  const cancel = () => world.call((deps) => cancelRun(deps, restore().id));
  await world.call((deps) =>
    startRebuild(meeting(deps, "SHARD#", cancel), { groupId: group.id, siteId: group.siteId, namePrefix: "r-" }),
  );
  assert.equal(restore().targets["b"]?.state, "cancelled");
  assert.equal(openShards(world, restore().id), 0);
  assert(!isWaiting(world, "rebuild"));
});

test("a part that is cancelled while the next step is dealt out has no task that goes on", async () => {
  const { world, planId, id } = await makeRun(manyObjects, 1);
  await workUntil(world, () => world.reports.length > 0);
  const [snapshot] = world.reports.splice(0);
  const cancel = () => world.call((deps) => cancelRun(deps, id));
  await world.call((deps) => handleReport(meeting(deps, "SHARD#b#preparing", cancel), snapshot?.body));
  assert.equal(runOf(world, planId, id).targets["b"]?.endedIn, "preparing");
  assert.equal(openShards(world, id), 0);
  assert(!isWaiting(world, "prepare"));
});

test("a snapshot is taken for those that wait for it, though whose turn dealt it out is cancelled", async () => {
  const { world, planId } = await makeWorld(72, noFaults, { objects: 2, targets: 2, steps: 0 });
  const cancel = async () => {
    const [run] = runsIn(world, planId);
    if (run !== undefined) await world.call((deps) => applyToPart(deps, run.id, "b" as SiteId, { type: "cancel" }));
  };
  await world.call((deps) => runPlanNow(meeting(deps, "SHARD#", cancel), planId));
  assert(isWaiting(world, "snapshot"));
  await calm(world, planId);
  const [run] = runsIn(world, planId);
  assert.deepEqual([run?.targets["b"]?.state, run?.targets["c"]?.state], ["cancelled", "succeeded"]);
});

test("the sweep opens no shard again of a part that is cancelled while it looks at it", async () => {
  const { world, id, planId } = await makeRun(manyObjects, 1);
  await workUntil(world, () => isWaiting(world, "prepare"));
  world.tasks.length = 0;
  world.pass(61);
  await world.call((deps) => handleSweep(meeting(deps, "RUN#", () => world.call((other) => cancelRun(other, id)))));
  assert.equal(runOf(world, planId, id).targets["b"]?.state, "cancelled");
  assert.equal(openShards(world, id), 0);
});

const cancelBoth = async (world: World, id: RunId) => {
  const cancel = (deps: Deps, target: string) => applyToPart(deps, id, target as SiteId, { type: "cancel" });
  await world.call((deps) =>
    cancel(
      meeting(deps, "RUN#", () => world.call((other) => cancel(other, "b"))),
      "c",
    ),
  );
};

test("a run whose parts end at the same time, before there is a group, has its end", async () => {
  const { world, planId, id } = await makeRun(2, 2);
  world.tasks.length = 0;
  await cancelBoth(world, id);
  assert.equal(openShards(world, id), 0);
  await calm(world, planId);
  checkEnds(world, planId);
});

test("what is on the source of a run whose parts fail at the same time is of a failed run", async () => {
  const { world, planId, id } = await makeRun(2, 2);
  const isTransferring = (target: string) => runOf(world, planId, id).targets[target]?.state === "transferring";
  await workUntil(world, () => {
    // Neither goes on while the other comes to it.
    world.tasks.splice(0, world.tasks.length, ...world.tasks.filter(({ body }) => body.kind !== "transfer"));
    return isTransferring("b") && isTransferring("c");
  });
  await cancelBoth(world, id);
  const [group, ...others] = list<Group>(world, planId, "GROUP#");
  assert.deepEqual([group?.siteId, group?.ofFailedRun, others], ["a", true, []]);
});
