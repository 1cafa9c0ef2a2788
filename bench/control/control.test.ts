import assert from "node:assert/strict";
import { test } from "node:test";
import { judge } from "./bounds.ts";
import { measure } from "./measure.ts";

test("runs take no more of the control plane than they may, however large they are and whatever comes at once", async () => {
  const runs = [
    { objects: 1, targets: 1 },
    { objects: 20, targets: 1 },
    { objects: 100, targets: 1 },
    { objects: 250, targets: 1 },
    { objects: 250, targets: 4 },
    { objects: 60, targets: 3, disks: 4 },
  ];
  const reports = { objects: 16, targets: 16 };
  const reclaims = { objects: 250, targets: 3 };
  const figures = await measure({ runs, reports, reclaims });
  assert.equal(figures.reports.reports, 128);
  const verdicts = judge(figures);
  assert.deepEqual(
    verdicts.filter(({ passed }) => !passed),
    [],
  );
  assert.equal(verdicts.length, 4 * (runs.length + 1) + 2 + 3);
});
