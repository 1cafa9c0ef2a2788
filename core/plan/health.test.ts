import assert from "node:assert/strict";
import { test } from "node:test";
import { type GroupId, type Instant, type RunId, siteIdSchema } from "../api/ids.ts";
import { scheduleSchema } from "../api/plan.ts";
import type { TargetStatus } from "../api/status.ts";
import { type Findings, judgeTarget } from "./health.ts";
import type { Punctual } from "./late.ts";

const site = siteIdSchema.parse("b");
const createdAt = "2026-03-01T00:30:00.000Z" as Instant;
const plan: Punctual = { status: "active", schedule: scheduleSchema.parse({ cycle: "daily" }), createdAt };
const runId = "run_00000000000000000000000001_20260301T010000000Z" as RunId;
const newest = { groupId: runId.replace("run", "group") as GroupId, takenAt: createdAt, ageSeconds: 0, sizeBytes: 0 };
const lastIn = (state: NonNullable<TargetStatus["last"]>["state"]) => ({
  ...{ runId, slot: createdAt, state, endedAt: createdAt, reason: null, warning: null },
});
const currentOf = (waitsFor: string | null) => ({ runId, slot: createdAt, state: "preparing", waitsFor }) as const;
const nothing: Findings = { newest: null, last: null, current: null };

const judged = (findings: Partial<Findings>, { days = 0, status = plan.status } = {}) => {
  const now = new Date(Date.parse(createdAt) + days * 86_400_000).toISOString() as Instant;
  const newestTakenAt = findings.newest?.takenAt;
  const { state, isLate, isFailing } = judgeTarget(
    { ...plan, status },
    site,
    { ...nothing, ...findings },
    { newestTakenAt, now },
  );
  return [state, ...(isLate ? ["late"] : []), ...(isFailing ? ["failing"] : [])].join();
};

test("a target is as bad as the worst that is true of it", () => {
  const [failed, waiting, running] = [lastIn("failed"), currentOf("No gateway."), currentOf(null)];
  assert.equal(judged({}), "never-run");
  assert.equal(judged({ newest, last: lastIn("succeeded") }), "well");
  assert.equal(judged({ newest, last: lastIn("cancelled") }), "well");
  assert.equal(judged({ current: running }), "running");
  assert.equal(judged({ newest, last: lastIn("succeeded"), current: waiting }), "waiting");
  assert.equal(judged({ newest, last: failed, current: running }), "failing,failing");
  assert.equal(judged({ newest, last: lastIn("succeeded"), current: waiting }, { days: 3 }), "late,late");
  assert.equal(judged({ newest, last: failed }, { days: 3 }), "late,late,failing");
});

test("a target without any restore point is never well: once a run has ended it is failing, however that ended", () => {
  assert.equal(judged({ last: lastIn("cancelled") }), "failing,failing");
  assert.equal(judged({ last: lastIn("succeeded") }), "failing,failing");
  assert.equal(judged({ last: lastIn("cancelled"), current: currentOf(null) }), "failing,failing");
  assert.equal(judged({ last: lastIn("cancelled") }, { status: "suspended" }), "suspended");
});

test("one that nobody waits for is suspended, whatever became of its last run", () => {
  assert.equal(judged({ newest, last: lastIn("failed") }, { days: 3, status: "suspended" }), "suspended");
  assert.equal(judged({}, { status: "suspended" }), "suspended");
});

test("one whose newest restore point is damaged is never well, also while a run goes on or the plan is suspended", () => {
  const damaged = { ...newest, damage: [{ volumeId: "v1", name: "web1", extents: 1 }] } as Findings["newest"];
  const last = lastIn("succeeded");
  assert.equal(judged({ newest: damaged, last }), "damaged");
  assert.equal(judged({ newest: damaged, last, current: currentOf(null) }), "damaged");
  assert.equal(judged({ newest: damaged, last }, { status: "suspended" }), "damaged");
  assert.equal(judged({ newest: damaged, last: lastIn("failed") }), "failing,failing");
});
