import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { GroupId, RunId } from "../../../core/api/ids.ts";
import { statusOf, stepsOf } from "../../../core/run/steps.ts";
import { siteB } from "../../../functions/api/testing.ts";
import { emptyCluster } from "./cluster.ts";
import { Cut, type Cuttable } from "./cut.ts";
import { cutEverywhere } from "./everywhere.ts";
import { RollbackWorld } from "./rollback-world.ts";

let empty = "";
before(async () => {
  empty = await emptyCluster();
});
after(() => rm(empty, { recursive: true }));

interface Scenario {
  readonly swaps: boolean;
  /** Else from the site's own snapshots. */
  readonly from?: typeof siteB | undefined;
  /** A person cancels it when so many extents are written in place, or it was taken and dropped. */
  readonly cancelledAfter?: number;
}

interface Told {
  readonly world: RollbackWorld;
  readonly old: readonly Buffer[];
  readonly now: readonly Buffer[];
}

const sameAs = (one: readonly Buffer[], other: readonly Buffer[]) => one.every((bytes, i) => other[i]?.equals(bytes));

/** Whoever looks at any time sees all old ones, all new ones, or is refused. */
const checkWhole = async ({ world, old, now }: Told): Promise<void> => {
  try {
    const there = await world.read();
    assert.ok(sameAs(there, old) || sameAs(there, now), "it is half of each");
  } catch (error) {
    if (!VisibleError.is(error, "ROLLBACK_UNFINISHED")) throw error;
  }
};

/**
 * Begins a rollback; where a person cancels it, that too, and the task that had begun comes
 * back late. @returns undefined: nobody was told of a run
 */
const beginRollback = async (
  world: RollbackWorld,
  groupId: GroupId,
  scenario: Scenario,
): Promise<RunId | undefined> => {
  const { from, cancelledAfter } = scenario;
  const cut = world.cut;
  if (cancelledAfter !== undefined) world.cut = Cut.never();
  const begun = await world.begin(groupId, from);
  if (begun !== undefined && cancelledAfter !== undefined) {
    const task = await world.until("rollback");
    world.cut = new Cut({ of: "storage" }, 1 + cancelledAfter);
    await world.work(task).catch(() => undefined);
    assert.ok(world.cut.place, "it was cut");
    await world.takeOver();
    world.cut = cut;
    while (!(await world.cancel(begun.id)));
    await world.settle(begun.id);
    world.comesBack(task);
  }
  return begun?.id;
};

/** A rollback that is cut, if it comes so far. */
const cutOnce = async (world: RollbackWorld, cut: Cut, scenario: Scenario): Promise<void> => {
  const old = await contentOf(world, 1);
  const groupId = await world.backUp();
  const told = { world, old, now: await contentOf(world, 2) };
  world.cut = cut;
  world.onDeath = () => checkWhole(told);
  const begun = await beginRollback(world, groupId, scenario);
  await checkWhole(told);
  // The caller that was told of no run may find that there is one.
  const id = await world.rollback();
  await world.settle(id);
  const run = id && (await world.run(id));
  const status = run ? statusOf(run) : "none";
  const wanted = scenario.cancelledAfter === undefined ? "succeeded" : "cancelled";
  if (begun !== undefined || run) assert.equal(status, wanted, JSON.stringify(run));
  assert.ok(sameAs(await world.read(), status === "succeeded" ? old : told.now), `it ${status} and is not that`);
  if (run) assert.ok(sameAs(await world.readGroup(run.groupId), told.now), "the safety group lacks what was there");
  await world.checkNothingLeft();
};

/**
 * Where there are many calls, every so many are cut, beginning with one of these by chance: so all
 * of them have their turn. `SIM_CUT_EACH=1` takes each.
 */
const asked = process.env["SIM_CUT_EACH"];
const eachOf = ({ of }: Cuttable, { from }: Scenario): number => {
  if (asked !== undefined) return Number(asked);
  if (of === "control plane") return 6;
  return from === undefined ? 1 : 2;
};

/** @returns where it was cut */
const cutAll = (what: Cuttable, scenario: Scenario): Promise<readonly string[]> =>
  cutEverywhere(what, eachOf(what, scenario), {
    open: () => RollbackWorld.open(scenario, empty),
    play: (world, cut) => cutOnce(world, cut, scenario),
  });

const contentOf = async (world: RollbackWorld, seed: number) => {
  await world.fill(seed);
  return world.read();
};

/** That each of these begins some places' names. */
const assertStruck = (places: readonly string[], wanted: readonly string[]) => {
  const missing = wanted.filter((one) => !places.some((place) => place.startsWith(one)));
  assert.deepEqual(missing, [], places.join("\n"));
};

const scenarios: readonly {
  readonly title: string;
  readonly from?: typeof siteB;
  readonly isCancelled?: true;
  /** What must have been cut. */
  readonly steps: readonly string[];
  readonly control: readonly string[];
}[] = [
  {
    title: "from the site's own snapshots",
    steps: ["checking", "snapshotting", "rolling-back"],
    control: ["begin: commit", "report: commit"],
  },
  {
    title: "from a target's data",
    ...{ from: siteB, steps: [...stepsOf.rollback, "transferring: there"] },
    control: ["begin: commit", "report: commit"],
  },
  {
    title: "given up by a person while it is done",
    ...{ isCancelled: true, steps: ["undoing: undoRollback"], control: ["cancel: ", "report: commit"] },
  },
];

for (const { title, steps, control, isCancelled, from } of scenarios) {
  describe(`a rollback ${title} is the old ones or the new ones, whole, and leaves nothing behind`, () => {
    const scenarioOf = (swaps: boolean): Scenario => ({
      ...{ swaps, from },
      ...(isCancelled && { cancelledAfter: swaps ? 0 : 2 }),
    });

    for (const swaps of [true, false]) {
      test(`where gateways die at any call of a storage that does it ${swaps ? "by a swap" : "in place"}`, async () => {
        // What comes before is the same.
        const only = swaps ? undefined : ["rolling-back", "undoing"];
        const wanted = swaps || isCancelled ? steps : ["rolling-back: rollback, in the middle"];
        assertStruck(await cutAll({ of: "storage", steps: only }, scenarioOf(swaps)), wanted);
      });
    }

    test("where the control plane dies at a commit or a message, before or after it", async () => {
      assertStruck(await cutAll({ of: "control plane" }, scenarioOf(false)), control);
    });
  });
}
