import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry, RunAnswer, RunObject } from "../../core/api/answers.ts";
import { gatewayIdSchema, instantSchema, runIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { Page } from "../documents/page.ts";
import { putInventoryPart } from "../inventory/inventory.ts";
import { createTestApi, nightly, objectNamed, siteA, siteB, type TestApi } from "./testing.ts";
import { complete, progressOf, report, takeTasks, workAt } from "./testing-gateway.ts";

/** More than the shards of a step are. */
const objectCount = 12;
const nameOf = (index: number) => `lun${index.toString().padStart(2, "0")}`;
const names = Array.from({ length: objectCount }, (_, index) => nameOf(index));
const sizeBytes = 1024 ** 3;

const started = async () => {
  const api = await createTestApi();
  for (const id of [siteA, siteB]) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  await putInventoryPart(api.deps, {
    kind: "inventory",
    siteId: siteA,
    gatewayId: gatewayIdSchema.parse("gw-1"),
    ...{ generation: 1, part: 0, parts: 1, observedAt: api.deps.clock.now() },
    objects: names.map((name) => objectNamed(name)),
  });
  const objects = names.map((name) => ({ kind: "lun", name }));
  const { body: plan } = await api.send<Plan>("POST", "/v1/plans", { ...nightly, objects });
  const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  return { api, plan, run };
};

const page = (api: TestApi, { id }: Pick<Run, "id">, query = "?target=b") =>
  api.send<Page<RunObject>>("GET", `/v1/runs/${id}/objects${query}`);
const objectsOf = async (api: TestApi, run: Pick<Run, "id">) => (await page(api, run)).body.items;
const phases = async (api: TestApi, run: Pick<Run, "id">) =>
  (await objectsOf(api, run)).map(({ progress: { phase } }) => phase);

/** Until the transfers are given out, which are taken. */
const transfers = async (api: TestApi) => {
  for (const task of takeTasks(api, siteA)) await complete(api, task);
  for (let tasks = takeTasks(api, siteB); tasks.length > 0; tasks = takeTasks(api, siteB)) {
    for (const task of tasks) await complete(api, task);
  }
  return takeTasks(api, siteA);
};

describe("a run's objects", () => {
  for (const limit of [1, 5, 11, 12, 100]) {
    test(`come in pages of ${limit}, in the plan's order, each once`, async () => {
      const { api, run } = await started();
      const seen: RunObject[] = [];
      let cursor: string | undefined;
      do {
        const more = cursor === undefined ? "" : `&cursor=${cursor}`;
        const { status, body } = await page(api, run, `?target=b&limit=${limit}${more}`);
        assert.equal(status, 200);
        assert.ok(body.items.length > 0 && body.items.length <= limit);
        seen.push(...body.items);
        assert.ok(seen.length <= objectCount);
        cursor = body.cursor;
      } while (cursor !== undefined);
      assert.deepEqual(
        seen.map(({ index, kind, id, name }) => [index, kind, id, name]),
        names.map((name, index) => [index, "lun", `lun-${name}`, name]),
      );
    });
  }

  test("have nothing ahead before the snapshot is taken, and their whole size afterwards", async () => {
    const { api, run } = await started();
    const ahead = async () =>
      (await objectsOf(api, run)).map(({ progress: { phase, bytesTotal, extentsTotal, bytesSent } }) =>
        [phase, bytesTotal, extentsTotal, bytesSent].join(),
      );
    assert.deepEqual(new Set(await ahead()), new Set(["waiting,0,0,0"]));
    for (const task of takeTasks(api, siteA)) await complete(api, task);
    assert.deepEqual(new Set(await ahead()), new Set([`waiting,${sizeBytes},4,0`]));
  });

  test("are each as far as their own task, on whichever page they are", async () => {
    const { api, run } = await started();
    const tasks = await transfers(api);
    assert.equal(tasks.length, 8);
    api.pass(30);
    for (const task of tasks) {
      if (task.index === 1) await report(api, task, { kind: "working", progress: progressOf("sending", 100) });
      if (task.index === 0 || task.index === 2) await complete(api, task);
    }
    const [eighth, tenth] = takeTasks(api, siteA);
    assert.deepEqual([eighth?.index, tenth?.index], [8, 10]);
    assert.ok(eighth && tenth);
    api.pass(30);
    await report(api, eighth, { kind: "working", progress: progressOf("verifying", 500) });
    await complete(api, tenth);
    const all = (await objectsOf(api, run)).map(({ progress: { phase, bytesSent } }) => `${phase} ${bytesSent}`);
    const waiting = (count: number) => Array.from({ length: count }, () => "waiting 0");
    assert.deepEqual(all, [
      ...["done 1000", "sending 100", "done 1000", ...waiting(5)],
      ...["verifying 500", "waiting 0", "done 1000", "waiting 0"],
    ]);
    const { body } = await page(api, run, "?target=b&limit=3&cursor=8");
    assert.deepEqual(
      body.items.map(({ index, progress: { phase } }) => [index, phase]),
      [
        [8, "verifying"],
        [9, "waiting"],
        [10, "done"],
      ],
    );
  });

  test("are all done when the run is, and as far as they came when it is cancelled", async () => {
    const { api, run } = await started();
    await workAt(api, [siteA, siteB]);
    assert.deepEqual(new Set(await phases(api, run)), new Set(["done"]));
    api.pass(60);
    const { body: second } = await api.send<Run>("POST", "/v1/plans/nightly/run");
    const [first] = await transfers(api);
    assert.ok(first);
    await complete(api, first);
    await api.send("POST", `/v1/runs/${second.id}/cancel`);
    assert.deepEqual(await phases(api, second), ["done", ...Array.from({ length: 11 }, () => "waiting")]);
  });

  test("of a rebuild are those of its group, as far as each is built again", async () => {
    const { api, run: origin } = await started();
    await workAt(api, [siteA, siteB]);
    const wanted = { type: "rebuild", groupId: origin.groupId, siteId: "b", namePrefix: "again-" };
    const { status, body: rebuild } = await api.send<Run>("POST", "/v1/restores", wanted);
    assert.equal(status, 201);
    const tasks = takeTasks(api, siteB);
    assert.equal(tasks.length, 8);
    const [first, second] = tasks;
    assert.ok(first && second);
    api.pass(30);
    for (const task of [first, second])
      await report(api, task, { kind: "working", progress: progressOf("sending", 7) });
    await complete(api, first);
    const objects = await objectsOf(api, rebuild);
    assert.deepEqual(
      objects.map(({ name }) => name),
      names,
    );
    assert.deepEqual(
      objects.slice(0, 3).map(({ progress: { phase, bytesSent, bytesTotal } }) => [phase, bytesSent, bytesTotal]),
      [
        ["done", 7, sizeBytes],
        ["sending", 7, sizeBytes],
        ["waiting", 0, 0],
      ],
    );
  });
});

describe("a run in a list", () => {
  test("counts the objects that its snapshot has, and tells its targets by name", async () => {
    const { api, run } = await started();
    await api.send("POST", "/v1/sites", { id: "aa", multiCluster: "main" });
    const targets = ["b", "aa"].map((site) => ({ site, retention: { keepLast: 1 } }));
    const objects = [{ kind: "lun", match: "lun*" }];
    await api.send("PUT", "/v1/plans/nightly", { ...nightly, targets, objects });
    await api.send("POST", `/v1/runs/${run.id}/cancel`);
    takeTasks(api, siteA);
    api.pass(60);
    await api.send("POST", "/v1/plans/nightly/run");
    const newest = async () => {
      const { body } = await api.send<Page<HistoryEntry>>("GET", "/v1/plans/nightly/runs?limit=1");
      const [entry] = body.items;
      assert.ok(entry?.type === "run");
      return entry.run;
    };
    assert.deepEqual([(await newest()).objectCount, Object.keys((await newest()).targets)], [1, ["aa", "b"]]);
    for (const task of takeTasks(api, siteA)) {
      if (task.kind !== "snapshot") continue;
      const taken = names.map((name) => ({ config: objectNamed(name), snapshotIds: [`s-${name}`], because: 0 }));
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, objects: taken };
      await report(api, task, { kind: "completed", result });
    }
    const { id, objectCount: counted } = await newest();
    assert.equal(counted, objectCount);
    const { body } = await api.send<RunAnswer>("GET", `/v1/runs/${id}`);
    assert.deepEqual([body.objectCount, body.targets.map(({ site }) => site)], [objectCount, ["aa", "b"]]);
  });
});

