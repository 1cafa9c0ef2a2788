import { type PlanId, planIdOf, type RunId, type SiteId } from "../../core/api/ids.ts";
import type { PlanObject } from "../../core/api/plan.ts";
import type { Shard } from "../../core/api/run.ts";
import type { GoneObject } from "../../core/api/task.ts";
import { targetsOf } from "../../core/plan/place.ts";
import type { Change, Stored } from "../../core/ports/store.ts";
import { type GoneRecord, goneAgain, isNamed, keptUntil } from "../../core/retention/gone.ts";
import { isOfOrder } from "../../core/retention/order.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { ignoringConflict } from "../documents/conflicts.ts";
import { readRange } from "../documents/ranges.ts";
import { goneKey, gonePrefix, planKey } from "../documents/records.ts";
import { type StoredPlan, wholePlan } from "../plans/plan-objects.ts";
import type { Deps } from "../ports/deps.ts";
import { putOnce } from "../runs/put-once.ts";
import { nameOf, namesIn } from "./gone-copies.ts";
import { readGroups } from "./groups.ts";

/**
 * A record as the engine writes it: with the number of the run that was the
 * first without the object.
 */
type Written = GoneRecord & { readonly sequence: number };

/**
 * So many restore points are looked through for the newest that has an object, where
 * the source can't tell.
 */
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
  const found = await lastSequences(deps, planId, await unknownOf(deps, planId, gone));
  await mapBounded(gone, atOnce, async (object) => {
    const key = goneKey(planId, object.kind, object.id);
    const { kind, id, name, named, lastSequence = found.get(nameOf(object)) } = object;
    const known = lastSequence !== undefined && { lastSequence };
    const body: Written = { kind, id, name, named, since, sequence, ...known };
    if (!(await putOnce(deps, { key, body }))) await noteAgain(deps, await deps.store.get(key), body);
  });
};

/** Those of which neither the source knows a group, nor a run before has looked for one. */
const unknownOf = async (deps: Deps, planId: PlanId, gone: readonly GoneObject[]): Promise<readonly GoneObject[]> => {
  const untold = gone.filter(({ lastSequence }) => lastSequence === undefined);
  const stored = await mapBounded(untold, atOnce, ({ kind, id }) => deps.store.get(goneKey(planId, kind, id)));
  return untold.filter((_, index) => stored[index] === undefined);
};

const atOnce = 16;

/** What had come back and is gone again; and what had come by a rule, and is named since. */
const noteAgain = async ({ store }: Deps, stored: Stored<Written> | undefined, told: Written): Promise<void> => {
  if (stored === undefined) return;
  const { key, body, version } = stored;
  const isAgain = body.backIn !== undefined && body.backIn < told.sequence;
  if (!isAgain && (body.named || !told.named)) return;
  const after = isAgain ? { ...goneAgain(body, told), sequence: told.sequence } : { ...body, named: true };
  await store.commit([{ type: "put", key, body: after, expect: { version } }]);
};

/**
 * By the plan's restore points, newest first: the source has no group any more of
 * which it could tell.
 */
const lastSequences = async (
  deps: Deps,
  planId: PlanId,
  objects: readonly PlanObject[],
): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>();
  if (objects.length === 0) return found;
  const wanted = new Set(objects.map(nameOf));
  const groups = (await readGroups(deps, planId)).map(({ body }) => body);
  const there = groups.filter((group) => isOfOrder(group) || group.state === "lost");
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

/**
 * A run's snapshot is taken: what it has is not gone any more, and what nobody wants kept
 * is forgotten. What is back is remembered until every site has a copy of it again: it may
 * be gone before that.
 */
export const settleGone = async (deps: Deps, { sequence }: Pick<Shard, "sequence">, runId: RunId): Promise<void> => {
  const planId = planIdOf(runId);
  const { partition } = planKey(planId);
  const before: Stored<Written>[] = [];
  for await (const stored of readRange<Written>(deps, { partition, sort: gonePrefix })) {
    // What is told by this run, or by a newer one, it knows nothing better of.
    if (stored.body.sequence < sequence) before.push(stored);
  }
  if (before.length === 0) return;
  const wanted = new Set(await stillWanted(deps, planId, before));
  const names = new Set([...wanted].map(({ body }) => nameOf(body)));
  const back = names.size === 0 ? names : await namesIn(deps, runId, names);
  const copiedIn = await newestEverywhere(deps, planId, before);
  const settled = before.filter(({ body }) => back.has(nameOf(body)) || !names.has(nameOf(body)));
  await mapBounded(settled, atOnce, async (stored) => {
    const { key, version, body } = stored;
    const { backIn = sequence, lastSequence } = body;
    const isUseless = !wanted.has(stored) || lastSequence === undefined || backIn <= copiedIn;
    if (!isUseless && body.backIn !== undefined) return;
    const change: Change = isUseless
      ? { type: "delete", key, expect: { version } }
      : { type: "put", key, body: { ...body, backIn }, expect: { version } };
    await ignoringConflict(() => deps.store.commit([change]));
  });
};

/**
 * The newest run of which, or of a newer one, each site that is to have the plan's
 * groups has a good one.
 */
const newestEverywhere = async (deps: Deps, planId: PlanId, records: readonly Stored<Written>[]): Promise<number> => {
  if (records.every(({ body }) => body.backIn === undefined)) return 0;
  const plan = await deps.store.get<StoredPlan>(planKey(planId));
  if (plan === undefined) return Number.POSITIVE_INFINITY;
  const sites = targetsOf(plan.body);
  const good = (await readGroups(deps, planId))
    .map(({ body }) => body)
    .filter((group) => isOfOrder(group) && !group.ofFailedRun);
  const newestAt = (site: SiteId) =>
    Math.max(0, ...good.flatMap((group) => (group.siteId === site ? group.sequence : [])));
  return Math.min(...sites.map(newestAt));
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
