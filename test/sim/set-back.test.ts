import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Group } from "../../core/api/group.ts";
import { type GroupId, type PlanId, planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import { isRunTask, type RunTask } from "../../core/api/task.ts";
import { decidePlan } from "../../core/plan/decide.ts";
import { statusOf } from "../../core/run/steps.ts";
import { startClone } from "../../functions/clone/start-clone.ts";
import { planKey } from "../../functions/documents/records.ts";
import { cancelRun, runPlanNow, suspendPlan } from "../../functions/engine/commands.ts";
import { readBase } from "../../functions/groups/base.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import { startRebuild } from "../../functions/rebuild/start-rebuild.ts";
import { handleReport } from "../../functions/report.ts";
import { calm, checkEnds, checkGroups, list, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

const b = "b" as SiteId;
const c = "c" as SiteId;

/**
 * A plan of one object with which nothing goes wrong but what the test does, and which has slots.
 */
const worldWithSlots = (keepLast: number, targets = 1) =>
  makeWorld(1, noFaults, { objects: 1, targets, steps: 0, keepLast });
/** One that runs only when the test says so. */
const world = async (keepLast: number, targets = 1) => {
  const made = await worldWithSlots(keepLast, targets);
  await made.world.call((deps) => suspendPlan(deps, made.planId));
  return made;
};

const run = async (world: World, planId: PlanId): Promise<Run> => {
  world.pass(60);
  world.site("a").volumes.set("web1", world.chance.below(1_000_000));
  const { id } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
  await calm(world, planId);
  return runOf(world, id);
};
/** Does what there is to do, without anybody else looking at the plan. */
const work = async (world: World): Promise<void> => {
  for (let i = 0; i < 500; i += 1) if (!world.deliverTask() && !(await world.deliverReport())) return;
};
/** Does what there is to do until a site is about to be told something. */
const workUntil = async (world: World, isThere: (task: RunTask) => boolean): Promise<void> => {
  const isNext = () => world.tasks.some(({ body }) => isRunTask(body) && isThere(body));
  for (let i = 0; i < 500 && !isNext(); i += 1) if (!world.deliverTask()) await world.deliverReport();
  assert(isNext());
};
const runs = async (world: World, planId: PlanId, count: number): Promise<readonly Run[]> => {
  const done: Run[] = [];
  for (let i = 0; i < count; i += 1) done.push(await run(world, planId));
  return done;
};
const runOf = (world: World, id: Run["id"]): Run =>
  runsIn(world, planIdOf(id)).find((one) => one.id === id) ?? assert.fail("the run is gone");
const planOf = (world: World, planId: PlanId): Plan => {
  const { partition, sort } = planKey(planId);
  return world.table.get<Plan>(partition, sort) ?? assert.fail("the plan is gone");
};
/** The states of a site's groups, by the runs' places in `all`. */
const statesOf = (world: World, planId: PlanId, all: readonly Run[], site = "b"): readonly string[] => {
  const records = list<Group>(world, planId, `GROUP#${site}#`);
  return all.map(({ groupId }) => records.find(({ id }) => id === groupId)?.state ?? "-");
};
const has = (world: World, groups: readonly (Run | undefined)[], site = "b"): readonly boolean[] =>
  groups.map((one) => one !== undefined && world.site(site).groups.has(one.groupId));

describe("a target's store that is put back to an older copy", () => {
  test("does not lose the readable restore points to those that it lost", async () => {
    const { world: w, planId } = await world(3);
    const [first] = await runs(w, planId, 1);
    const copy = w.site("b").copy();
    const [second, third] = await runs(w, planId, 2);
    w.site("b").putBack(copy);
    const fourth = await run(w, planId);
    const all = [first, second, third, fourth] as Run[];
    assert.equal(statusOf(fourth), "succeeded");
    assert.deepEqual(statesOf(w, planId, all), ["published", "lost", "lost", "published"]);
    assert.deepEqual(has(w, all), [true, false, false, true]);
    const fact = await w.call((deps) => readBase(deps, fourth.id, b));
    assert.equal(fact?.why, "base-gone-from-target");
    const restored = { groupId: third?.groupId as GroupId, siteId: b, namePrefix: "r-" };
    assert.equal(await w.call((deps) => startRebuild(deps, restored)), undefined, "what is lost is not restorable");
    // The lost ones count for nothing: two more, and the readable oldest one goes as it should.
    const more = await runs(w, planId, 2);
    assert.deepEqual(statesOf(w, planId, [...all, ...more]), [
      ...["deleted", "lost", "lost"],
      ...["published", "published", "published"],
    ]);
    checkGroups(w, 1);
  });

  test("has its groups counted again when they are back", async () => {
    const { world: w, planId } = await world(3);
    const before = await runs(w, planId, 3);
    const disk = w.site("b").copy();
    w.site("b").putBack();
    const away = await runs(w, planId, 2);
    assert.deepEqual(statesOf(w, planId, [...before, ...away]), [
      ...["lost", "lost", "lost"],
      "published",
      "published",
    ]);
    w.site("b").putBack(disk);
    const [back] = await runs(w, planId, 1);
    const all = [...before, ...away, back] as Run[];
    assert.deepEqual(statesOf(w, planId, all), ["deleted", "published", "published", "lost", "lost", "published"]);
    assert.deepEqual(has(w, all), [false, true, true, false, false, true]);
    checkGroups(w, 1);
  });

  test("brings back what was deleted since as restore points, which retention judges anew", async () => {
    const { world: w, planId } = await world(2);
    const [first, second] = await runs(w, planId, 2);
    const copy = w.site("b").copy();
    const [third, fourth] = await runs(w, planId, 2);
    assert.deepEqual(statesOf(w, planId, [first, second] as Run[]), ["deleted", "deleted"]);
    w.site("b").putBack(copy);
    const fifth = await run(w, planId);
    const all = [first, second, third, fourth, fifth] as Run[];
    assert.deepEqual(statesOf(w, planId, all), ["deleted", "published", "lost", "lost", "published"]);
    const restored = { groupId: second?.groupId as GroupId, siteId: b, namePrefix: "r-" };
    const rebuilt = (await w.call((deps) => startRebuild(deps, restored))) ?? assert.fail("it can't be restored");
    await calm(w, planId);
    assert.equal(statusOf(runOf(w, rebuilt.id)), "succeeded");
    checkGroups(w, 1);
  });

  test("loses nothing to a reclaim from before, and what that had chosen is judged anew", async () => {
    const { world: w, planId } = await world(2);
    const [first] = await runs(w, planId, 1);
    const copy = w.site("b").copy();
    const [second] = await runs(w, planId, 1);
    // The next run has the first group deleted; before that is done, the store is put back.
    w.pass(60);
    const third = (await w.call((deps) => runPlanNow(deps, planId))) ?? assert.fail();
    await workUntil(w, (task) => task.kind === "reclaim" && task.siteId === b && task.groupIds.length > 0);
    w.site("b").putBack(copy);
    await calm(w, planId);
    assert.deepEqual(has(w, [first, second, third]), [true, false, false]);
    const fourth = await run(w, planId);
    const all = [first, second, third, fourth] as Run[];
    assert.deepEqual(statesOf(w, planId, all), ["published", "lost", "lost", "published"]);
    checkGroups(w, 1);
  });
});

test("a disk that is not mounted while the site is asked what it has costs nothing, on it or on the source", async () => {
  const { world: w, planId } = await world(2);
  const before = await runs(w, planId, 2);
  w.pass(60);
  const begun = (await w.call((deps) => runPlanNow(deps, planId))) ?? assert.fail();
  await workUntil(w, (task) => task.kind === "reclaim" && task.siteId === b);
  const disk = w.site("b").copy();
  w.site("b").putBack();
  await calm(w, planId);
  const all = [...before, runOf(w, begun.id)] as Run[];
  assert.deepEqual(statesOf(w, planId, all), ["lost", "lost", "lost"]);
  w.unreachable.add(b);
  assert.equal(statusOf(await run(w, planId)), "failed");
  w.unreachable.clear();
  assert(w.site("a").groups.has(begun.groupId), "the base of what may come back is kept on the source");
  w.site("b").putBack(disk);
  const next = await run(w, planId);
  assert.equal(statusOf(next), "succeeded");
  assert.deepEqual(statesOf(w, planId, [...all, next]), ["deleted", "deleted", "published", "published"]);
  checkGroups(w, 1);
});

describe("the control plane's table that is set back to an earlier point in time", () => {
  test("costs one run, and not as many as it was set back by", async () => {
    const { world: w, planId } = await world(3, 2);
    await runs(w, planId, 2);
    const table = w.table.copy();
    const lost = await runs(w, planId, 5);
    w.table.setBack(table);
    const [stale, next] = await runs(w, planId, 2);
    assert(stale !== undefined && next !== undefined);
    assert.deepEqual([statusOf(stale), stale.targets["b"]?.reason?.code], ["failed", "GROUP_STALE"]);
    assert.equal(statusOf(next), "succeeded");
    assert(next.sequence > (lost.at(-1)?.sequence ?? Number.NaN));
    checkGroups(w, 1);
  });

  test("leaves the groups of runs that it does not know listed, uncounted, and where they are", async () => {
    const { world: w, planId } = await world(1);
    const [known] = await runs(w, planId, 1);
    const table = w.table.copy();
    const unknown = await runs(w, planId, 2);
    w.table.setBack(table);
    const after = await runs(w, planId, 4);
    const last = unknown.slice(-1);
    assert.deepEqual(statesOf(w, planId, last), ["unknown"]);
    assert.deepEqual(statesOf(w, planId, last, "a"), ["unknown"]);
    assert.deepEqual([...has(w, last), ...has(w, last, "a")], [true, true]);
    assert.deepEqual(statesOf(w, planId, [known, ...after] as Run[]), ["lost", "-", "deleted", "deleted", "published"]);
    const [group] = list<Group>(w, planId, "GROUP#b#").filter(({ state }) => state === "unknown");
    const { sequence, takenAt } = w.site("b").groups.get(group?.id as GroupId) ?? {};
    assert.deepEqual([group?.sequence, group?.takenAt], [sequence, takenAt]);
    const restored = { groupId: group?.id as GroupId, siteId: b, namePrefix: "r-" };
    assert.equal(await w.call((deps) => startRebuild(deps, restored)), undefined);
    checkGroups(w, 1);
  });

  for (const [how, before, state] of [
    ["whose numbers have not caught up", 0, "published"],
    ["whose numbers have just been raised", 1, "unknown"],
    ["of which later runs were made", 3, "unknown"],
  ] as const) {
    test(`does not run a slot again that a target has a group of: a plan ${how}`, async () => {
      const { world: w, planId } = await worldWithSlots(3);
      const manual = async () => {
        w.pass(1);
        await w.call((deps) => runPlanNow(deps, planId));
        await work(w);
      };
      const tick = async () => {
        await w.call((deps) => handlePlanInvocation(deps, { planId, scheduledTime: w.now }));
        await work(w);
        return runsIn(w, planId).filter(({ trigger }) => trigger === "schedule");
      };
      const table = w.table.copy();
      // The slot of 01:00 comes.
      w.pass(60);
      const [old] = await tick();
      assert(old !== undefined && statusOf(old) === "succeeded");
      const was = w.site("b").groups.get(old.groupId);
      w.site("a").volumes.set("web1", 77);
      if (before > 0) await manual();
      w.table.setBack(table);
      // Runs that a person asks for raise the numbers, and the source gives up
      // its group of the slot.
      for (let i = 0; i < before; i += 1) await manual();
      if (before > 1) w.site("a").lose(old.groupId);
      const [again] = await tick();
      assert.equal(again?.id, old.id);
      assert.deepEqual([again?.targets["b"]?.state, again?.targets["b"]?.reason?.code], ["skipped", "GROUP_EXISTS"]);
      assert.equal(w.site("b").groups.get(old.groupId), was, "the restore point is what it was");
      w.pass(3600);
      const [, next] = await tick();
      assert(next !== undefined && statusOf(next) === "succeeded", "the next slot is run");
      assert.deepEqual(statesOf(w, planId, [old]), [state]);
      checkGroups(w, 1);
    });
  }

  test("leaves no hold of a restore whose site had said before that nothing is left there", async () => {
    const { world: w, planId } = await world(3, 2);
    await run(w, planId);
    w.unreachable.add(c);
    const { groupId } = await run(w, planId);
    w.unreachable.clear();
    // It is brought to c, where the mirrors start from what is there.
    const wish = { groupId, fromSiteId: b, siteId: c, namePrefix: "c-" };
    const { id } = (await w.call((deps) => startClone(deps, wish))) ?? assert.fail("the clone did not begin");
    const holders = () => list<Group>(w, planId, "GROUP#").flatMap(({ siteId, holds }) => holds.map(() => siteId));
    await workUntil(w, ({ kind }) => kind === "transfer");
    assert.deepEqual(holders(), ["b", "c"]);
    const table = w.table.copy();
    await w.call((deps) => cancelRun(deps, id));
    while (w.deliverTask());
    const { body: said } =
      w.reports.find(({ body }) => "result" in body && body.result.kind === "unstage") ?? assert.fail();
    // At some of these instants its part has ended, and what it held is not free yet.
    let died = 0;
    for (let dieAt = 1; ; dieAt += 1) {
      w.table.setBack(table);
      w.dieAtRequest = dieAt;
      await w.call((deps) => cancelRun(deps, id));
      if (w.dieAtRequest > 0) break;
      died += 1;
      w.dieAtRequest = Number.POSITIVE_INFINITY;
      await w.call((deps) => handleReport(deps, said));
      await calm(w, planId);
      assert.deepEqual(holders(), [], `set back to request ${dieAt} of its end`);
      checkEnds(w, planId);
    }
    assert(died > 10);
  });

  test("takes no answer for its own that a gateway gave to the same slot's run before", async () => {
    const { world: w, planId } = await world(3);
    const begun = (await w.call((deps) => runPlanNow(deps, planId))) ?? assert.fail();
    const about = { taskId: "x", runId: begun.id, target: "b", step: "snapshotting", index: 0, attempt: 1 };
    const reason = { code: "OBJECT_UNKNOWN", message: "It is gone." };
    const said = {
      kind: "failed",
      ...about,
      siteId: "a",
      gatewayId: "a1",
      reason,
      retryable: false,
      progressed: false,
    };
    await w.call((deps) => handleReport(deps, { ...said, sequence: begun.sequence + 1 }));
    assert.equal(runOf(w, begun.id).targets["b"]?.state, "snapshotting");
    await w.call((deps) => handleReport(deps, { ...said, sequence: begun.sequence }));
    assert.equal(runOf(w, begun.id).targets["b"]?.state, "failed");
  });

  test("believes a target's word about numbers within a bound only, and only about what is under way", async () => {
    const { world: w, planId } = await world(3);
    const begun = (await w.call((deps) => runPlanNow(deps, planId))) ?? assert.fail();
    const about = { taskId: "x", runId: begun.id, target: "b", step: "snapshotting", index: 0 };
    const reason = { code: "GROUP_STALE", message: "It is old." };
    const newestSequence = Number.MAX_SAFE_INTEGER;
    const told = { retryable: false, progressed: false, newestSequence };
    const said = { kind: "failed", ...about, siteId: "a", gatewayId: "a1", reason, ...told };
    await w.call((deps) => handleReport(deps, { ...said, step: "preparing", siteId: "b", attempt: 1 }));
    assert.equal(planOf(w, planId).sequence, 1);
    await w.call((deps) => handleReport(deps, { ...said, attempt: 1 }));
    await w.call((deps) => handleReport(deps, { ...said, attempt: 1 }));
    const { plan } = decidePlan(planOf(w, planId), { type: "run-now" }, w.now);
    assert(plan.sequence > 1 && plan.sequence < 100_000, String(plan.sequence));
  });
});
