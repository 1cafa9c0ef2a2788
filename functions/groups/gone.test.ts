import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PlanMembersAnswer, RetentionAnswer, RunAnswer } from "../../core/api/answers.ts";
import type { planIdOf } from "../../core/api/ids.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { GoneRecord } from "../../core/retention/gone.ts";
import { createNightlyPlan, createTestApi, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, doTask, groupsOn, report, resultOf, takeTasks, workAt } from "../api/testing-gateway.ts";
import { gonePrefix, planKey } from "../documents/records.ts";

const web = { kind: "vm", id: "vm-web", name: "web" } as const;

interface RunOptions {
  /** Of the VM, where it is not there: the newest of the source's groups that has it. */
  readonly goneSince?: number | undefined;
  /** Its target refuses to prepare. */
  readonly fails?: boolean;
  readonly named?: boolean;
}

/** The next run of the plan, to its end. */
const run = async (api: TestApi, { goneSince, fails = false, named = true }: RunOptions = {}): Promise<void> => {
  api.pass(60);
  await api.send<RunAnswer>("POST", "/v1/plans/nightly/run");
  for (let round = 0; round < 50; round += 1) {
    const tasks = [siteA, siteB].flatMap((siteId) => takeTasks(api, siteId));
    if (tasks.length === 0) return;
    for (const task of tasks) {
      const groups = groupsOn(api, task.siteId);
      const result = resultOf(task, api.deps.clock.now(), groups);
      if (task.kind === "prepare" && fails) {
        const reason = { code: "POOL_FULL", message: "The pool is full." };
        await report(api, task, { kind: "failed", reason, retryable: false, progressed: false });
      } else if (result.kind === "snapshot" && goneSince !== undefined) {
        doTask(groups, task);
        const objects = result.objects.filter(({ config }) => config.id !== web.id);
        const gone = [{ ...web, named, lastSequence: goneSince }];
        await report(api, task, { kind: "completed", result: { ...result, objects, gone } });
      } else await complete(api, task);
    }
  }
  assert.fail("there is always more to do");
};

const nightly = async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  return { api, plan };
};

/** The numbers of the groups that a site has, newest first, and why each is kept. */
const keptAt = async (api: TestApi, site: string): Promise<readonly (readonly [number, string])[]> => {
  const { body } = await api.send<RetentionAnswer>("GET", "/v1/plans/nightly/retention");
  const groups = body.sites.find((one) => one.site === site)?.groups ?? [];
  return groups.flatMap(({ group, verdict, rule }) => (verdict === "keep" ? [[group.sequence, rule] as const] : []));
};

const recordsOf = async ({ deps }: TestApi, planId: ReturnType<typeof planIdOf>): Promise<readonly GoneRecord[]> => {
  const { partition } = planKey(planId);
  const { items } = await deps.store.query<GoneRecord>({ partition, prefix: gonePrefix, limit: 100 });
  return items.map(({ body }: Stored<GoneRecord>) => body);
};

describe("an object that is gone", () => {
  test("keeps its newest copy at a target that failed to get the one of the run in which it was back", async () => {
    const { api } = await nightly();
    await run(api);
    for (let n = 2; n <= 4; n += 1) await run(api, { goneSince: 1 });
    assert.deepEqual(await keptAt(api, "b"), [
      [4, "newest"],
      [3, "last"],
      [1, "gone"],
    ]);
    await run(api, { fails: true });
    for (let n = 6; n <= 8; n += 1) await run(api, { goneSince: 5 });
    assert.deepEqual(await keptAt(api, "b"), [
      [8, "newest"],
      [7, "last"],
      [1, "gone"],
    ]);
  });

  test("that is back is not told as gone, and is remembered until every target has a copy of it again", async () => {
    const { api, plan } = await nightly();
    await run(api);
    await run(api, { goneSince: 1 });
    await run(api, { fails: true });
    const known = async () => (await recordsOf(api, plan.id)).map(({ lastSequence, backIn }) => [lastSequence, backIn]);
    assert.deepEqual(await known(), [[1, 3]]);
    const { body } = await api.send<PlanMembersAnswer>("GET", "/v1/plans/nightly/objects");
    assert.ok(body.items.every(({ goneSince }) => goneSince === undefined));
    assert.ok((await keptAt(api, "b")).every(([, rule]) => rule !== "gone"));
    await run(api);
    assert.deepEqual(await known(), [[1, 3]], "the target has none while its snapshot is taken");
    await run(api);
    assert.deepEqual(await known(), []);
  });

  test("once more has its newest copy where the target got that of the run in which it was back", async () => {
    const { api, plan } = await nightly();
    await run(api);
    await run(api, { goneSince: 1 });
    await run(api);
    for (let n = 4; n <= 6; n += 1) await run(api, { goneSince: 3 });
    assert.deepEqual(await keptAt(api, "b"), [
      [6, "newest"],
      [5, "last"],
      [3, "gone"],
    ]);
    const [record] = await recordsOf(api, plan.id);
    assert.deepEqual([record?.lastSequence, record?.backIn, record?.gaps], [3, undefined, [{ after: 1, until: 3 }]]);
  });

  test("is not known to be gone by an answer that comes when its run is cancelled: its group goes, so the next run tells it", async () => {
    const { api, plan } = await nightly();
    await run(api);
    api.pass(60);
    const { body } = await api.send<RunAnswer>("POST", "/v1/plans/nightly/run");
    const [task] = takeTasks(api, siteA);
    assert.ok(task);
    await api.send("POST", `/v1/runs/${body.id}/cancel`);
    const result = resultOf(task, api.deps.clock.now(), []);
    assert.ok(result.kind === "snapshot");
    const objects = result.objects.filter(({ config }) => config.id !== web.id);
    const gone = [{ ...web, named: false, lastSequence: 1 }];
    groupsOn(api, siteA).add(task.groupId);
    await report(api, task, { kind: "completed", result: { ...result, objects, gone } });
    assert.deepEqual(await recordsOf(api, plan.id), []);
    await workAt(api, [siteA, siteB]);
    assert(!groupsOn(api, siteA).has(task.groupId), "what nobody waits for is not what the next run looks back at");
  });

  test("and of which no restore point is known is looked for in them once", async () => {
    const { api } = await nightly();
    await run(api);
    const lost = { kind: "lun", id: "lun-lost", name: "lost" } as const;
    const looksInEarlierRuns = async (): Promise<number> => {
      api.pass(60);
      await api.send("POST", "/v1/plans/nightly/run");
      const [task] = takeTasks(api, siteA);
      assert.ok(task);
      const { query } = api.deps.store;
      let looks = 0;
      api.deps.store.query = (wanted) => {
        const isOfRun = wanted.partition.startsWith("RUN#");
        if (isOfRun && wanted.partition !== `RUN#${task.runId}`) looks += 1;
        return query(wanted);
      };
      const result = resultOf(task, api.deps.clock.now(), []);
      await report(api, task, { kind: "completed", result: { ...result, gone: [{ ...lost, named: true }] } });
      api.deps.store.query = query;
      await workAt(api, [siteA, siteB]);
      return looks;
    };
    assert.deepEqual([await looksInEarlierRuns(), await looksInEarlierRuns()], [1, 0]);
  });
});
