import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { Run, Shard } from "../../core/api/run.ts";
import { isFinished } from "../../core/run/shards.ts";
import { placeOf } from "../../core/run/steps.ts";
import type { Deps } from "../deps.ts";
import { shardKey } from "../records.ts";
import { type PublishFact, readFact, readFacts, type SnapshotFact } from "./facts.ts";

export type Taken = NonNullable<Shard["taken"]>;

/** What a run's snapshot holds in all; undefined while not everything is known of it. */
export const readTaken = async (deps: Pick<Deps, "store">, run: Run): Promise<Taken | undefined> => {
  const place = placeOf(run, run.source, "snapshotting");
  const shard = await deps.store.get<Shard>(shardKey(run.id, place, "snapshotting", 0));
  if (shard !== undefined && isFinished(shard.body)) return shard.body.taken;
  return takenByFacts(deps, run);
};

/** Runs of an earlier version have nothing but the facts. */
const takenByFacts = async (deps: Pick<Deps, "store">, run: Run): Promise<Taken | undefined> => {
  const facts = await readFacts<SnapshotFact>(deps, run.id, "snapshotting", "source");
  const [first] = facts;
  if (first === undefined || facts.length < run.objectCount) return undefined;
  return takenOf(first.takenAt as Instant, facts);
};

/** The sum over some of a snapshot's objects. */
export const takenOf = (at: Instant, objects: readonly Pick<SnapshotFact, "config">[]): Taken => {
  const volumes = objects.flatMap(({ config }) => config.volumes);
  return {
    at,
    sizeBytes: volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    extents: volumes.reduce((sum, { sizeBytes, geometry }) => sum + Math.ceil(sizeBytes / geometry.extentBytes), 0),
  };
};

/** What a target has published of a run. */
export const readPublished = async (
  deps: Pick<Deps, "store">,
  { id }: Pick<Run, "id">,
  target: SiteId,
): Promise<PublishFact | undefined> => {
  const shard = await deps.store.get<Shard>(shardKey(id, target, "publishing", 0));
  return shard?.body.published ?? readFact<PublishFact>(deps, id, "publishing", target, 0);
};
