import assert from "node:assert/strict";
import { test } from "node:test";
import { failoverIdOf, groupIdOf, restoreIdOf } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, reportAlive, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, takeTasks, workAt } from "../api/testing-gateway.ts";
import { applyToPlan } from "./engine.ts";

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

/** All that is told until nothing is left to do. */
const toldOf = async (api: TestApi): Promise<readonly RunTask[]> => {
  const told: RunTask[] = [];
  for (let round = 0; round < 20; round += 1) {
    for (const task of [siteA, siteB].flatMap((siteId) => takeTasks(api, siteId))) {
      told.push(task);
      await complete(api, task);
    }
  }
  return told;
};

test("of a plan that is away, the site that has its objects snapshots what stands for them, and home takes them from it alone", async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  const before = (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
  await workAt(api, [siteA, siteB]);
  const now = api.deps.clock.now();
  const failoverId = failoverIdOf(plan.id, now);
  const standIns = [restoreIdOf(plan.id, now)];
  const place = { siteId: siteB, standIns, failoverId, since: now };
  for (const event of [
    { type: "moving", failoverId },
    { type: "place", failoverId, place },
    { type: "moved", failoverId },
  ] as const) {
    await applyToPlan(api.deps, plan.id, event);
  }
  api.pass(6);
  await reportAlive(api, siteA);
  const { groupId, at } = (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
  assert.equal(at, siteB);
  const told = await toldOf(api);
  const newest = { format: newestMessageFormat };
  for (const task of told) {
    assert.equal(task.source, siteA, "home is half of the owner's tag still");
    if (task.kind === "snapshot") assert.partialDeepStrictEqual(task, { siteId: siteB, standIns, ...newest });
    if (task.kind === "prepare") assert.partialDeepStrictEqual(task, { siteId: siteA, sender: siteB });
    if (task.kind !== "transfer") continue;
    assert.partialDeepStrictEqual(task, { siteId: siteB, receiver: siteA, baseGroupId: before.groupId, ...newest });
    const [volume] = task.volumes;
    assert.partialDeepStrictEqual(volume, { from: { planId: plan.id, groupId } });
  }
  const kinds = new Map(told.map(({ kind, siteId }) => [`${kind} at ${siteId}`, true]));
  assert.deepEqual(
    [...kinds.keys()],
    ["snapshot at b", "prepare at a", "transfer at b", "publish at a", "reclaim at a", "reclaim at b"],
  );
  assert.notEqual(groupId, groupIdOf(before.id));
});
