import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema, planIdSchema, runIdOf, siteIdSchema } from "../../core/api/ids.ts";
import type { TaskResult } from "../../core/api/task.ts";
import { createTestApi, objectNamed, siteA, siteB } from "../api/testing.ts";
import { factKey } from "../documents/records.ts";
import { type PublishFact, putFacts, readFact, readFacts, type SnapshotFact } from "./facts.ts";

const at = (hour: number) => instantSchema.parse(`2026-03-01T0${hour}:00:00.000Z`);
const runId = runIdOf(planIdSchema.parse("plan_00000000000000000000000001"), at(1));
const count = 120;

const snapshotOf = (name: string, hour: number): TaskResult => ({
  kind: "snapshot",
  takenAt: at(hour),
  from: 0,
  objects: Array.from({ length: count }, (_, index) => ({
    config: objectNamed(`${name}-${index}`),
    snapshotIds: [`${name}-${index}`],
  })),
});
const snapshotting = { runId, target: siteB, step: "snapshotting", index: 0 } as const;
const read = (deps: Parameters<typeof readFacts>[0]) => readFacts<SnapshotFact>(deps, runId, "snapshotting", "source");

describe("what a task came to", () => {
  test("is what was said first, whatever a repeat says, and whichever target's", async () => {
    const { deps } = await createTestApi();
    await putFacts(deps, snapshotting, snapshotOf("first", 1));
    const facts = await read(deps);
    assert.equal(facts.length, count);
    await putFacts(deps, { ...snapshotting, target: siteIdSchema.parse("c") }, snapshotOf("second", 2));
    assert.deepEqual(await read(deps), facts);
    const publishing = { ...snapshotting, step: "publishing" } as const;
    await putFacts(deps, publishing, { kind: "publish", publishedAt: at(1), sizeBytes: 1 });
    await putFacts(deps, publishing, { kind: "publish", publishedAt: at(2), sizeBytes: 2 });
    const fact = await readFact<PublishFact>(deps, runId, "publishing", siteB, 0);
    assert.deepEqual(fact, { publishedAt: at(1), sizeBytes: 1 });
  });

  test("is written to its end after a death in the middle, and by two at the same time", async () => {
    const { deps } = await createTestApi();
    const written = { takenAt: at(1), config: objectNamed("first-7"), snapshotIds: ["first-7"] };
    const key = factKey(runId, "snapshotting", "source", 7);
    await deps.store.commit([{ type: "put", key, body: written, expect: "absent" }]);
    await Promise.all([1, 2, 3].map(() => putFacts(deps, snapshotting, snapshotOf("second", 2))));
    const facts = await read(deps);
    assert.equal(facts.length, count);
    assert.deepEqual(facts[7], written);
    assert.equal(facts[8]?.config.name, "second-8");
  });

  test("is nothing of what a site has, which changes", async () => {
    const { deps, dump } = await createTestApi();
    const before = await dump();
    const about = { ...snapshotting, step: "reclaiming", target: siteA } as const;
    await putFacts(deps, about, { kind: "reclaim", deleted: [], present: [], groups: [] });
    assert.equal(await dump(), before);
  });
});
