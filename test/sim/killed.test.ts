import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import type { Group } from "../../core/api/group.ts";
import type { PlanId } from "../../core/api/ids.ts";
import { statusOf } from "../../core/run/steps.ts";
import { cancelRun, runPlanNow } from "../../functions/engine/commands.ts";
import { calm, checkEnds, checkGroups, list, makeWorld, runsIn } from "./history.ts";
import { withoutWaiting } from "./no-waiting.ts";
import { noFaults, type World } from "./world.ts";

withoutWaiting();

/** Delivers all that is to be delivered now; the queues give back what somebody died over. */
const deliver = async (world: World): Promise<void> => {
  for (let i = 0; i < 500 && (world.deliverTask() || (await world.deliverReport())); i += 1);
};

/**
 * Every so many requests a function dies, beginning with one of these by chance: so all of them
 * have their turn. `SIM_KILL_EACH=1` takes each.
 */
const each = Number(process.env["SIM_KILL_EACH"] ?? 13);
const first = 1 + (Math.floor(Date.now() / 1000) % each);

/**
 * Plays what `happens` once for each of its requests, and has the function that makes that request
 * die at it; then all goes on well, and must come to the same.
 * @returns how many requests there were
 */
const killedAtEach = async (
  prepare: () => Promise<{ readonly world: World; readonly planId: PlanId }>,
  happens: (world: World, planId: PlanId) => Promise<unknown>,
  check: (world: World, planId: PlanId) => void,
): Promise<number> => {
  for (let dieAt = first; ; dieAt += each) {
    const { world, planId } = await prepare();
    world.dieAtRequest = dieAt;
    await happens(world, planId);
    await deliver(world);
    const died = world.dieAtRequest <= 0;
    world.dieAtRequest = Number.POSITIVE_INFINITY;
    try {
      await calm(world, planId);
      checkGroups(world, 2);
      checkEnds(world, planId);
      check(world, planId);
    } catch (cause) {
      throw new Error(`it went wrong after a death at request ${dieAt}`, { cause });
    }
    if (!died) return dieAt;
  }
};

/**
 * Two objects to two targets, where one restore point is kept: a further run
 * reclaims the one before.
 */
const afterRuns = (count: number) => async () => {
  const made = await makeWorld(41, noFaults, { objects: 2, targets: 2, steps: 0, keepLast: 1 });
  for (let i = 0; i < count; i += 1) {
    await made.world.call((deps) => runPlanNow(deps, made.planId));
    await calm(made.world, made.planId);
    made.world.pass(60);
  }
  return made;
};

const groupsOf = (world: World, planId: PlanId, state: Group["state"]) =>
  list<Group>(world, planId, "GROUP#").filter((group) => group.state === state).length;

test("a function that dies at any request of a run, its reclaim among them, changes nothing of what comes of it", async () => {
  const requests = await killedAtEach(
    afterRuns(1),
    (world, planId) => world.call((deps) => runPlanNow(deps, planId)),
    (world, planId) => {
      // A death before the run was safe leaves it unmade, and its caller is told so.
      const statuses = runsIn(world, planId).map(statusOf);
      assert(
        statuses.every((status) => status === "succeeded"),
        `${statuses}`,
      );
      const made = statuses.length;
      assert.equal(groupsOf(world, planId, "published"), 3);
      assert.equal(groupsOf(world, planId, "deleted"), 3 * (made - 1));
    },
  );
  assert(requests > 150, `${requests}`);
});

test("a function that dies at any request of a cancellation leaves no lane held and nothing on the source", async () => {
  let bare = 0;
  const requests = await killedAtEach(
    async () => {
      const made = await afterRuns(0)();
      await made.world.call((deps) => runPlanNow(deps, made.planId));
      while (!runsIn(made.world, made.planId).some(({ targets }) => targets["b"]?.state === "transferring")) {
        made.world.deliverTask();
        await made.world.deliverReport();
      }
      return made;
    },
    async (world, planId) => {
      const [run] = runsIn(world, planId);
      assert(run !== undefined);
      await world.call((deps) => cancelRun(deps, run.id));
    },
    (world, planId) => {
      const [run] = runsIn(world, planId);
      assert(run !== undefined && ["cancelled", "succeeded", "partly"].includes(statusOf(run)), run && statusOf(run));
      // What a target published before it heard of the end is the base of its next increment.
      const hasBase = list<Group>(world, planId, "GROUP#").some(({ role }) => role === "mirror");
      if (statusOf(run) !== "cancelled" || hasBase) return;
      assert.equal(world.site("a").groups.size, 0);
      bare += 1;
    },
  );
  assert(requests > 30, `${requests}`);
  assert(bare > 0);
});

test("a cancellation is one of all targets, though a queue does not take what one of them is to be told", async () => {
  const { world, planId } = await makeWorld(42, noFaults, { objects: 2, targets: 2, steps: 0 });
  const { id } = (await world.call((deps) => runPlanNow(deps, planId))) ?? assert.fail("the run did not begin");
  const states = () => Object.values(runsIn(world, planId)[0]?.targets ?? {}).map(({ state }) => state);
  while (states().some((state) => state !== "preparing")) assert(world.deliverTask() || (await world.deliverReport()));
  const refuse = async () => {
    throw new VisibleError("INTERNAL", "The queue did not take it.");
  };
  await world.call((deps) => cancelRun({ ...deps, tasks: { ...deps.tasks, send: refuse } }, id));
  assert.deepEqual(states(), ["cancelled", "cancelled"]);
  await calm(world, planId);
  assert.equal(world.site("a").groups.size, 0);
});
