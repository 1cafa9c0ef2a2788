import assert from "node:assert/strict";
import { test } from "node:test";
import { plainStyle } from "../../cli/render/style.ts";
import { judge, slopes } from "./bounds.ts";
import { measure } from "./measure.ts";
import { render } from "./render.ts";
import { measureRuns, type SizeFigures } from "./runs.ts";

const contention = {
  what: "reports",
  ...{ seconds: 1.5, conflicts: 100, longestInvocationSeconds: 3, invocations: 1, failedReports: 0 },
};
/** Of runs that take just what they may. */
const size = (objects: number, targets: number, unitsPerVolume = 12): SizeFigures => {
  const units = targets * (62 + unitsPerVolume * objects);
  const run = { writeUnits: units, indexWriteUnits: 0, readUnits: units, requests: 0 };
  return { objects, targets, first: run, next: run, forgotten: run, itemBytesMax: 0, messageBytesMax: 0 };
};
const failed = (runs: readonly SizeFigures[], other: Partial<typeof contention> = {}) =>
  judge({ runs, reports: { ...contention, ...other, reports: 128 }, reclaims: [contention] })
    .filter(({ passed }) => !passed)
    .map(({ what }) => what);

test("what takes just what it may passes; a unit more, a millisecond or a conflict does not", () => {
  assert.deepEqual(failed([size(1, 1), size(100, 1), size(1000, 1), size(1000, 16)]), []);
  const more = size(10, 2);
  assert.deepEqual(failed([{ ...more, first: { ...more.first, writeUnits: more.first.writeUnits + 1 } }]), [
    "write units of a first run, 10 × 2",
  ]);
  assert.deepEqual(failed([], { seconds: 1.501, conflicts: 101, longestInvocationSeconds: 3.001 }), [
    "seconds until 128 reports at once are taken in",
    "conflicts of these",
    "seconds of the longest call, reports",
  ]);
});

test("what one more volume takes is nearly the same at any size", () => {
  const sizes = [size(1, 1, 2), size(100, 1, 2), size(1000, 1, 2), size(1000, 4, 2)];
  assert.deepEqual(slopes(sizes, "first", "writeUnits").slice(1), [2, 2, 2.062]);
  assert.deepEqual(failed(sizes), []);
  const steeper = failed([...sizes, size(1000, 16, 3)]);
  assert.equal(steeper.length, 4);
  assert.match(steeper[0] ?? "", /change of what one more takes/);
});

test("the same backups take the same, and all that was measured is shown", async () => {
  const small = { objects: 2, targets: 2 };
  const [once, again] = [await measureRuns(small), await measureRuns(small)];
  assert.deepEqual(once, again);
  const figures = await measure({ runs: [small], reports: { objects: 8, targets: 2 }, reclaims: small });
  assert.deepEqual(figures.runs, [once]);
  assert.equal(figures.reports.reports, 16);
  for (const asMarkdown of [true, false]) {
    const text = render(figures, plainStyle, { asMarkdown });
    assert.match(text, /2 × 2/);
    assert.match(text, /16 reports, each in a call of its own/);
    assert.match(text, /reclaims of 2 objects at 2 targets, 10 reports a call/);
  }
});
