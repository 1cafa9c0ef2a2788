import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Run } from "../../core/api/run.ts";
import {
  createNightlyPlan,
  createTestApi,
  objectNamed,
  reportAlive,
  siteA,
  siteB,
  type TestApi,
} from "../api/testing.ts";
import { complete, groupsOn, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import { needRun } from "../runs/runs.ts";
import { handleSweep } from "../sweep.ts";

const begin = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const { body } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  const part = async () => (await needRun(api.deps, body.id)).run.targets[siteB] ?? assert.fail("it has a part");
  return { api, part };
};

/** Minutes pass in which all gateways are there. */
const goOn = async (api: TestApi): Promise<void> => {
  for (let minute = 0; minute < 20; minute += 1) {
    api.pass(60);
    for (const site of [siteA, siteB]) await reportAlive(api, site);
    await handleSweep(api.deps);
    await workAt(api, [siteA, siteB]);
  }
};

describe("what a site says that does not fit its run", () => {
  for (const [what, parts] of [
    ["as one", [{ from: 1, names: ["web"] }]],
    [
      "in parts that were cut differently",
      [
        { from: 0, names: ["db"], part: { number: 0, of: 2 } },
        { from: 0, names: ["db"], part: { number: 1, of: 2 } },
      ],
    ],
  ] as const) {
    test(`a snapshot that lacks an object, told ${what}, ends the part with the reason`, async () => {
      const { api, part } = await begin();
      const [task] = takeTasks(api, siteA);
      assert(task?.kind === "snapshot");
      groupsOn(api, siteA).add(task.groupId);
      for (const { names, from, ...more } of parts) {
        const objects = names.map((name) => ({ config: objectNamed(name), snapshotIds: [`s-${name}`] }));
        const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from, objects };
        await report(api, task, { kind: "completed", result, ...more });
      }
      await goOn(api);
      const { state, reason } = await part();
      assert.deepEqual([state, reason?.code], ["failed", "GROUP_INCOMPLETE"]);
      assert.equal(groupsOn(api, siteA).size, 0, "what was taken is given up");
    });
  }

  for (const [what, said, code] of [
    ["of no object at all", { objects: [] }, "OBJECT_GONE"],
    ["of more volumes than a run may have", { fromVolume: 99_999 }, "PLAN_TOO_LARGE"],
  ] as const) {
    test(`a snapshot ${what} ends the part with the reason`, async () => {
      const { api, part } = await begin();
      const [task] = takeTasks(api, siteA);
      assert(task?.kind === "snapshot");
      groupsOn(api, siteA).add(task.groupId);
      const objects = ["db", "web"].map((name) => ({ config: objectNamed(name), snapshotIds: [`s-${name}`] }));
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, objects, ...said };
      await report(api, task, { kind: "completed", result });
      await goOn(api);
      const { state, reason } = await part();
      assert.deepEqual([state, reason?.code], ["failed", code]);
    });
  }

  test("what is said of an object that the run does not have changes nothing", async () => {
    const { api, part } = await begin();
    const [snapshot] = takeTasks(api, siteA);
    assert(snapshot);
    await complete(api, snapshot);
    const prepares = takeTasks(api, siteB);
    const [prepare] = prepares;
    assert(prepare?.kind === "prepare");
    for (const index of [2, 8, 100]) await complete(api, { ...prepare, index });
    for (const task of prepares) await complete(api, task);
    let published = 0;
    const tasks = () => [siteA, siteB].flatMap((site) => takeTasks(api, site));
    for (let some = tasks(); some.length > 0; some = tasks()) {
      for (const task of some) {
        if (task.kind === "publish") published = task.manifest.objects.length;
        await complete(api, task);
      }
    }
    assert.deepEqual([(await part()).state, published], ["succeeded", 2]);
  });
});
