import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { GroupAnswer } from "../../core/api/answers.ts";
import type { Run } from "../../core/api/run.ts";
import type { RunTask, TaskResult } from "../../core/api/task.ts";
import { createNightlyPlan, createTestApi, objectNamed, siteA, siteB, type TestApi } from "../api/testing.ts";
import { report, resultOf, takeTasks } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";

const largest = Number.MAX_SAFE_INTEGER;
const TiB = 1024 ** 4;

/** As much as a number of the protocol can say. */
const progress = {
  ...{ phase: "done", extentsTotal: largest, extentsDone: largest, extentsUnchanged: largest, extentsHole: 0 },
  ...{ bytesTotal: largest, bytesRead: largest, bytesChanged: largest, bytesSent: largest },
  ...{ bytesToDo: largest, bytesDone: largest },
};

/** Volumes of the largest shape, whose sizes are 2^54 bytes together. */
const volumes = (name: string) =>
  Array.from({ length: 256 }, (_, number) => ({
    id: `${name}-${number}`,
    sizeBytes: 64 * TiB,
    geometry: { extentBytes: 256 * 1024 ** 2, stripeCount: 4, stripeBytes: 256 * 1024 },
  }));

const largeSnapshot = (api: TestApi): object => ({
  ...{ kind: "snapshot", takenAt: api.deps.clock.now(), from: 0 },
  objects: ["db", "web"].map((name) => {
    const config = { ...objectNamed(name), kind: "volume", lun: undefined, volumes: volumes(name) };
    return { config, snapshotIds: config.volumes.map(({ id }) => `s-${id}`) };
  }),
});

/** A run whose source says what it wants, until nothing is to be done any more. */
const runWith = async (said: (api: TestApi, task: RunTask, honest: TaskResult) => object) => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
  const work = async (): Promise<void> => {
    const tasks = [siteA, siteB].flatMap((site) => takeTasks(api, site));
    for (const task of tasks) {
      const result = said(api, task, resultOf(task, api.deps.clock.now(), [run.groupId]));
      await report(api, task, { kind: "completed", result });
    }
    if (tasks.length > 0) await work();
  };
  await work();
  return { api, run };
};

/** DynamoDB's client throws for integers that are not exact, and DynamoDB for others. */
const numbersIn = (value: unknown): readonly number[] => {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
};

const isSoundAndListed = async ({ api, run }: { readonly api: TestApi; readonly run: Run }): Promise<void> => {
  const { items, unreadable } = (await api.send<Page<{ run?: Run }>>("GET", "/v1/runs")).body;
  assert.deepEqual([items.map((item) => item.run?.id), unreadable], [[run.id], undefined]);
  assert.equal(items[0]?.run?.targets[siteB]?.state, "succeeded");
  const groups = (await api.send<Page<GroupAnswer>>("GET", "/v1/plans/nightly/groups")).body.items;
  assert.deepEqual(groups.map(({ siteId }) => siteId).toSorted(), [siteA, siteB]);
  const stored = numbersIn(JSON.parse(await api.dump()));
  assert.ok(stored.length > 100);
  assert.deepEqual(
    stored.filter((number) => Number.isInteger(number) && !Number.isSafeInteger(number)),
    [],
  );
  const { status, body } = await api.send("GET", `/v1/runs/${run.id}`);
  assert.equal(status, 200);
  assert.ok(numbersIn(body).every(Number.isSafeInteger));
};

describe("a site that names the largest numbers that there are", () => {
  test("of each volume's progress hides neither the run nor its restore point, and the run ends", async () => {
    await isSoundAndListed(
      await runWith((_, task, honest) => (task.kind === "transfer" ? { kind: "transfer", progress } : honest)),
    );
  });

  test("of the volumes' sizes hides neither the run nor its restore point, and the run ends", async () => {
    await isSoundAndListed(
      await runWith((api, task, honest) => (task.kind === "snapshot" ? largeSnapshot(api) : honest)),
    );
  });

  test("of a rate, or the smallest, has told no rate, and all else of the report counts", async () => {
    for (const rate of [1e300, 1e-300, largest + 1]) {
      const api = await createTestApi();
      await createNightlyPlan(api);
      const { body: run } = await api.send<Run>("POST", "/v1/plans/nightly/run");
      const [task] = takeTasks(api, siteA);
      assert.ok(task !== undefined);
      const told = { doneBytesPerSecond: rate, sentBytesPerSecond: 1 };
      await report(api, task, { kind: "working", progress: { ...progress, rate: told } });
      const stored = JSON.parse(await api.dump());
      assert.ok(numbersIn(stored).includes(largest));
      assert.ok(!numbersIn(stored).includes(rate));
      assert.equal((await api.send("GET", `/v1/runs/${run.id}`)).status, 200);
    }
  });
});
