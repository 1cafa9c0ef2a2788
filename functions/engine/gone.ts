import { type PlanId, planIdOf, type RunId } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { Shard } from "../../core/api/run.ts";
import type { GoneObject } from "../../core/api/task.ts";
import type { Stored } from "../../core/ports/store.ts";
import { type GoneRecord, isNamed, keptUntil } from "../../core/retention/gone.ts";
import { mapBounded } from "../aws/map-bounded.ts";
import type { Deps } from "../deps.ts";
import { type StoredPlan, wholePlan } from "../plan-objects.ts";
import { readRange } from "../ranges.ts";
import { goneKey, gonePrefix, planKey } from "../records.ts";
import { nameOf, namesIn } from "./gone-copies.ts";
import { ignoringConflict, readGroups } from "./groups.ts";
import { putOnce } from "./put-once.ts";

/** A record as the engine writes it: with the number of the run that was the first without the object. */
type Written = GoneRecord & { readonly sequence: number };

/** So many restore points are looked through for the newest that has an object, where the source can't tell. */
const lookedThroughMax = 50;

/** Writes down what a snapshot says is gone. What is known to be gone already is so since then. */
export const noteGone = async (
  deps: Deps,
  { runId, sequence }: { readonly runId: RunId; readonly sequence: number },
  gone: readonly GoneObject[],
): Promise<void> => {
  if (gone.length === 0) return;
  const planId = planIdOf(runId);
  const since = deps.clock.now();
  const unknown = gone.filter(({ lastSequence }) => lastSequence === undefined);
  const found = await lastSequences(deps, planId, unknown);
  await mapBounded(gone, writesAtOnce, async (object) => {
    const key = goneKey(planId, object.kind, object.id);
    const { kind, id, name, named, lastSequence = found.get(nameOf(object)) } = object;
    const known = lastSequence !== undefined && { lastSequence };
    const body: Written = { kind, id, name, named, since, sequence, ...known };
    if (!(await putOnce(deps, { key, body })) && named) await nowNamed(deps, await deps.store.get(key));
  });
};

const writesAtOnce = 16;

/** What had come by a rule, and is named since. */
const nowNamed = async ({ store }: Deps, stored: Stored<Written> | undefined): Promise<void> => {
  if (stored === undefined || stored.body.named) return;
  const { key, body, version } = stored;
  await store.commit([{ type: "put", key, body: { ...body, named: true }, expect: { version } }]);
};

/** By the plan's restore points, newest first: the source has no group any more of which it could tell. */
const lastSequences = async (
  deps: Deps,
  planId: PlanId,
  objects: readonly PlanObject[],
): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>();
  if (objects.length === 0) return found;
  const wanted = new Set(objects.map(nameOf));
  const groups = (await readGroups(deps, planId)).map(({ body }) => body);
  const there = groups.filter(({ state }) => state === "published" || state === "lost");
  const runs = new Map(there.map(({ sequence, runId }) => [sequence, runId] as const));
  const newest = [...runs].sort(([one], [other]) => other - one).slice(0, lookedThroughMax);
  for (const [sequence, runId] of newest) {
    if (wanted.size === 0) break;
    for (const name of await namesIn(deps, runId, wanted)) {
      wanted.delete(name);
      found.set(name, sequence);
    }
  }
  return found;
};

/** A run's snapshot is taken: what it has is not gone any more, and what nobody wants kept is forgotten. */
export const settleGone = async (deps: Deps, { sequence }: Pick<Shard, "sequence">, runId: RunId): Promise<void> => {
  const planId = planIdOf(runId);
  const { partition } = planKey(planId);
  const before: Stored<Written>[] = [];
  for await (const stored of readRange<Written>(deps, { partition, sort: gonePrefix })) {
    // What is told by this run, or by a newer one, it knows nothing better of.
    if (stored.body.sequence < sequence) before.push(stored);
  }
  if (before.length === 0) return;
  const wanted = await stillWanted(deps, planId, before);
  const gone = new Set(wanted.map(({ body }) => nameOf(body)));
  const back = gone.size === 0 ? gone : await namesIn(deps, runId, gone);
  const over = before.filter(({ body }) => back.has(nameOf(body)) || !gone.has(nameOf(body)));
  await mapBounded(over, writesAtOnce, ({ key, version }) =>
    ignoringConflict(() => deps.store.commit([{ type: "delete", key, expect: { version } }])),
  );
};

/** Those that the plan names, or that are not gone for so long yet. */
const stillWanted = async (
  deps: Deps,
  planId: PlanId,
  records: readonly Stored<Written>[],
): Promise<readonly Stored<Written>[]> => {
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  const entries = stored === undefined ? [] : (await wholePlan(deps, stored.body)).objects;
  const now = deps.clock.now();
  return records.filter(({ body }) => isNamed(entries, body) || (!body.named && keptUntil(body) > now));
};
