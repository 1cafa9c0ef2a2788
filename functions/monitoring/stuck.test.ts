import assert from "node:assert/strict";
import { test } from "node:test";
import { createNightlyPlan, createTestApi } from "../api/testing.ts";
import { outboxKey, planKey } from "../documents/records.ts";
import { keyText } from "../documents/store-rules.ts";
import { handleSweep } from "../sweep.ts";
import { metricFields, stuckMetric } from "./metrics.ts";
import { reportStuck, stuckFailuresMin } from "./stuck.ts";

test("an outbox entry that fails at every sweep is stuck from the third time on, and until it succeeds", async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  let isDown = true;
  const put = async () => {
    if (isDown) throw new Error("the scheduler is down");
  };
  const deps = { ...api.deps, scheduler: { ...api.deps.scheduler, put } };
  const key = outboxKey(planKey(plan.id), 1_000);
  const effects = { of: "plan", planId: plan.id, effects: [{ type: "sync-schedule" }] };
  const dueAt = deps.clock.now();
  await deps.store.commit([{ type: "put", key, body: { effects, failures: 0 }, expect: "absent", dueAt }]);
  for (let failures = 1; failures <= stuckFailuresMin + 1; failures += 1) {
    const { failed, stuck } = await handleSweep(deps);
    assert.equal(failed, 1);
    assert.deepEqual(stuck.map(keyText), failures < stuckFailuresMin ? [] : [keyText(key)]);
    api.pass(3600);
  }
  isDown = false;
  const { failed, stuck } = await handleSweep(deps);
  assert.deepEqual([failed, stuck], [0, []]);
});

test("what is stuck is logged with its number as a metric, and nothing is where nothing is", async () => {
  const api = await createTestApi();
  const lines: Record<string, unknown>[] = [];
  const log = { ...api.deps.log, error: (fields: object) => void lines.push(fields as Record<string, unknown>) };
  reportStuck({ ...api.deps, log }, "smtx-backup-test", []);
  assert.deepEqual(lines, []);
  const keys = Array.from({ length: 30 }, (_, n) => ({ partition: "PLAN#1", sort: `OUTBOX#${n}` }));
  reportStuck({ ...api.deps, log }, "smtx-backup-test", keys);
  const of = { installation: "smtx-backup-test", now: api.deps.clock.now(), count: 30 };
  assert.deepEqual(lines, [{ ...metricFields(stuckMetric, of), stuck: keys.slice(0, 20) }]);
});
