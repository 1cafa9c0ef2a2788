import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { GroupId, RunId } from "../../../core/api/ids.ts";
import { statusOf, stepsOf } from "../../../core/run/steps.ts";
import { siteB } from "../../../functions/api/testing.ts";
import { Cut } from "./cut.ts";
import { World } from "./world.ts";

interface Scenario {
  readonly swaps: boolean;
  /** Else from the site's own snapshots. */
  readonly from?: typeof siteB;
  /** A person cancels it when so many extents are written in place, or it was taken and dropped. */
  readonly cancelledAfter?: number;
}

interface Told {
  readonly world: World;
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

/** A volume with other bytes than its newest group has; then the rollback to that, cut somewhere. */
const rollBack = async (world: World, groupId: GroupId, scenario: Scenario): Promise<RunId | undefined> => {
  const { from, cancelledAfter } = scenario;
  const cut = world.cut;
  if (cancelledAfter !== undefined) world.cut = new Cut(Number.POSITIVE_INFINITY);
  const begun = await world.rollBack(groupId, from);
  if (begun !== undefined && cancelledAfter !== undefined) {
    const task = await world.until("rollback");
    world.cut = new Cut(1 + cancelledAfter);
    await world.work(task).catch(() => undefined);
    assert.ok(world.cut.place, "it was cut");
    await Promise.all([world.a.takeOver(), world.b.takeOver()]);
    world.cut = cut;
    while (!(await world.cancel(begun.id)));
    await world.settle(begun.id);
    world.comesBack(task);
  }
  return begun?.id;
};

/** @returns where it was cut; undefined: it was over before */
const cutAt = async (n: number, world: World, scenario: Scenario): Promise<string | undefined> => {
  const old = await contentOf(world, 1);
  const groupId = await world.backUp();
  const told = { world, old, now: await contentOf(world, 2) };
  const cut = new Cut(n);
  world.cut = cut;
  world.onDeath = () => checkWhole(told);
  const begun = await rollBack(world, groupId, scenario);
  await checkWhole(told);
  // The caller that was told of no run may find that there is one.
  const id = await world.rollback();
  await world.settle(id);
  const status = id === undefined ? "none" : statusOf(await world.run(id));
  const wanted = scenario.cancelledAfter === undefined ? ["succeeded"] : ["succeeded", "cancelled"];
  if (begun === undefined) wanted.push("none");
  assert.ok(wanted.includes(status), id && JSON.stringify((await world.run(id)).targets));
  assert.ok(sameAs(await world.read(), status === "succeeded" ? old : told.now), `it ${status} and is not that`);
  await world.checkNothingLeft();
  return cut.place;
};

const cutEverywhere = async (scenario: Scenario): Promise<readonly string[]> => {
  const places: string[] = [];
  for (let n = 1; ; n += 1) {
    const world = await World.open(scenario);
    try {
      const place = await cutAt(n, world, scenario);
      if (place === undefined) return places;
      places.push(place);
    } catch (cause) {
      throw new Error(`it went wrong, cut at place ${n}, the next after ${places.at(-1)}`, { cause });
    } finally {
      await world.remove();
    }
  }
};

const contentOf = async (world: World, seed: number) => {
  await world.fill(seed);
  return world.read();
};

/** That each of these begins some places' names. */
const assertStruck = (places: readonly string[], wanted: readonly string[]) => {
  const missing = wanted.filter((one) => !places.some((place) => place.startsWith(one)));
  assert.deepEqual(missing, [], places.join("\n"));
};

const ofControlPlane = ["begin: commit", "report: commit", "report: send"];
const inPlace = (swaps: boolean) => (swaps ? [] : ["rolling-back: rollback, in the middle"]);

for (const swaps of [true, false]) {
  const how = swaps ? "by a swap" : "in place";
  describe(`a rollback ${how}, cut at each call of a storage, commit and message, and taken up by another`, () => {
    test("from the site's own snapshots: is the old ones or the new ones, whole, and leaves nothing behind", async () => {
      const places = await cutEverywhere({ swaps });
      assertStruck(places, ["checking: ", "snapshotting: ", "rolling-back: ", ...inPlace(swaps), ...ofControlPlane]);
    });

    test("from a target's data: is the old ones or the new ones, whole, and leaves nothing behind", async () => {
      const places = await cutEverywhere({ swaps, from: siteB });
      const steps = stepsOf.rollback.map((step) => `${step}: `);
      assertStruck(places, [...steps, ...inPlace(swaps), ...ofControlPlane, "transferring: there, completeMirror"]);
    });

    test("and undone: is the old ones or the new ones, whole, and leaves nothing behind", async () => {
      const places = await cutEverywhere({ swaps, cancelledAfter: swaps ? 0 : 2 });
      assertStruck(places, ["undoing: undoRollback", "cancel: commit", "report: commit"]);
    });
  });
}
