import assert from "node:assert/strict";
import { type RunId, siteIdSchema } from "../../core/api/ids.ts";
import type { Run, RunPlan, Shard, TargetRun } from "../../core/api/run.ts";
import type { Key, Stored } from "../../core/ports/store.ts";
import { isFinished, shardOf } from "../../core/run/shards.ts";
import { partsOf, placeOf, taskCount } from "../../core/run/steps.ts";
import { createNightlyPlan, createTestApi, nightly, siteA, siteB } from "../api/testing.ts";
import { outboxKey, runKey, runPlanKey } from "../documents/records.ts";
import { keyText } from "../documents/store-rules.ts";
import { readRunObjects } from "../runs/run-objects.ts";
import { needRun } from "../runs/runs.ts";
import { readShards } from "../runs/shards.ts";

export const siteC = siteIdSchema.parse("c");
export const sites = [siteA, siteB, siteC];

/**
 * An API whose store tells of some documents that they are of the form 1, until
 * they are written again.
 */
export const createOldApi = async () => {
  const api = await createTestApi();
  const old = new Map<string, number>();
  const told = <T>(stored: Stored<T>): Stored<T> =>
    old.get(keyText(stored.key)) === stored.version ? { ...stored, format: 1 } : stored;
  const { get, query } = api.deps.store;
  api.deps.store.get = async <T>(key: Key) => {
    const stored = await get<T>(key);
    return stored && told(stored);
  };
  api.deps.store.query = async <T>(options: Parameters<typeof query>[0]) => {
    const page = await query<T>(options);
    return { ...page, items: page.items.map(told) };
  };
  await api.send("POST", "/v1/sites", { id: "c", multiCluster: "main" });
  const targets = ["b", "c"].map((site) => ({ ...nightly.targets[0], site }));
  const { body: plan } = await createNightlyPlan(api, { targets });
  return { ...api, old, plan };
};
export type OldApi = Awaited<ReturnType<typeof createOldApi>>;

/** A part as it was kept, with all of its step's tasks. */
const partOfBefore = (run: Run, part: TargetRun, shards: readonly Shard[]) => {
  const { endedIn: _, unsettled: __, ...rest } = part;
  const open = shards.filter((shard) => !isFinished(shard));
  const isPending = (index: number) => open.some((shard) => shard.shard === shardOf(index) && shard.index < index);
  const count = part.step === null ? 0 : taskCount(run, part.step);
  const isWaiting = open.length > 0 && open.every(({ waiting }) => waiting);
  return {
    ...rest,
    state: isWaiting ? ("waiting" as const) : part.state,
    pending: Array.from({ length: count }, (_, index) => index).filter(isPending),
    inFlight: open.map(({ index, attempt, failures, waiting = false, listed }) => ({
      ...{ index, attempt, failures, waiting },
      ...(listed && { listed }),
    })),
    silence: 0,
    deadline: open[0]?.deadline ?? null,
    reason: part.reason ?? open[0]?.reason ?? null,
  };
};

/** Puts a run back into the form that it had: one document for all of it. */
export const putBack = async (api: OldApi, runId: RunId): Promise<void> => {
  const { store } = api.deps;
  const { run, head, parts } = await needRun(api.deps, runId);
  const targets: Record<string, ReturnType<typeof partOfBefore>> = {};
  for (const [site, part] of partsOf(run)) {
    const shards =
      part.step === null ? [] : await readShards(api.deps, runId, placeOf(run, site, part.step), part.step);
    targets[site] = partOfBefore(
      run,
      part,
      shards.map(({ body }) => body),
    );
  }
  const told = (await store.get<RunPlan>(runPlanKey(runId))) ?? assert.fail("the run was told what to do");
  const { objectSet: _, ...rest } = told.body;
  await store.putAll([{ key: told.key, body: { ...rest, objects: await readRunObjects(api.deps, told.body) } }]);
  const { items } = await store.query<object>({ partition: told.key.partition, limit: 500 });
  const news = items.filter(({ key: { sort } }) => sort.startsWith("SHARD#") || sort.startsWith("OBJECTS#"));
  await store.deleteAll([...news, ...parts.values()].map(({ key }) => key));
  const [dueAt] = Object.values(targets)
    .flatMap(({ deadline }) => deadline ?? [])
    .sort();
  const { key, version } = head;
  await store.commit([
    { type: "put", key, body: { ...head.body, targets }, expect: { version }, ...(dueAt && { dueAt }) },
  ]);
  api.old.set(keyText(key), version + 1);
};

/** Leaves effects of a run behind that nobody has carried out. */
export const leaveEffects = (api: OldApi, runId: RunId, effects: readonly object[]) => {
  const body = { effects: { of: "run", runId, effects }, failures: 0 };
  const key = outboxKey(runKey(runId), 7);
  const dueAt = api.deps.clock.now();
  return api.deps.store.commit([{ type: "put", key, body, expect: "absent", dueAt }]);
};
