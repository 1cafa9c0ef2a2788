import assert from "node:assert/strict";
import { test } from "node:test";
import { createNightlyPlan, createTestApi, siteA, siteB } from "../api/testing.ts";
import { complete, takeTasks } from "../api/testing-gateway.ts";

test("the receiver is told who sends when it prepares, and the sender who receives when it sends", async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  await api.send("POST", "/v1/plans/nightly/run");
  const told: unknown[] = [];
  for (let round = 0; round < 20; round += 1) {
    for (const task of [siteA, siteB].flatMap((siteId) => takeTasks(api, siteId))) {
      if (task.kind === "prepare") told.push([task.siteId, task.sender]);
      if (task.kind === "transfer") told.push([task.siteId, task.receiver]);
      await complete(api, task);
    }
  }
  assert.deepEqual(told, [
    [siteB, siteA],
    [siteB, siteA],
    [siteA, siteB],
    [siteA, siteB],
  ]);
});
