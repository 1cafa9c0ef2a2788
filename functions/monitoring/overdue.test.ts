import assert from "node:assert/strict";
import { test } from "node:test";
import { groupSchema } from "../../core/api/group.ts";
import { groupIdOf, type Instant, runIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { createNightlyPlan, createTestApi, siteB, type TestApi } from "../api/testing.ts";
import { groupKey } from "../documents/records.ts";
import { handleSweep } from "../sweep.ts";
import { overdueMetric } from "./metrics.ts";
import { findOverdue, reportOverdue } from "./overdue.ts";

const day = 24 * 60 * 60;

const publisherOf = (api: TestApi, plan: Plan) => {
  let sequence = 0;
  return async (takenAt: Instant, state: "published" | "deleted" = "published") => {
    sequence += 1;
    const runId = runIdOf(plan.id, takenAt);
    const id = groupIdOf(runId);
    const facts = { id, planId: plan.id, runId, siteId: siteB, role: "mirror", sequence, takenAt };
    const body = groupSchema.parse({ ...facts, publishedAt: takenAt, objectCount: 2, sizeBytes: 1, state, holds: [] });
    await api.deps.store.putAll([{ key: groupKey(id, siteB), body }]);
  };
};

test("a target is overdue when two slots have come since its newest restore point, or since the plan was made", async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const publish = publisherOf(api, plan);
  // It is 00:30; slots are at 01:00.
  assert.deepEqual(await findOverdue(api.deps), []);
  api.pass(day);
  assert.deepEqual(await findOverdue(api.deps), []);
  api.pass(day);
  assert.deepEqual(await findOverdue(api.deps), [{ plan: "nightly", target: "b", takenAt: null }]);

  const takenAt = "2026-03-02T01:00:00.000Z" as Instant;
  await publish(takenAt, "published");
  await publish("2026-03-03T00:10:00.000Z" as Instant, "deleted");
  assert.deepEqual(await findOverdue(api.deps), []);
  api.pass(day);
  assert.deepEqual(await findOverdue(api.deps), []);
  api.pass(day);
  assert.deepEqual(await findOverdue(api.deps), [{ plan: "nightly", target: "b", takenAt }]);

  await api.send("POST", "/v1/plans/nightly/suspend");
  assert.deepEqual(await findOverdue(api.deps), []);
});

test("a restore point that a wrong clock dates two years ahead hides neither that a target is overdue nor that it is not", async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const publish = publisherOf(api, plan);
  const [good, later] = ["2026-03-01T01:00:00.000Z", "2026-03-03T01:00:00.000Z"] as [Instant, Instant];
  await publish(good);
  await publish("2028-03-01T01:00:00.000Z" as Instant);
  api.pass(day);
  assert.deepEqual(await findOverdue(api.deps), []);
  api.pass(2 * day);
  assert.deepEqual(await findOverdue(api.deps), [{ plan: "nightly", target: "b", takenAt: good }]);
  await publish(later);
  assert.deepEqual(await findOverdue(api.deps), []);
});

test("a plan that was made when the clock was ahead is overdue in time all the same", async () => {
  const api = await createTestApi();
  api.pass(700 * day);
  await createNightlyPlan(api);
  api.pass(-700 * day);
  await handleSweep(api.deps);
  api.pass(3 * day);
  assert.deepEqual(
    (await findOverdue(api.deps)).map(({ plan }) => plan),
    ["nightly"],
  );
});

test("their number is logged as CloudWatch's embedded metric", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  api.pass(3 * day);
  const lines: Record<string, unknown>[] = [];
  const log = { ...api.deps.log, info: (fields: object) => void lines.push(fields as Record<string, unknown>) };
  assert.equal(await reportOverdue({ ...api.deps, log }, "smtx-backup-test"), 1);
  const [line] = lines;
  assert.deepEqual(line, {
    _aws: {
      Timestamp: Date.parse(api.deps.clock.now()),
      CloudWatchMetrics: [
        {
          Namespace: "smtx-backup",
          Dimensions: [["Installation"]],
          Metrics: [{ Name: "OverdueRestorePoints", Unit: "Count" }],
        },
      ],
    },
    Installation: "smtx-backup-test",
    [overdueMetric.name]: 1,
    overdue: [{ plan: "nightly", target: "b", takenAt: null }],
  });
});
