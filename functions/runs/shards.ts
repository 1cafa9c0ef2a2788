import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Shard, Step } from "../../core/api/run.ts";
import type { Stored } from "../../core/ports/store.ts";
import { shardKey, shardPrefix } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** Which shard of a run. */
export interface ShardId {
  readonly runId: RunId;
  readonly place: SiteId;
  readonly step: Step;
  readonly shard: number;
}

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
