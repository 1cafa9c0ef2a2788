import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema, planIdSchema, type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { RunKind, Shard, Step, TargetRun } from "../../core/api/run.ts";
import { newRun } from "../../core/run/new-run.ts";
import { attemptOf, isWaiting, lastReason, whyItWaits } from "./waiting.ts";

const [a, b] = ["a", "b"].map((id) => siteIdSchema.parse(id)) as [SiteId, SiteId];
const now = instantSchema.parse("2026-03-01T00:00:00.000Z");
const planId = planIdSchema.parse("plan_00000000000000000000000001");
const runOf = (kind: RunKind) =>
  newRun({ planId, kind, trigger: "person", slot: now, sequence: 1, source: a, targets: [b], objectCount: 3, now });
const run = runOf("backup");
const queued = run.targets[b] as TargetRun;

/** A shard that gives out a task of the step. */
const shardOf = (step: Step, index = 0, changes: Partial<Shard> = {}): Shard => ({
  ...{ step, shard: index, count: 3, index, attempt: 1, failures: 0, silence: 0, deadline: now },
  ...{ source: a, sequence: 1 },
  ...changes,
});
const failed = (step: Step, index: number, failures: number, reason?: Shard["reason"]): Shard =>
  shardOf(step, index, { attempt: failures + 1, failures, waiting: true, ...(reason && { reason }) });

const planWith = (active: string | null) => ({ lanes: { b: { active, queued: null } } }) as unknown as Plan;
const whyIn = (step: Step, shards: readonly Shard[] = [shardOf(step)], absent: readonly SiteId[] = []) => {
  const part: TargetRun = { ...queued, state: step, step };
  return whyItWaits(run, b, part, { plan: planWith(run.id), absent: new Set(absent), triesMax: 10, shards });
};
const whyNotBegun = (of = run, plan: Plan | undefined = planWith(run.id), part: TargetRun = queued) =>
  whyItWaits(of, b, part, { plan, absent: new Set([a, b]), triesMax: 10, shards: [] });

describe("whyItWaits", () => {
  test("is silent while somebody works, and when it is over", () => {
    assert.equal(whyIn("transferring"), null);
    for (const state of ["succeeded", "failed", "cancelled", "skipped"] as const) {
      assert.equal(whyNotBegun(run, planWith("run_x"), { ...queued, state }), null);
    }
  });

  test("names the run that is before it in the lane", () => {
    assert.match(whyNotBegun(run, planWith("run_x")) ?? "", /run_x to “b” is still going/);
  });

  test("says that a run that is next is about to start, and so is a restore, which has no lane", () => {
    assert.equal(whyNotBegun(), "It is about to start.");
    assert.equal(
      whyItWaits(run, b, queued, { plan: undefined, absent: new Set(), triesMax: 10, shards: [] }),
      "It is about to start.",
    );
    assert.equal(whyNotBegun(runOf("rebuild"), planWith("run_x")), "It is about to start.");
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
        assert.match(whyIn(step, [shardOf(step)], [site]) ?? "", new RegExp(`No gateway of site “${site}”`));
      assert.equal(whyIn(step, [shardOf(step)], others), null);
    });
  }

  test("while reclaiming, needs the sites whose tasks are not done", () => {
    const [atTarget, atSource] = [shardOf("reclaiming", 0), shardOf("reclaiming", 1)];
    assert.match(whyIn("reclaiming", [atSource], [a]) ?? "", /“a”/);
    assert.equal(whyIn("reclaiming", [atSource], [b]), null);
    assert.match(whyIn("reclaiming", [atTarget], [b]) ?? "", /“b”/);
    assert.match(whyIn("reclaiming", [atTarget, atSource], [a]) ?? "", /“a”/);
  });

  test("says what went wrong last and which try comes next, when all that was given out failed", () => {
    const reason = { code: "LINK_BROKEN", message: "The link is down." };
    const [one, other] = [failed("transferring", 0, 2), failed("transferring", 1, 4, reason)];
    assert.equal(whyIn("transferring", [one, other]), "Try 5 of 10 follows. The last one failed: The link is down.");
    assert.equal(whyIn("transferring", [one]), "Try 3 of 10 follows.");
    assert.equal(whyIn("transferring", [one, other, shardOf("transferring", 2)]), null);
  });

  test("says at which site nobody answers, and how often the work was sent", () => {
    const silent = (silence: number) => [shardOf("preparing", 1), shardOf("preparing", 0, { silence })];
    assert.match(whyIn("preparing", silent(1)) ?? "", /^Nobody at site “b” has answered yet; .* sent again once\.$/);
    assert.match(whyIn("preparing", silent(3)) ?? "", /sent again 3 times/);
    assert.match(whyIn("snapshotting", [shardOf("snapshotting", 0, { silence: 1 })]) ?? "", /at site “a”/);
  });
});

test("a part waits while all that is given out has failed; where nothing is, it does not", () => {
  const one = failed("transferring", 0, 1);
  assert.equal(isWaiting([one, failed("transferring", 1, 1)]), true);
  assert.equal(isWaiting([one, shardOf("transferring", 1)]), false);
  assert.equal(isWaiting([]), false);
});

test("the try that a part is at is that of the task that failed most often; the first is 1", () => {
  assert.equal(attemptOf([]), 1);
  assert.equal(attemptOf([shardOf("transferring"), failed("transferring", 1, 3)]), 4);
});

test("what went wrong last is told as long as nobody was heard of since", () => {
  const reason = { code: "LINK_BROKEN", message: "The link is down." };
  assert.equal(lastReason([shardOf("transferring"), shardOf("transferring", 1)]), undefined);
  assert.deepEqual(lastReason([failed("transferring", 0, 1, reason), shardOf("transferring", 1)]), reason);
});
