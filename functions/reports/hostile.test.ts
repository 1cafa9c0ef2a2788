import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupAnswer, PlanAnswer } from "../../core/api/answers.ts";
import type { AuditEntry } from "../../core/api/audit.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask } from "../../core/api/task.ts";
import type { Stored } from "../../core/ports/store.ts";
import { createNightlyPlan, createTestApi, objectNamed, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, groupsOn, report, resultOf, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { refusalPrefix } from "../documents/records.ts";
import { listObjects } from "../inventory/objects.ts";
import { toldBy } from "../inventory/testing.ts";
import { handleReport } from "../report.ts";
import { readFacts, type SnapshotFact } from "../runs/facts.ts";
import { handleSweep } from "../sweep.ts";

const siteC = siteIdSchema.parse("c");
const gatewayId = gatewayIdSchema.parse("gw-1");

/** An honest plan between a and b, a run of it, and a site c that has nothing to do with it. */
const world = async () => {
  const api = await createTestApi();
  const { body: plan } = await createNightlyPlan(api);
  await api.send("POST", "/v1/sites", { id: siteC, multiCluster: "main" });
  const begin = async () => (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;
  return { api, plan, begin };
};
type World = Awaited<ReturnType<typeof world>>;

/** A run that has ended well. */
const ended = async ({ api, begin }: World): Promise<Run> => {
  const run = await begin();
  await workAt(api, [siteA, siteB]);
  api.pass(60);
  return run;
};

/** All that is stored, but for what is counted of refusals. */
const known = async (api: TestApi) => {
  const all: (Stored<object> | null)[] = JSON.parse(await api.dump());
  return all.filter((stored) => stored !== null && !stored.key.sort.startsWith(refusalPrefix));
};

const refusals = async (api: TestApi) => {
  api.pass(120);
  await handleSweep(api.deps);
  const { items } = (await api.send<Page<AuditEntry>>("GET", "/v1/audit?limit=100")).body;
  return items.flatMap(({ actor, refused }) =>
    refused === undefined || actor.kind !== "gateway" ? [] : [`${actor.siteId} ${refused.code} ${refused.times}`],
  );
};

/** @param at in the run */
const taskIn = (run: Run, at: Pick<RunTask, "step" | "siteId"> & Partial<RunTask>) => {
  const about = { target: siteB, index: 0, attempt: 1, ...at };
  return { id: `${run.id}/${about.step}/${about.target}/${about.index}`, runId: run.id, ...about } as RunTask;
};

/** What the source would say of two objects; theirs are the ids. */
const snapshotResult = (api: TestApi, names: readonly string[] = ["db", "web"]) => ({
  ...{ kind: "snapshot", takenAt: api.deps.clock.now(), from: 0 },
  objects: names.map((name, index) => ({
    config: { ...objectNamed(name), name: ["db", "web"][index] },
    snapshotIds: [`s-forged-${name}`],
  })),
});

const groupsOf = async (api: TestApi) =>
  (await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups")).body.items;

describe("a site that was taken over", () => {
  test("rewrites no facts of a run that has ended, neither with other snapshots nor with swapped ids", async () => {
    const of = await world();
    const { api } = of;
    const run = await ended(of);
    const facts = () => readFacts<SnapshotFact>(api.deps, run.id, "snapshotting", "source");
    const before = [await known(api), await facts()];
    for (const names of [
      ["db", "web"],
      ["web", "db"],
    ]) {
      for (const target of [siteA, siteB]) {
        const task = taskIn(run, { step: "snapshotting", siteId: siteA, target });
        await report(api, task, { kind: "completed", result: snapshotResult(api, names) });
      }
    }
    assert.deepEqual([await known(api), await facts()], before);
  });

  test("writes no facts of a run that is over before its task was done, and is only asked what it has", async () => {
    const { api, begin } = await world();
    const run = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task?.kind === "snapshot");
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    for (let times = 0; times < 5; times += 1) {
      await report(api, task, { kind: "completed", result: snapshotResult(api) });
    }
    assert.deepEqual(await readFacts(api.deps, run.id, "snapshotting", "source"), []);
    const [question, ...others] = takeTasks(api, siteA);
    assert(question?.kind === "reclaim");
    assert.deepEqual([question.groupIds, others], [[], []]);
    assert.deepEqual(await groupsOf(api), []);
  });

  test("writes no facts of tasks that nobody was given yet", async () => {
    const { api, begin } = await world();
    const run = await begin();
    const before = await known(api);
    const results = {
      preparing: { kind: "prepare", volumes: [{ sourceVolumeId: "volume-db", mirrorVolumeId: "mirror-of-web" }] },
      publishing: { kind: "publish", publishedAt: api.deps.clock.now(), sizeBytes: 1 },
    } as const;
    for (const step of ["preparing", "publishing"] as const) {
      await report(api, taskIn(run, { step, siteId: siteB }), { kind: "completed", result: results[step] });
    }
    assert.deepEqual(await known(api), before);
    assert.deepEqual(await refusals(api), ["b TASK_NOT_GIVEN 2"]);
  });

  test("ends no task with the answer to another kind of task", async () => {
    const { api, begin } = await world();
    const run = await begin();
    for (const site of [siteA, siteB]) for (const task of takeTasks(api, site)) await complete(api, task);
    const [transfer] = takeTasks(api, siteA);
    assert(transfer?.kind === "transfer");
    await report(api, transfer, { kind: "completed", result: snapshotResult(api) });
    assert.equal((await readFacts(api.deps, run.id, "transferring", siteB)).length, 0);
    const { body } = await api.send<{ targets: { state: string; step: string | null }[] }>("GET", `/v1/runs/${run.id}`);
    assert.equal(body.targets[0]?.step, "transferring");
    assert.deepEqual(await refusals(api), ["a ANSWER_OF_ANOTHER_KIND 1"]);
  });

  test("that is no target of a plan invents no restore point in it", async () => {
    const of = await world();
    const { api, plan } = of;
    const run = await ended(of);
    const before = [await known(api), await groupsOf(api)];
    const told = { groupId: run.groupId, sequence: run.sequence, takenAt: run.slot, volumeCount: 2, sizeBytes: 1 };
    const result = { kind: "reclaim", deleted: [], present: [run.groupId], groups: [told] };
    for (const id of ["reclaiming/c/0", "list/c/0/1", "list/c/1", "list/b/1/1", "tidy/c/0"]) {
      for (const [index, target] of [
        [0, siteC],
        [1, siteC],
        [1, siteB],
        [0, siteB],
      ] as const) {
        const task = taskIn(run, { id: `${run.id}/${id}`, step: "reclaiming", siteId: siteC, target, index });
        await report(api, task, { kind: "completed", result });
      }
    }
    assert.deepEqual([await known(api), await groupsOf(api)], before);
    assert.equal(
      (await groupsOf(api)).some(({ siteId }) => siteId === siteC),
      false,
    );
    assert.equal(plan.id, run.planId);
    assert.deepEqual((await refusals(api)).sort(), ["c TASK_OF_ANOTHER_SITE 10", "c TASK_UNKNOWN 10"]);
  });

  test("that became a target later has no restore points of runs that never went there", async () => {
    const of = await world();
    const { api, plan, begin } = of;
    const old = await ended(of);
    const targets = ["b", "c"].map((site) => ({ site, retention: { keepLast: 2 }, switches: { "vds-0": "ovs" } }));
    const { name, source } = plan as PlanAnswer;
    const objects = [
      { kind: "lun", name: "db" },
      { kind: "vm", id: "vm-web" },
    ];
    const put = await api.send("PUT", "/v1/plans/nightly", { name, source, objects, targets });
    assert.equal(put.status, 200);
    groupsOn(api, siteC).add(old.groupId);
    await begin();
    await workAt(api, [siteA, siteB, siteC]);
    const there = (await groupsOf(api)).filter(({ siteId, state }) => siteId === siteC && state === "published");
    assert.equal(there.length, 1);
    assert.notEqual(there[0]?.id, old.groupId);
  });

  test("deletes no record of a group that nobody told it to delete, and no list counts that nobody asked for", async () => {
    const of = await world();
    const { api } = of;
    const run = await ended(of);
    const before = [await known(api), await groupsOf(api)];
    const result = { kind: "reclaim", deleted: [run.groupId], present: [], groups: [] };
    for (const [index, siteId] of [
      [0, siteB],
      [1, siteA],
    ] as const) {
      for (const id of [`reclaiming/b/${index}`, `list/b/${index}/${run.sequence}`, `tidy/b/${index}`]) {
        const task = taskIn(run, { id: `${run.id}/${id}`, step: "reclaiming", siteId, index });
        await report(api, task, { kind: "completed", result });
      }
    }
    assert.deepEqual([await known(api), await groupsOf(api)], before);
    assert.deepEqual((await refusals(api)).sort(), ["a TASK_NOT_GIVEN 2", "b TASK_NOT_GIVEN 2"]);
  });

  test("says of a question once what it has, and deletes what it was told to and nothing else", async () => {
    const of = await world();
    const { api, begin } = of;
    const first = await ended(of);
    const late = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    await api.send("POST", `/v1/runs/${late.id}/cancel`);
    await complete(api, task);
    const [question] = takeTasks(api, siteA);
    assert(question?.kind === "reclaim");
    const lying = { ...resultOf(question, api.deps.clock.now(), groupsOn(api, siteA)), deleted: [first.groupId] };
    await report(api, question, { kind: "completed", result: lying });
    assert.deepEqual(await refusals(api), ["a ANSWER_OUT_OF_RANGE 1"]);
    await complete(api, question);
    const [tidy] = takeTasks(api, siteA);
    assert(tidy?.kind === "reclaim");
    assert.deepEqual(tidy.groupIds, [late.groupId]);
    await complete(api, tidy);
    const before = await known(api);
    await report(api, question, { kind: "completed", result: { kind: "reclaim", deleted: [], present: [] } });
    assert.deepEqual(await known(api), before);
    assert.deepEqual(
      (await groupsOf(api)).map(({ siteId, id }) => [siteId, id]),
      [
        [siteB, first.groupId],
        [siteA, first.groupId],
      ],
    );
  });

  test("raises a plan's number only by saying that its group is stale", async () => {
    const { api, begin } = await world();
    const run = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    const reason = { code: "LINK_BROKEN", message: "forged" };
    const failed = { kind: "failed", reason, retryable: true, progressed: false, newestSequence: 1_000 };
    await report(api, task, failed);
    const next = async () => {
      await api.send("POST", `/v1/runs/${run.id}/cancel`);
      api.pass(60);
      return (await begin()).sequence;
    };
    assert.equal(await next(), 2);
  });

  test("speaks of damage and of objects for itself alone", async () => {
    const of = await world();
    const { api } = of;
    const run = await ended(of);
    const before = [await groupsOf(api), (await listObjects(api.deps, siteA, {}, { limit: 10 })).items];
    const at = Date.parse(api.deps.clock.now());
    const damage = [{ groupId: run.groupId, object: { kind: "lun", id: "lun-db", name: "db" }, extents: 3 }];
    for (const part of toldBy({ siteId: siteC, at, objects: [] })) {
      await handleReport(api.deps, { ...part, gatewayId, damage });
    }
    assert.deepEqual([await groupsOf(api), (await listObjects(api.deps, siteA, {}, { limit: 10 })).items], before);
  });
});

describe("a gateway that was removed", () => {
  const remove = async (api: TestApi) =>
    assert.equal((await api.send("DELETE", "/v1/sites/a/gateways/gw-1")).status, 200);
  const isAlive = (api: TestApi, siteId = "a") =>
    handleReport(api.deps, {
      kind: "alive",
      gateway: { id: gatewayId, siteId, endpoint: "127.0.0.1:1", tunnel: "envoy", version: "1", storage: "x" },
    });

  test("moves no run on, and its empty inventory hides nothing", async () => {
    const { api, begin } = await world();
    await isAlive(api);
    const run = await begin();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    await report(api, task, { kind: "working" });
    await remove(api);
    const before = await known(api);
    await complete(api, task);
    await report(api, task, { kind: "working" });
    const at = Date.parse(api.deps.clock.now()) + 1;
    for (const part of toldBy({ siteId: siteA, at, objects: [] })) await handleReport(api.deps, { ...part, gatewayId });
    await isAlive(api);
    assert.deepEqual(await known(api), before);
    assert.equal((await listObjects(api.deps, siteA, {}, { limit: 10 })).items.length, 2);
    assert.deepEqual(await refusals(api), ["a SENDER_REMOVED 4"]);
    assert.equal((await api.send<{ status: string }>("GET", `/v1/runs/${run.id}`)).body.status, "running");
  });

  test("by another process does not count five seconds later", async () => {
    const { api, begin } = await world();
    await isAlive(api);
    await begin();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    const other: TestApi = { ...api, deps: { ...api.deps, store: { ...api.deps.store } } };
    await report(other, task, { kind: "working" });
    await remove(api);
    api.pass(5);
    const before = await known(api);
    await complete(other, task);
    assert.deepEqual(await known(api), before);
  });

  test("does not count for a site that there is not", async () => {
    const { api } = await world();
    const before = await known(api);
    await isAlive(api, "nowhere");
    for (const part of toldBy({ siteId: siteIdSchema.parse("nowhere"), at: 1, objects: [objectNamed("x")] })) {
      await handleReport(api.deps, { ...part, gatewayId });
    }
    assert.deepEqual(await known(api), before);
    assert.deepEqual(await refusals(api), ["nowhere SENDER_SITE_UNKNOWN 2"]);
  });
});

describe("an honest site", () => {
  test("whose publication comes when its run is cancelled has its restore point, by what it says that it has", async () => {
    const of = await world();
    const { api, begin } = of;
    const run = await begin();
    let publish: RunTask | undefined;
    while (publish === undefined) {
      for (const task of [siteA, siteB].flatMap((site) => takeTasks(api, site))) {
        if (task.kind === "publish") publish = task;
        else await complete(api, task);
      }
    }
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    await complete(api, publish);
    assert.equal((await groupsOf(api)).filter(({ siteId }) => siteId === siteB).length, 0);
    await workAt(api, [siteA, siteB]);
    assert.deepEqual(
      (await groupsOf(api)).filter(({ siteId }) => siteId === siteB).map(({ id, state }) => [id, state]),
      [[run.groupId, "published"]],
    );
  });

  test("that answers twice is nothing to tell of", async () => {
    const { api, begin } = await world();
    await begin();
    const [task] = takeTasks(api, siteA);
    assert(task !== undefined);
    await complete(api, task);
    const before = await known(api);
    await complete(api, task);
    assert.deepEqual(await known(api), before);
    assert.deepEqual(await refusals(api), []);
  });
});
