import assert from "node:assert/strict";
import { test } from "node:test";
import { groupSchema } from "../core/api/group.ts";
import { groupIdOf, type Instant, runIdOf } from "../core/api/ids.ts";
import { createNightlyPlan, createTestApi, siteB } from "./api/testing.ts";
import { findOverdue, reportOverdue } from "./overdue.ts";
import { overdueMetric } from "./overdue-metric.ts";
import { groupKey } from "./records.ts";

const day = 24 * 60 * 60;

test("a target is overdue when two slots have come since its newest restore point, or since the plan was made", async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const publish = async (takenAt: Instant, state: "published" | "deleted") => {
    const runId = runIdOf(plan.id, takenAt);
    const id = groupIdOf(runId);
    const facts = { id, planId: plan.id, runId, siteId: siteB, role: "mirror", sequence: 1, takenAt };
    const body = groupSchema.parse({ ...facts, publishedAt: takenAt, objectCount: 2, sizeBytes: 1, state, holds: [] });
    await api.deps.store.putAll([{ key: groupKey(id, siteB), body }]);
  };
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
