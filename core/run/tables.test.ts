import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RunKind, runKindSchema, type Step, stepSchema } from "../api/run.ts";
import { partTable, taskTable } from "./decide.ts";
import * as part from "./part-transitions.ts";
import { hasLane, stepsOf } from "./steps.ts";
import * as task from "./task-transitions.ts";
import { type Play, playPart, startedUntil, superseded } from "./testing.ts";

/** The kind of run that has the step, where that is no backup. */
const kindOf = (step: Step): RunKind => {
  if (step === "undoing") return "rollback";
  if (stepsOf.backup.includes(step)) return "backup";
  return (
    runKindSchema.options.find((kind) => kind !== "clone" && !hasLane(kind) && stepsOf[kind].includes(step)) ?? "backup"
  );
};

/** What may happen while a step is worked on; afterwards it goes on to the end. */
const inAnyStep: Readonly<Record<string, (play: Play, step: Step) => void>> = {
  "nothing goes wrong": () => undefined,
  "nobody answers": (play, step) => play.wait(step),
  "it fails": (play, step) => play.fail(step),
  "it fails for good": (play, step) => play.fail(step, 0, { retryable: false }),
  "it is cancelled": (play) => play.happen({ type: "cancel" }),
  "it is detached, and fails after that": (play, step) => {
    play.happen({ type: "detach" });
    play.fail(step, 0, { retryable: false });
  },
  "its worker speaks every now and then": (play, step) => {
    for (let i = 0; i < 20; i += 1) {
      play.pass(40);
      play.speak(step);
      play.overdue(step);
    }
  },
};

/** Ways to each of the ends. */
const endings: Readonly<Record<string, (play: Play) => void>> = {
  succeeded: (play) => {
    play.start();
    play.workUntil();
  },
  failed: (play) => {
    play.start();
    play.fail("snapshotting", 0, { retryable: false });
  },
  cancelled: (play) => play.happen({ type: "cancel" }),
  skipped: (play) => play.happen(superseded),
  "detached before it begins": (play) => play.happen({ type: "detach" }),
};

/** The ends that a handful of histories come to; one that breaks what must always hold says so. */
const playAll = (): readonly object[] => {
  const ends: object[] = [];
  const play = (history: () => Play) => {
    try {
      ends.push(history().end());
    } catch (error) {
      ends.push({ broken: String(error) });
    }
  };
  for (const step of stepSchema.options) {
    for (const happens of Object.values(inAnyStep)) {
      play(() => {
        const one = startedUntil(step, { kind: kindOf(step), objectCount: 9 });
        happens(one, step);
        one.workUntil();
        return one;
      });
    }
  }
  for (const finish of Object.values(endings)) {
    play(() => {
      const one = playPart();
      finish(one);
      // The lane comes round to it nevertheless.
      one.start();
      return one;
    });
  }
  return ends;
};

type Table = Record<string, Readonly<Record<string, unknown>>>;
type Swap = readonly [table: object, state: string, event: string, handler: unknown];

/** What the histories come to with another entry in a table, or none. */
const playWith = (...[table, state, event, handler]: Swap) => {
  const rows = table as Table;
  const row = rows[state] ?? assert.fail(`there is no row ${state}`);
  assert(row[event] !== undefined && row[event] !== handler, `${state} has no such entry for ${event}`);
  rows[state] = { ...row, [event]: handler };
  try {
    return playAll();
  } finally {
    rows[state] = row;
  }
};

const entriesOf = (table: object) =>
  Object.entries(table as Table).flatMap(([state, row]) => Object.keys(row).map((event) => [state, event] as const));

const isEqual = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

describe("the tables of a run", () => {
  const intact = playAll();

  test("as they are, break nothing in any history", () => {
    assert.deepEqual(
      intact.filter((end) => "broken" in end),
      [],
    );
    assert(isEqual(playAll(), intact));
  });

  for (const [name, table] of [
    ["part", partTable],
    ["task", taskTable],
  ] as const) {
    test(`of a ${name} have no entry without which all would come to the same`, () => {
      const entries = entriesOf(table);
      assert(entries.length > 20);
      const idle = entries.filter(([state, event]) => isEqual(playWith(table, state, event, undefined), intact));
      assert.deepEqual(idle, []);
    });
  }

  test("have no entry in whose place another could stand", () => {
    const swaps: readonly Swap[] = [
      [partTable, "queued", "start", part.goOn],
      [partTable, "queued", "supersede", part.cancel],
      [partTable, "queued", "cancel", part.skip],
      [partTable, "reclaiming", "gave-up", part.fail],
      ...stepsOf.backup.slice(0, -1).flatMap((step): readonly Swap[] => [
        [partTable, step, "gave-up", part.finish],
        [partTable, step, "cancel", part.unsettle],
        [partTable, step, "done", part.start],
      ]),
      ...(["succeeded", "failed", "cancelled", "skipped"] as const).flatMap((state): readonly Swap[] => [
        [partTable, state, "start", part.start],
        [partTable, state, "settled", part.unsettle],
      ]),
      [partTable, "rolling-back", "gave-up", part.fail],
      [partTable, "rolling-back", "cancel", part.cancel],
      [partTable, "undoing", "gave-up", part.fail],
      [partTable, "undoing", "done", part.goOn],
      [taskTable, "reclaiming", "completed", task.complete],
      [taskTable, "deleting", "completed", task.complete],
      ...stepsOf.backup.slice(0, -1).map((step): Swap => [taskTable, step, "completed", task.listOrComplete]),
      ...stepSchema.options.flatMap((step): readonly Swap[] => [
        [taskTable, step, "failed", task.touch],
        [taskTable, step, "overdue", task.retry],
        [taskTable, step, "working", task.sendAgain],
      ]),
    ];
    const idle = swaps.filter((swap) => isEqual(playWith(...swap), intact));
    assert.deepEqual(
      idle.map(([, state, event]) => [state, event]),
      [],
    );
  });
});
