import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunId } from "../../core/api/ids.ts";
import { isRule } from "../../core/api/plan.ts";
import { createNightlyPlan, createTestApi, objectNamed, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, groupsOn, report, takeTasks } from "../api/testing-gateway.ts";
import { handlePlanInvocation } from "../plan.ts";
import { loadRun } from "../runs/runs.ts";

/**
 * Runs the plan until nothing is left to do; each object's configuration has so
 * many texts of 1.5 KB.
 * @returns what its part came to
 */
const runWith = async (textsOfEach: number) => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  api.pass(3600);
  await handlePlanInvocation(api.deps, { planId: plan.id, scheduledTime: api.deps.clock.now() });
  const kinds: string[] = [];
  let runId: RunId | undefined;
  for (let tasks = tasksOf(api); tasks.length > 0; tasks = tasksOf(api)) {
    for (const task of tasks) {
      kinds.push(task.kind);
      runId = task.runId;
      if (task.kind !== "snapshot") {
        await complete(api, task);
        continue;
      }
      groupsOn(api, siteA).add(task.groupId);
      const objects = task.objects.flatMap((entry) =>
        isRule(entry)
          ? []
          : {
              config: objectNamed(entry.name, withTexts(textsOfEach)),
              snapshotIds: [`s-${entry.name}`],
            },
      );
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), objects };
      await report(api, task, { kind: "completed", result });
    }
  }
  assert(runId);
  const part = (await loadRun(api.deps, runId))?.run.targets[siteB];
  assert(part);
  return { part, kinds, group: groupsOn(api, siteA).size, errors: api.errors, dump: await api.dump() };
};

const text = "é".repeat(255);

/** A message says each of the letters in six bytes. */
const withTexts = (count: number) => ({
  leftOut: Array.from({ length: Math.min(300, Math.floor(count / 2)) }, () => ({ what: text, reason: text })),
  labels: Object.fromEntries(
    Array.from({ length: Math.max(0, count - 600) }, (_, index) => [index.toString().padStart(255, "é"), text]),
  ),
});

const tasksOf = (api: TestApi) => [siteA, siteB].flatMap((siteId) => takeTasks(api, siteId));

describe("a task that is too large for a message", () => {
  for (const [what, texts, last] of [
    ["of all of its objects", 400, "transfer"],
    ["of one object", 649, "snapshot"],
  ] as const) {
    test(`because ${what} fails its part with the reason, and what was taken is given up`, async () => {
      const { part, kinds, group, errors, dump } = await runWith(texts);
      assert.deepEqual([part.state, part.reason?.code], ["failed", "MESSAGE_TOO_LARGE"]);
      assert.match(part.reason?.message ?? "", /a message may have 1048576\. Split the plan's objects/);
      assert.equal(kinds.filter((kind) => kind !== "abort" && kind !== "reclaim").at(-1), last);
      assert.equal(group, 0);
      assert.deepEqual(errors, []);
      assert.ok(!dump.includes("OUTBOX#"), "something is left to the sweep");
    });
  }

  test("is none as long as it is not", async () => {
    assert.equal((await runWith(320)).part.state, "succeeded");
  });
});
