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
  test("a snapshot that lacks an object, told in parts that were cut differently, ends the part with the reason", async () => {
    const { api, part } = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task?.kind === "snapshot");
    groupsOn(api, siteA).add(task.groupId);
    for (const number of [0, 1]) {
      const objects = [{ config: objectNamed("db"), snapshotIds: ["s-db"] }];
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, objects };
      await report(api, task, { kind: "completed", result, part: { number, of: 2 } });
    }
    await goOn(api);
    const { state, reason } = await part();
    assert.deepEqual([state, reason?.code], ["failed", "GROUP_INCOMPLETE"]);
    assert.equal(groupsOn(api, siteA).size, 0, "what was taken is given up");
  });

  test("a snapshot that lacks its first object, told as one, is no answer, and the next try's is", async () => {
    const { api, part } = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task?.kind === "snapshot");
    const objects = [{ config: objectNamed("web"), snapshotIds: ["s-web"] }];
    const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 1, objects };
    await report(api, task, { kind: "completed", result });
    assert.equal((await part()).state, "snapshotting");
    await goOn(api);
    assert.equal((await part()).state, "succeeded");
  });

  test("a snapshot that is never an answer ends the part with what is wrong with it", async () => {
    const { api, part } = await begin();
    for (let tries = 0; tries < 10; tries += 1) {
      const [task] = takeTasks(api, siteA);
      assert(task?.kind === "snapshot");
      const result = { kind: "publish", publishedAt: api.deps.clock.now(), sizeBytes: 1 };
      await report(api, task, { kind: "completed", result });
    }
    const { state, reason } = await part();
    assert.deepEqual([state, reason?.code], ["failed", "ANSWER_OF_ANOTHER_KIND"]);
    assert.match(reason?.message ?? "", /gateway “gw-1” of site “a” .* is no answer to such a task/);
  });

  for (const [what, said, more, code] of [
    ["of no object at all", {}, {}, "OBJECT_GONE"],
    ["of more volumes than a run may have", { fromVolume: 100_000 }, { part: { number: 1, of: 2 } }, "PLAN_TOO_LARGE"],
  ] as const) {
    test(`a snapshot ${what} ends the part with the reason`, async () => {
      const { api, part } = await begin();
      const [task] = takeTasks(api, siteA);
      assert(task?.kind === "snapshot");
      groupsOn(api, siteA).add(task.groupId);
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, objects: [], ...said };
      await report(api, task, { kind: "completed", result, ...more });
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
