import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import type { Run, TargetRun } from "../api/run.ts";
import { addSeconds } from "../ports/clock.ts";
import { decide } from "./decide.ts";
import type { RunEvent } from "./events.ts";
import { deadlineSecondsMax, defaultRunLimits } from "./limits.ts";
import { newRun } from "./new-run.ts";

const begin = "2026-11-24T01:00:00.000Z" as Instant;
const ahead = "2028-11-24T01:00:00.000Z" as Instant;
const b = "b" as SiteId;
const snapshotting = { target: b, step: "snapshotting", index: 0, attempt: 1 } as const;

const at = (run: Run, event: RunEvent, now: Instant) => decide(run, event, { now, fraction: 0.5 });
const partOf = (run: Run): TargetRun => run.targets["b"] ?? assert.fail("it has one part");

/** A run that was begun when the clock was two years ahead. */
const begun = (): Run => {
  const run = newRun({
    planId: "plan_01JD0000000000000000000000" as PlanId,
    kind: "backup",
    trigger: "schedule",
    slot: begin,
    sequence: 1,
    source: "a" as SiteId,
    targets: [b],
    objectCount: 1,
    now: ahead,
  });
  return at(run, { type: "start", target: b }, ahead).run;
};

describe("I7: a deadline that a wrong clock has set two years ahead", () => {
  test("is set anew when the worker is heard of", () => {
    const { run } = at(begun(), { type: "working", ...snapshotting }, begin);
    assert.equal(partOf(run).deadline, addSeconds(begin, defaultRunLimits.workingSeconds));
  });

  test("has passed: the work is sent again", () => {
    const { run, effects } = at(begun(), { type: "overdue", target: b, isStaffed: true }, begin);
    assert.deepEqual(
      effects.map(({ type }) => type),
      ["dispatch"],
    );
    assert.equal(partOf(run).deadline, addSeconds(begin, 2 * defaultRunLimits.dispatchSeconds));
  });

  test("is not kept over a failure", () => {
    const reason = { code: "LINK_BROKEN", message: "The link broke." };
    const failed = { type: "failed", ...snapshotting, reason, retryable: true, progressed: false } as const;
    const { deadline } = partOf(at(begun(), failed, begin).run);
    assert(deadline !== null && deadline < addSeconds(begin, deadlineSecondsMax(defaultRunLimits)));
  });
});

test("a deadline as far ahead as any is set for has not passed", () => {
  let run = begun();
  let now = ahead;
  for (let silence = 0; silence < defaultRunLimits.silencesMax; silence += 1) {
    now = partOf(run).deadline ?? assert.fail("it has a deadline");
    run = at(run, { type: "overdue", target: b, isStaffed: true }, now).run;
    assert.equal(at(run, { type: "overdue", target: b, isStaffed: true }, now).run, run);
  }
});
