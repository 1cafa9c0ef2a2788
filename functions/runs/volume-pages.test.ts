import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema, planIdSchema, runIdOf } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { createTestApi, objectNamed, siteA, siteB, vmNamed } from "../api/testing.ts";
import { report, takeTasks } from "../api/testing-gateway.ts";
import { begin, sizeBytes, snapshotOf, workUntil } from "../engine/testing-kinds.ts";
import { putFacts } from "./facts.ts";
import { readObjectOf, readOwnVolumes } from "./volume-pages.ts";

const geometry = { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 };
const takenAt = instantSchema.parse("2026-03-01T01:00:00.000Z");
const runId = runIdOf(planIdSchema.parse("plan_00000000000000000000000001"), takenAt);
const about = { runId, target: siteB, step: "snapshotting", index: 0 } as const;

const vmOf = (name: string, count: number): ObjectConfig =>
  vmNamed(name, {
    volumes: Array.from({ length: count }, (_, disk) => ({ id: `${name}-${disk}`, sizeBytes, geometry })),
  });
const configs = [vmOf("db", 3), objectNamed("one"), objectNamed("two"), vmOf("web", 2)];
const ownOf = [3, 1, 1, 2];
const objects = configs.map((config) => ({ config, snapshotIds: config.volumes.map(({ id }) => `s-${id}`) }));

const whole: TaskResultOf<"snapshot"> = { kind: "snapshot", takenAt, from: 0, fromVolume: 0, objects };
const parts = objects.map((object, number) => {
  const fromVolume = ownOf.slice(0, number).reduce((sum, count) => sum + count, 0);
  return { part: { number, of: objects.length }, result: { ...whole, from: number, fromVolume, objects: [object] } };
});

describe("which object a volume is sent for", () => {
  test("is told by the pages of one answer, whichever parts came of one that was cut otherwise", async () => {
    const { deps } = await createTestApi();
    for (const { part, result } of parts.slice(0, 3)) await putFacts(deps, { ...about, part }, result);
    await putFacts(deps, about, whole);
    const told = await Promise.all([0, 1, 2, 3, 4, 5, 6].map((volume) => readObjectOf(deps, runId, volume, 1)));
    assert.deepEqual(told, [0, 0, 0, 1, 2, 3, 3]);
    const own = await readOwnVolumes(deps, runId, 1);
    assert.deepEqual(
      [...own.values()].map(({ count }) => count),
      ownOf,
    );
  });

  test("is known to a run whose source told a part of one answer, and then the whole of another", async () => {
    const { api } = await begin();
    const [task] = takeTasks(api, siteA);
    assert.ok(task?.kind === "snapshot");
    const [db, vm, loose] = snapshotOf(api).objects;
    assert.ok(db !== undefined && vm !== undefined && loose !== undefined);
    const head = { kind: "snapshot", takenAt: api.deps.clock.now(), from: 0, fromVolume: 0 } as const;
    const first = { ...head, objects: [vm] };
    await report(api, task, { kind: "completed", result: first, part: { number: 0, of: 3 } });
    await report(api, task, { kind: "completed", result: { ...head, objects: [vm, db, loose] } });
    const transfers = await workUntil(api, [siteA, siteB], "transfer");
    const sent = transfers.flatMap((one) => (one.kind === "transfer" ? one.volumes : []));
    assert.deepEqual(
      sent.map((volume) => "snapshotId" in volume && volume.snapshotId),
      ["s-web", "s-web-1", "s-db"],
    );
  });
});
