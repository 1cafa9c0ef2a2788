import type { Group } from "../../core/api/group.ts";
import { type Instant, type PlanId, planIdOf, type RunId } from "../../core/api/ids.ts";
import { isRule, type Plan, type PlanObject } from "../../core/api/plan.ts";
import type { Shard } from "../../core/api/run.ts";
import type { GoneObject } from "../../core/api/task.ts";
import type { Stored } from "../../core/ports/store.ts";
import { goneKeptUntil } from "../../core/retention/gone.ts";
import type { Gone } from "../../core/retention/retention.ts";
import type { Deps } from "../deps.ts";
import { type StoredPlan, wholePlan } from "../plan-objects.ts";
import { readRange } from "../ranges.ts";
import { goneKey, gonePrefix, planKey } from "../records.ts";
import { nameOf, namesIn, withCopies } from "./gone-copies.ts";
import { ignoringConflict, readGroups } from "./groups.ts";
import { putOnce } from "./put-once.ts";

/** An object of a plan that its source has not any more. It is written when that is told first. */
export interface GoneRecord extends PlanObject {
  /** The plan names it; else it came by a rule. */
  readonly named: boolean;
  /** The instant of the first run without it. */
  readonly since: Instant;
  /** That run's number. */
  readonly sequence: number;
  /** The number of the newest run that has it. Absent: none is known to. */
  readonly lastSequence?: number;
}

/** So many restore points are looked through for the newest that has an object, where the source can't tell. */
const lookedThroughMax = 50;

const keptUntil = ({ named, since }: GoneRecord): Instant | undefined => (named ? undefined : goneKeptUntil(since));

/** Writes down what a snapshot says is gone. */
export const noteGone = async (
  deps: Deps,
  { runId, sequence }: { readonly runId: RunId; readonly sequence: number },
  gone: readonly GoneObject[],
): Promise<void> => {
  if (gone.length === 0) return;
  const planId = planIdOf(runId);
  const since = deps.clock.now();
  const found = await lastSequences(
    deps,
    planId,
    gone.filter(({ lastSequence }) => lastSequence === undefined),
  );
  for (const object of gone) {
    const key = goneKey(planId, object.kind, object.id);
    const { kind, id, name, named, lastSequence = found.get(nameOf(object)) } = object;
    const known = lastSequence !== undefined && { lastSequence };
    const body: GoneRecord = { kind, id, name, named, since, sequence, ...known };
    if (!(await putOnce(deps, { key, body })) && named) await nowNamed(deps, await deps.store.get(key));
  }
};

/** What had come by a rule, and is named since. */
const nowNamed = async ({ store }: Deps, stored: Stored<GoneRecord> | undefined): Promise<void> => {
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
  const runs = new Map(
    (await readGroups(deps, planId))
      .filter(({ body }) => body.state === "published" || body.state === "lost")
      .map(({ body }) => [body.sequence, body.runId] as const),
  );
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

const readRecords = async (deps: Deps, planId: PlanId): Promise<readonly Stored<GoneRecord>[]> => {
  const records: Stored<GoneRecord>[] = [];
  const { partition } = planKey(planId);
  for await (const stored of readRange<GoneRecord>(deps, { partition, sort: gonePrefix })) records.push(stored);
  return records;
};

/** A run's snapshot is taken: what it has is not gone any more, and what nobody wants kept is forgotten. */
export const settleGone = async (deps: Deps, { sequence }: Pick<Shard, "sequence">, runId: RunId): Promise<void> => {
  const planId = planIdOf(runId);
  // What is told by this run, or by a newer one, it knows nothing better of.
  const before = (await readRecords(deps, planId)).filter(({ body }) => body.sequence < sequence);
  if (before.length === 0) return;
  const wanted = await stillWanted(deps, planId, before);
  const gone = new Set(wanted.map(({ body }) => nameOf(body)));
  const back = gone.size === 0 ? gone : await namesIn(deps, runId, gone);
  for (const { key, version } of before.filter(({ body }) => back.has(nameOf(body)) || !gone.has(nameOf(body)))) {
    await ignoringConflict(() => deps.store.commit([{ type: "delete", key, expect: { version } }]));
  }
};

/** Those that the plan names, or that are not gone for so long yet. */
const stillWanted = async (
  deps: Deps,
  planId: PlanId,
  records: readonly Stored<GoneRecord>[],
): Promise<readonly Stored<GoneRecord>[]> => {
  const now = deps.clock.now();
  const isNamed = await namedIn(deps, planId, records);
  return records.filter(({ body }) => (body.named ? isNamed(body) : (keptUntil(body) ?? now) > now));
};

const namedIn = async (deps: Deps, planId: PlanId, records: readonly Stored<GoneRecord>[]) => {
  if (!records.some(({ body }) => body.named)) return () => false;
  const stored = await deps.store.get<StoredPlan>(planKey(planId));
  const { objects } = stored === undefined ? { objects: [] } : await wholePlan(deps, stored.body);
  const names = new Set(objects.flatMap((entry) => (isRule(entry) ? [] : [nameOf(entry)])));
  return (object: PlanObject): boolean => names.has(nameOf(object));
};

/**
 * Of which of a plan's objects, that are gone, a restore point is kept at a site, and which.
 * @param here the site's groups
 */
export const readGone = async (
  deps: Deps,
  { id }: Pick<Plan, "id">,
  here: readonly Group[],
): Promise<readonly Gone[]> => {
  const records = await readRecords(deps, id);
  if (records.length === 0) return [];
  const gone = (await stillWanted(deps, id, records)).flatMap(({ body }): readonly Gone[] => {
    const { kind, id: objectId, name, lastSequence } = body;
    const until = keptUntil(body);
    return lastSequence === undefined ? [] : [{ kind, id: objectId, name, lastSequence, ...(until && { until }) }];
  });
  return withCopies(deps, gone, here);
};
