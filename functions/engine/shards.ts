import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Shard, Step } from "../../core/api/run.ts";
import { type Change, CommitConflict, type Stored } from "../../core/ports/store.ts";
import { defaultRunLimits } from "../../core/run/limits.ts";
import { shardKey, shardPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { dueBy } from "./due.ts";
import type { ShardId } from "./happenings.ts";

export const limitsOf = ({ limits = defaultRunLimits }: Deps) => limits;

/** What is done for several shards of a step is done for so many at once. */
export const shardsAtOnce = 8;

/** The shards of a step at one place; none before it has begun. */
export const readShards = async (
  { store }: Pick<Deps, "store">,
  runId: RunId,
  place: SiteId,
  step: Step,
): Promise<readonly Stored<Shard>[]> => {
  const { partition } = shardKey(runId, place, step, 0);
  const { items } = await store.query<Shard>({ partition, prefix: shardPrefix(place, step), limit: 100 });
  return items;
};

export const readShard = ({ store }: Pick<Deps, "store">, { runId, place, step, shard }: ShardId) =>
  store.get<Shard>(shardKey(runId, place, step, shard));

/** @returns whether it went through; false when somebody else was faster */
export const puts = async (deps: Deps, change: Change): Promise<boolean> => {
  try {
    await deps.store.commit([change]);
    return true;
  } catch (error) {
    if (error instanceof CommitConflict) return false;
    throw error;
  }
};

/** When the sweep has to look at a shard. */
export const dueOf = ({ clock }: Deps, { deadline }: Shard, before: Stored<Shard>["dueAt"]) =>
  deadline === null ? {} : { dueAt: dueBy(deadline, clock.now(), before) };
