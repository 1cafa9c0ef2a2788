import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Run, Shard, Step } from "../../core/api/run.ts";
import type { PublishTask, TransferTask } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, objectNamed, siteA, siteB, type TestApi } from "../api/testing.ts";
import { complete, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import { shardKey } from "../documents/records.ts";
import { handleSweep } from "../sweep.ts";
import { look } from "./testing-kinds.ts";

/*
 * Runs that were begun by a version that knew objects of one volume each: it has not counted what
 * was snapshotted, and told no mapping.
 */

const start = async (api: TestApi) => (await api.send<Run>("POST", "/v1/plans/nightly/run")).body;

const stepOf = async (api: TestApi, run: Run) => (await look(api, run)).targets[0]?.step;

/** Until the run's part has come to a step, whose tasks are not done. */
const workUntil = async (api: TestApi, run: Run, step: Step): Promise<void> => {
  while ((await stepOf(api, run)) !== step) {
    const [task, ...others] = [siteA, siteB].flatMap((site) => takeTasks(api, site));
    assert.ok(task);
    for (const each of [task, ...others]) await complete(api, each);
  }
};

/** Takes away what the version before did not write. */
const asBefore = async (api: TestApi, { id }: Run): Promise<void> => {
  const { store } = api.deps;
  const { partition } = shardKey(id, siteA, "snapshotting", 0);
  const { items } = await store.query<object>({ partition, limit: 500 });
  const isNew = (sort: string) => ["MAPPING#", "VOLUMES#", "WARNING#"].some((prefix) => sort.startsWith(prefix));
  await store.deleteAll(items.map(({ key }) => key).filter(({ sort }) => isNew(sort)));
  for (const { key, version, body, dueAt } of items.filter((item) => item.key.sort.startsWith("SHARD#"))) {
    const { pool: _, volumePages: __, warned: ___, taken, ...shard } = body as Shard;
    const { objects: ____, volumes: _____, volumePages: ______, ...sizes } = taken ?? {};
    const before = { ...shard, ...(taken && { taken: sizes }) };
    await store.commit([{ type: "put", key, body: before, expect: { version }, ...(dueAt && { dueAt }) }]);
  }
};

/** Whatever was sent is lost, and is sent again; all of it is done. @returns what was done */
const finish = async (api: TestApi) => {
  const done: (TransferTask | PublishTask)[] = [];
  for (let minute = 0; minute < 30; minute += 1) {
    api.pass(60);
    await handleSweep(api.deps);
    for (let some = takeAll(api); some.length > 0; some = takeAll(api)) {
      for (const task of some) {
        if (task.kind === "transfer" || task.kind === "publish") done.push(task);
        await complete(api, task);
      }
    }
  }
  return done;
};
const takeAll = (api: TestApi) => [siteA, siteB].flatMap((site) => takeTasks(api, site));

describe("a run that was under way when its control plane was updated", () => {
  for (const step of ["snapshotting", "preparing", "transferring", "publishing", "reclaiming"] as const) {
    test(`goes on from ${step}, and the next one is measured against it`, async () => {
      const api = await createTestApi();
      await createNightlyPlan(api, { schedule: undefined });
      const run = await start(api);
      await workUntil(api, run, step);
      await asBefore(api, run);
      takeAll(api);
      const done = await finish(api);
      const answer = await look(api, run);
      assert.deepEqual([answer.status, answer.targets[0]?.progress.objectsDone], ["succeeded", 2]);
      const publish = done.find((task) => task.kind === "publish");
      if (publish !== undefined) assert.equal(publish.kind === "publish" && publish.manifest.objects.length, 2);
      api.pass(60);
      const next = await start(api);
      const transfers = (await finish(api)).filter((task) => task.kind === "transfer");
      assert.deepEqual(
        transfers.map(({ baseGroupId, volumes: [volume, ...others] }) => [
          ...[baseGroupId, others.length],
          volume !== undefined && "snapshotId" in volume && volume.baseSnapshotId !== null,
        ]),
        [
          [run.groupId, 0, true],
          [run.groupId, 0, true],
        ],
      );
      assert.equal((await look(api, next)).status, "succeeded");
    });
  }

  test("goes on though a part of its snapshot's answer was taken in before, and the other afterwards", async () => {
    const api = await createTestApi();
    await createNightlyPlan(api, { schedule: undefined });
    const run = await start(api);
    const [task] = takeTasks(api, siteA);
    assert.ok(task);
    const said = (name: string, number: number) => {
      const objects = [{ config: objectNamed(name), snapshotIds: [`s-${name}`] }];
      const result = { kind: "snapshot", takenAt: api.deps.clock.now(), from: number, objects };
      return report(api, task, { kind: "completed", result, part: { number, of: 2 } });
    };
    await said("db", 0);
    await asBefore(api, run);
    await said("web", 1);
    await workAt(api, [siteA, siteB]);
    const { status, targets } = await look(api, run);
    assert.deepEqual([status, targets[0]?.progress.objectsTotal], ["succeeded", 2]);
  });
});
