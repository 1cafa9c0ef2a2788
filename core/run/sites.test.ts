import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import type { Run, Step } from "../api/run.ts";
import { decide } from "./decide.ts";
import type { RunEffect, RunEvent } from "./events.ts";
import { newRun } from "./new-run.ts";
import { hasFailedAt, stepsOf } from "./steps.ts";

const now = "2026-11-24T01:00:00.000Z" as Instant;
const [b, c] = ["b", "c"] as SiteId[] as [SiteId, SiteId];

/** A run of one object that has gone through the first `steps` steps at b. */
const after = (steps: number) => {
  const options = { kind: "backup", trigger: "schedule", slot: now, sequence: 1, objectCount: 1, now } as const;
  const planId = "plan_01JD0000000000000000000000" as PlanId;
  let run: Run = newRun({ ...options, planId, source: "a" as SiteId, targets: [b, c] });
  const happen = (event: RunEvent): readonly RunEffect[] => {
    const decision = decide(run, event, { now, fraction: 0 });
    run = decision.run;
    return decision.effects;
  };
  const answer = (step: Step, index: number, attempt: number) =>
    happen({ type: "completed", target: b, step, index, attempt });
  happen({ type: "start", target: b });
  for (const step of stepsOf.backup.slice(0, steps)) answer(step, 0, 1);
  return { happen, answer, run: () => run, partAt: (site: SiteId) => run.targets[site] };
};

test("a run asks each site what it has before it tells it what to delete, and ends by the answer to that alone", () => {
  const { answer, partAt } = after(4);
  const dispatch = { type: "dispatch", target: b, step: "reclaiming", delaySeconds: 0 };
  assert.deepEqual(answer("reclaiming", 0, 1), [{ ...dispatch, tasks: [{ index: 0, attempt: 2 }] }]);
  assert.deepEqual(answer("reclaiming", 0, 1), [], "a second copy of the list ends nothing");
  assert.deepEqual(answer("reclaiming", 1, 1), [{ ...dispatch, tasks: [{ index: 1, attempt: 2 }] }]);
  assert.deepEqual(answer("reclaiming", 0, 2), []);
  assert.equal(partAt(b)?.state, "reclaiming");
  answer("reclaiming", 1, 2);
  assert.equal(partAt(b)?.state, "succeeded");
});

test("what it is told to delete stays told when that fails and is tried again", () => {
  const { answer, happen, partAt } = after(4);
  answer("reclaiming", 0, 1);
  const reason = { code: "STORE_IN_USE", message: "Somebody is at it." };
  const failed = { type: "failed", target: b, step: "reclaiming", index: 0, attempt: 2 } as const;
  happen({ ...failed, reason, retryable: true, progressed: false });
  answer("reclaiming", 0, 3);
  assert.deepEqual(
    partAt(b)?.inFlight.map(({ index }) => index),
    [1],
  );
});

test("a run passes over a slot whose group the site has already: the part is skipped, and the group's writer left alone", () => {
  const reason = { code: "GROUP_EXISTS", message: "The site has it already." };
  const { happen, run, partAt } = after(1);
  const failed = { type: "failed", target: b, step: "preparing", index: 0, attempt: 1 } as const;
  assert.deepEqual(happen({ ...failed, reason, retryable: false, progressed: false }), [
    { type: "ended", target: b },
    { type: "tidy-source", target: b },
  ]);
  assert.deepEqual([partAt(b)?.state, partAt(b)?.reason, partAt(c)?.state], ["skipped", reason, "queued"]);
  assert(!hasFailedAt(run(), b) && !hasFailedAt(run(), "a" as SiteId));
});
