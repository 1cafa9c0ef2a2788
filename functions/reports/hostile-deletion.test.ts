import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunAnswer } from "../../core/api/answers.ts";
import type { DeletionPreview } from "../../core/api/deletion/preview.ts";
import type { Group } from "../../core/api/group.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, nightly, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { handleReport } from "../report.ts";
import { handleSweep } from "../sweep.ts";

const siteC = siteIdSchema.parse("c");

/** A plan of three restore points at b, another plan, and a deletion of the oldest. */
const deleting = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api, { targets: [{ ...nightly.targets[0], retention: { keepLast: 3 } }] });
  await api.send("POST", "/v1/sites", { id: siteC, multiCluster: "main" });
  await api.send("POST", "/v1/plans", { ...nightly, name: "other" });
  for (const plan of ["nightly", "nightly", "nightly", "other"]) {
    await api.send("POST", `/v1/plans/${plan}/run`);
    await workAt(api, [siteA, siteB]);
    api.pass(60);
  }
  const groups = await groupsOf(api);
  const [oldest] = groups.toReversed();
  assert.ok(oldest);
  const wish = { type: "group", groupId: oldest.id, siteId: "b" };
  const { confirmation } = (await api.send<DeletionPreview>("POST", "/v1/deletions/preview", wish)).body;
  const begin = async () => (await api.send<{ run: Run }>("POST", "/v1/deletions", { wish, confirmation })).body.run;
  return { api, groups, oldest, begin };
};
const groupsOf = async (api: TestApi, plan = "nightly") =>
  (await api.send<Page<Group>>("GET", `/v1/groups?plan=${plan}&site=b`)).body.items;
const idsOf = async (api: TestApi, plan?: string) => (await groupsOf(api, plan)).map(({ id }) => id);
const partOf = async (api: TestApi, run: Run) =>
  (await api.send<RunAnswer>("GET", `/v1/runs/${run.id}`)).body.targets[0];

/** The site is asked what it has, and answers honestly. @returns what it is told to delete */
const told = async (api: TestApi): Promise<RunTask> => {
  const [list] = takeTasks(api, siteB);
  assert.ok(list?.kind === "reclaim" && list.groupIds.length === 0);
  await complete(api, list);
  const [task] = takeTasks(api, siteB);
  assert.ok(task?.kind === "reclaim" && task.groupIds.length === 1);
  return task;
};

const said = (deleted: readonly string[], more: object = {}) => ({
  kind: "completed",
  result: { kind: "reclaim", deleted, present: [], groups: [] },
  ...more,
});

describe("a site that is told to delete a group by hand", () => {
  test("has nothing else deleted by saying so: not another plan's, and not what the plan keeps", async () => {
    const { api, groups, oldest, begin } = await deleting();
    const run = await begin();
    const task = await told(api);
    const [others] = await idsOf(api, "other");
    await report(api, task, said([oldest.id, others ?? ""]));
    assert.equal((await groupsOf(api)).find(({ id }) => id === oldest.id)?.state, "deleting", "all of it is refused");
    const [again] = takeTasks(api, siteB);
    assert.ok(again);
    await report(api, again, said(groups.map(({ id }) => id)));
    assert.deepEqual(
      await idsOf(api),
      groups.slice(0, 2).map(({ id }) => id),
    );
    assert.deepEqual((await idsOf(api, "other")).length, 1);
    assert.equal((await partOf(api, run))?.state, "succeeded");
  });

  test("is not believed before it was told, nor is another site", async () => {
    const { api, oldest, begin } = await deleting();
    await begin();
    const [list] = takeTasks(api, siteB);
    assert.ok(list);
    await report(api, list, said([oldest.id]));
    await report(api, { ...list, siteId: siteC }, said([oldest.id]));
    assert.ok((await idsOf(api)).includes(oldest.id));
  });

  test("that says for ever that it deleted something else is told once, and the deletion has failed", async () => {
    const { api, groups, begin } = await deleting();
    const run = await begin();
    const task = await told(api);
    await report(api, task, said([groups[0]?.id ?? ""]));
    assert.deepEqual(takeTasks(api, siteB), []);
    assert.equal((await partOf(api, run))?.state, "failed");
    assert.equal((await groupsOf(api)).length, 3);
  });

  test("tells no space of what it was not asked, and no number that can't be", async () => {
    const { api } = await deleting();
    const before = await api.dump();
    for (const space of [{ bytes: -1, is: "exact" }, { bytes: 0.5, is: "exact" }, { bytes: 1, is: "sure" }, 7]) {
      await handleReport(api.deps, {
        kind: "space",
        siteId: "b",
        gatewayId: "gw-1",
        questionId: "0".repeat(32),
        space,
      });
    }
    assert.equal(await api.dump(), before);
  });
});

describe("a deletion whose workers die", () => {
  test("goes on by the sweep when the control plane dies right after it was confirmed", async () => {
    const { api, oldest, begin } = await deleting();
    const { send } = api.deps.tasks;
    api.deps.tasks.send = () => Promise.reject(new Error("the function died"));
    const run = await begin();
    api.deps.tasks.send = send;
    assert.deepEqual(takeTasks(api, siteB), []);
    for (let minute = 0; minute < 5; minute += 1) {
      api.pass(60);
      await handleSweep(api.deps);
      await workAt(api, [siteA, siteB]);
    }
    assert.equal((await partOf(api, run))?.state, "succeeded");
    assert.ok(!(await idsOf(api)).includes(oldest.id));
  });

  for (const [when, dies] of [
    ["before it has said what there is", async (api: TestApi) => void takeTasks(api, siteB)],
    ["before it has deleted anything", async (api: TestApi) => void (await told(api))],
  ] as const) {
    test(`is done by another gateway when one dies ${when}, and once`, async () => {
      const { api, oldest, begin } = await deleting();
      const run = await begin();
      await dies(api);
      for (let minute = 0; minute < 5; minute += 1) {
        api.pass(60);
        await handleSweep(api.deps);
        await workAt(api, [siteA, siteB]);
      }
      assert.equal((await partOf(api, run))?.state, "succeeded");
      assert.equal((await idsOf(api)).length, 2);
      assert.ok(!(await idsOf(api)).includes(oldest.id));
    });
  }
});
