import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type PlanStatus, planStatusSchema, type TargetHealth } from "../../core/api/status.ts";
import { statusText } from "./status.ts";
import { plainStyle } from "./style.ts";

const runId = "run_00000000000000000000000001_20260301T010000000Z";
const slot = "2026-03-01T01:00:00.000Z";

/** A plan whose one target is in a state, for a reason if it is failing. */
const planIn = (planName: string, state: TargetHealth, { isLate = state === "late", message = "It broke." } = {}) => {
  const isFailing = state === "failing" || message !== "It broke.";
  const reason = isFailing ? { code: "LINK_BROKEN", message } : null;
  const last = { runId, slot, state: isFailing ? "failed" : "succeeded", endedAt: slot, reason, warning: null };
  return planStatusSchema.parse({
    ...{ planId: "plan_00000000000000000000000001", planName, kind: "backup", status: "active", source: "a" },
    nextSlot: null,
    targets: [
      { site: "b", state, isLate, isFailing, lateFrom: isLate ? slot : null, newest: null, last, current: null },
    ],
  });
};

const text = (items: readonly PlanStatus[], { all = false, absentSites = [] as readonly string[] } = {}) =>
  statusText(
    { items: [...items], absentSites: absentSites as never, unreadable: 0 },
    { style: plainStyle, all, isFiltered: false },
  );

const many = (count: number, state: TargetHealth) =>
  Array.from({ length: count }, (_, index) => planIn(`${state}-${index}`, state));

describe("the screen of a status", () => {
  test("has what is wrong first, whatever the order of names", () => {
    const lines = text([
      planIn("a", "well"),
      planIn("b", "failing"),
      planIn("c", "late"),
      planIn("d", "running"),
    ]).split("\n");
    assert.equal(lines[0], "4 plans at 4 targets: 1 late, 1 failing, 1 running, 1 well");
    assert.deepEqual(
      lines.slice(3, 7).map((line) => line.slice(0, 1)),
      ["c", "b", "d", "a"],
    );
  });

  test("says of one that is both that it is late and failing", () => {
    assert.match(text([planIn("a", "late", { message: "No." })]), /\na +b +late, failing /);
  });

  test("stays a screen with thousands of plans, and counts what it leaves out", () => {
    const items = [...many(3000, "well"), ...many(30, "late")];
    const lines = text(items).split("\n");
    assert.ok(lines.length < 60, `${lines.length} lines`);
    assert.equal(lines[43], "and 2990 more lines: 2990 well; --all shows them");
    assert.ok(text(items, { all: true }).split("\n").length > 3000);
  });

  test("says once what is true of several, and names some of them", () => {
    const same = many(5, "failing");
    const [note] = text([...same, planIn("z", "failing", { message: "Another." })]).match(/^failing-0 at b.*$/m) ?? [];
    assert.equal(note, "failing-0 at b, failing-1 at b, failing-2 at b, 2 more: failed: It broke. (LINK_BROKEN)");
    assert.match(text([planIn("z", "failing", { message: "Another." })]), /^z at b: failed: Another\. /m);
  });

  test("says what is damaged of a newest restore point, and where more is told of it", () => {
    const plan = planIn("a", "damaged");
    const damage = [{ volumeId: "v1", name: "web1", extents: 1 }];
    const newest = { groupId: runId.replace("run", "group"), takenAt: slot, ageSeconds: 60, sizeBytes: 0, damage };
    const item = planStatusSchema.parse({ ...plan, targets: plan.targets.map((target) => ({ ...target, newest })) });
    assert.match(
      text([item]),
      /^a at b: the newest restore point is damaged: web1 \(1 extent\)\n {2}see: \S+ group list/m,
    );
  });

  test("prints nothing that would steer the terminal", () => {
    assert.ok(!text([planIn("a", "failing", { message: "\u001b[2Jx" })]).includes("\u001b"));
  });
});
