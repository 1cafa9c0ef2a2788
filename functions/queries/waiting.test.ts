import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema, planIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { InFlight, RunKind, Step, TargetRun } from "../../core/api/run.ts";
import { newRun } from "../../core/run/new-run.ts";
import { attemptOf, whyItWaits } from "./waiting.ts";

const [a, b] = ["a", "b"].map((id) => siteIdSchema.parse(id)) as [SiteId, SiteId];
const now = instantSchema.parse("2026-03-01T00:00:00.000Z");
const planId = planIdSchema.parse("plan_00000000000000000000000001");
const runOf = (kind: RunKind) =>
  newRun({ planId, kind, trigger: "person", slot: now, sequence: 1, source: a, targets: [b], objectCount: 3, now });
const run = runOf("backup");

const task = (index: number, failures = 0): InFlight => ({
  index,
  attempt: failures + 1,
  failures,
  waiting: failures > 0,
});
const partIn = (step: Step | null, changes: Partial<TargetRun> = {}): TargetRun => ({
  ...(run.targets[b] as TargetRun),
  state: step ?? "queued",
  step,
  inFlight: step === null ? [] : [task(0)],
  ...changes,
});
const planWith = (active: string | null) => ({ lanes: { b: { active, queued: null } } }) as unknown as Plan;
const why = (part: TargetRun, absent: readonly SiteId[] = [], plan: Plan | undefined = planWith(run.id)) =>
  whyItWaits(run, b, part, { plan, absent: new Set(absent), triesMax: 10 });

describe("whyItWaits", () => {
  test("is silent while somebody works, and when it is over", () => {
    assert.equal(why(partIn("transferring")), null);
    for (const state of ["succeeded", "failed", "cancelled", "skipped"] as const) {
      assert.equal(why(partIn(null, { state }), [a, b]), null);
    }
  });

  test("names the run that is before it in the lane", () => {
    assert.match(why(partIn(null), [], planWith("run_x")) ?? "", /run_x to “b” is still going/);
  });

  test("says that a run that is next is about to start, and so is a restore, which has no lane", () => {
    assert.equal(why(partIn(null)), "It is about to start.");
    assert.equal(why(partIn(null), [], undefined), "It is about to start.");
    const restore = whyItWaits(runOf("rebuild"), b, partIn(null), {
      plan: planWith("run_x"),
      absent: new Set(),
      triesMax: 10,
    });
    assert.equal(restore, "It is about to start.");
  });

  const workplaces: readonly (readonly [Step, readonly SiteId[], readonly SiteId[]])[] = [
    ["snapshotting", [a], [b]],
    ["preparing", [b], [a]],
    ["transferring", [a, b], []],
    ["publishing", [b], [a]],
    ["rebuilding", [b], [a]],
  ];
  for (const [step, needed, others] of workplaces) {
    test(`while ${step}, names a site whose gateways are gone if it is ${needed.join(" or ")}`, () => {
      for (const site of needed)
        assert.match(why(partIn(step), [site]) ?? "", new RegExp(`No gateway of site “${site}”`));
      assert.equal(why(partIn(step), others), null);
    });
  }

  test("while reclaiming, needs the site whose part is not done", () => {
    assert.match(why(partIn("reclaiming", { inFlight: [task(1)] }), [a]) ?? "", /“a”/);
    assert.equal(why(partIn("reclaiming", { inFlight: [task(1)] }), [b]), null);
    assert.match(why(partIn("reclaiming", { inFlight: [task(0)] }), [b]) ?? "", /“b”/);
  });

  test("says what went wrong last and which try comes next, when all that was given out failed", () => {
    const reason = { code: "LINK_BROKEN", message: "The link is down." };
    const waiting = partIn("transferring", { state: "waiting", inFlight: [task(0, 2), task(1, 4)], reason });
    assert.equal(why(waiting), "Try 5 of 10 follows. The last one failed: The link is down.");
    assert.equal(why({ ...waiting, inFlight: [task(0, 2), task(1)] }), null);
  });

  test("says how often the work was sent without an answer", () => {
    assert.match(why(partIn("preparing", { silence: 1 })) ?? "", /sent again once/);
    assert.match(why(partIn("preparing", { silence: 3 })) ?? "", /sent again 3 times/);
  });
});

test("the try that a part is at is that of the task that failed most often; the first is 1", () => {
  assert.equal(attemptOf(partIn(null)), 1);
  assert.equal(attemptOf(partIn("transferring", { inFlight: [task(0), task(1, 3)] })), 4);
});