describe("a run's objects are refused", () => {
  test("for a site that is none of its targets, which are named", async () => {
    const { api, run } = await started();
    for (const site of ["a", "nowhere"]) {
      const { status, body } = await api.send("GET", `/v1/runs/${run.id}/objects?target=${site}`);
      assert.deepEqual([status, body.error.code, body.error.hint], [404, "SITE_UNKNOWN", "Its targets are: b"], site);
    }
  });

  test("without a target, with a limit that is none, or a cursor that no page gave", async () => {
    const { api, run } = await started();
    const cursors = ["x", "-1", "1.5", "1e3", "0x1", "+1", "%201", "9999999", ""].map((cursor) => `&cursor=${cursor}`);
    const queries = [
      "",
      "?target=",
      "?target=B!",
      ...["&limit=0", "&limit=101", ...cursors].map((q) => `?target=b${q}`),
    ];
    for (const query of queries) {
      const { status, body } = await api.send("GET", `/v1/runs/${run.id}/objects${query}`);
      assert.deepEqual([status, body.error.code], [400, "BAD_REQUEST"], query);
    }
  });

  test("for a run that there is none of", async () => {
    const { api, plan } = await started();
    const id = runIdOf(plan.id, instantSchema.parse("2020-01-01T00:00:00.000Z"));
    const { status, body } = await api.send("GET", `/v1/runs/${id}/objects?target=b`);
    assert.deepEqual([status, body.error.code], [404, "RUN_UNKNOWN"]);
  });
});
