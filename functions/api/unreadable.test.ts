import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { groupIdOf, planIdSchema, runIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { Key } from "../../core/ports/store.ts";
import {
  auditKey,
  gatewayKey,
  groupKey,
  planKey,
  planNameKey,
  runKey,
  siteKey,
  skipKey,
  tokenKey,
} from "../documents/records.ts";
import { findOverdue } from "../monitoring/overdue.ts";
import { createNightlyPlan, createTestApi, reportAlive, siteA, siteB } from "./testing.ts";
import { complete, report, takeTasks, workAt } from "./testing-gateway.ts";

interface List {
  readonly items: readonly object[];
  readonly unreadable?: number;
  readonly cursor?: string;
}

describe("a document that can't be read", () => {
  const setUp = async () => {
    const api = await createTestApi();
    const { body: plan } = await createNightlyPlan(api);
    for (const site of [siteA, siteB]) await reportAlive(api, site);
    const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    await workAt(api, [siteA, siteB]);
    const slot = "2026-01-01T01:00:00.000Z" as Run["slot"];
    return { api, plan, run, slot, oldRun: runIdOf(plan.id, slot) };
  };

  const cases = (plan: Plan, slot: Run["slot"]): readonly (readonly [path: string, key: Key])[] => [
    ["/v1/sites", siteKey("0broken" as Plan["source"])],
    ["/v1/audit", auditKey(slot, "broken")],
    ["/v1/tokens", tokenKey("broken")],
    ["/v1/plans", planNameKey("a-broken")],
    ["/v1/plans/nightly/runs", runKey(runIdOf(plan.id, slot))],
    ["/v1/plans/nightly/runs", skipKey(plan.id, slot)],
    ["/v1/plans/nightly/groups", groupKey(groupIdOf(runIdOf(plan.id, slot)), siteB)],
  ];

  test("is left out of its list, which says so, and the others are there", async () => {
    const { api, plan, slot } = await setUp();
    for (const [path, key] of cases(plan, slot)) {
      const { items } = (await api.send<List>("GET", path)).body;
      assert.ok(items.length > 0, path);
      await api.deps.store.putAll([{ key, body: { of: "another version" } }]);
      const { status, body } = await api.send<List>("GET", path);
      assert.equal(status, 200, path);
      assert.equal(body.unreadable, 1, path);
      assert.ok(body.items.length >= items.length, path);
      assert.ok(
        api.errors.some((line) => JSON.stringify(line).includes(JSON.stringify(key))),
        path,
      );
      await api.deps.store.commit([{ type: "delete", key, expect: "any" }]);
    }
  });

  test("takes the place that it would have, so that no page of a plan's history is missed", async () => {
    const { api, plan, slot } = await setUp();
    const { body: other } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    await api.deps.store.putAll([
      { key: runKey(runIdOf(plan.id, slot)), body: {} },
      {
        key: skipKey(plan.id, slot),
        body: { planId: plan.id, firstSlot: slot, lastSlot: slot, count: 1, reason: "missed" },
      },
    ]);
    const seen: string[] = [];
    let unreadable = 0;
    let cursor: string | undefined = "";
    while (cursor !== undefined) {
      const path: string = `/v1/plans/nightly/runs?limit=1${cursor && `&cursor=${cursor}`}`;
      const { body } = await api.send<List>("GET", path);
      seen.push(...body.items.map((item) => (item as { type: string }).type));
      unreadable += body.unreadable ?? 0;
      cursor = body.cursor;
    }
    assert.ok(other.id);
    assert.deepEqual([seen, unreadable], [["run", "run", "skip"], 1]);
  });

  test("of a plan keeps neither other plans nor the alarm of restore points that are late from being told", async () => {
    const { api } = await setUp();
    const planId = planIdSchema.parse("plan_00000000000000000000000099");
    await api.deps.store.putAll([
      { key: planNameKey("broken"), body: { planId } },
      { key: planKey(planId), body: { id: planId, name: "broken" } },
    ]);
    const { body } = await api.send<List>("GET", "/v1/plans");
    assert.deepEqual([body.items.length, body.unreadable], [1, 1]);
    api.pass(3 * 24 * 3600);
    assert.equal((await findOverdue(api.deps)).length, 1);
  });

  test("of one run does not keep the groups of others, that a site has and nobody knows of, from being taken in", async () => {
    const { api, run, oldRun } = await setUp();
    // As if the answer had been lost when the run published it.
    await api.deps.store.commit([{ type: "delete", key: groupKey(run.groupId, siteB), expect: "any" }]);
    const { query } = api.deps.store;
    api.deps.store.query = async (options) => {
      if (options.prefix === runKey(oldRun).sort) throw new VisibleError("NEWER_VERSION", "It is of a newer form.");
      return query(options);
    };
    await api.send<Run>("POST", "/v1/plans/nightly/run");
    const present = [7, "nothing that we made", groupIdOf(oldRun), run.groupId];
    let failures = 0;
    for (
      let tasks = takeTasks(api, siteA);
      tasks.length > 0;
      tasks = [siteA, siteB].flatMap((site) => takeTasks(api, site))
    ) {
      for (const task of tasks) {
        if (task.kind !== "reclaim" || task.siteId !== siteB) await complete(api, task);
        else {
          const said = { kind: "completed", result: { kind: "reclaim", deleted: task.groupIds, present } };
          await report(api, task, said).catch(() => failures++);
        }
      }
    }
    assert.equal(failures, 1, "the one that failed comes again");
    const { items } = (await api.send<{ items: { id: string }[] }>("GET", "/v1/plans/nightly/groups?site=b")).body;
    assert.ok(items.some(({ id }) => id === run.groupId));
  });

  test("of a gateway does not hide those that are alive", async () => {
    const { api } = await setUp();
    await api.deps.store.putAll([{ key: gatewayKey(siteA, "a-broken"), body: { id: "a-broken" } }]);
    const { status, body } = await api.send<List>("GET", "/v1/sites/a/gateways");
    assert.deepEqual([status, body.items.length], [200, 1]);
  });
});
