import type { Instant, SiteId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule } from "../../core/api/plan.ts";
import type { Run, Shard, Taken } from "../../core/api/run.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { boundedSum } from "../../core/run/bounded-sum.ts";
import { isFinished } from "../../core/run/shards.ts";
import { hasLane, takerOf } from "../../core/run/steps.ts";
import { hasVolumePage, placedVolumes } from "../../core/run/volumes.ts";
import { shardKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { type PublishFact, readFact, readFacts, readRunPlan, type SnapshotFact } from "./facts.ts";
import { readRunObjects } from "./run-objects.ts";

/** What a snapshot holds, and how much is to be known of it. */
export type WholeTaken = Taken & Pick<Shard, "warned">;

/** What a run's snapshot holds in all; undefined while not everything is known of it. */
export const readTaken = async (deps: Pick<Deps, "store">, run: Run): Promise<WholeTaken | undefined> => {
  const place = takerOf(run);
  const shard = await deps.store.get<Shard>(shardKey(run.id, place, "snapshotting", 0));
  if (shard === undefined || !isFinished(shard.body)) return takenByFacts(deps, run);
  const { taken, warned } = shard.body;
  return taken && { ...taken, ...(warned !== undefined && { warned }) };
};

/**
 * How many objects a run is about, as far as one document tells: before its
 * snapshot, its plan's entries.
 */
export const objectsIn = async ({ store }: Pick<Deps, "store">, run: Run): Promise<number> => {
  if (!hasLane(run.kind)) return run.objectCount;
  const place = takerOf(run);
  const shard = await store.get<Shard>(shardKey(run.id, place, "snapshotting", 0));
  return (shard !== undefined && isFinished(shard.body) ? shard.body.taken?.objects : undefined) ?? run.objectCount;
};

/**
 * Runs of an earlier version have nothing but the facts; nor have those whose answer nobody
 * waited for any more.
 */
const takenByFacts = async (deps: Pick<Deps, "store">, run: Run): Promise<WholeTaken | undefined> => {
  const facts = await readFacts<SnapshotFact>(deps, run.id, "snapshotting", "source");
  const [first] = facts;
  if (first === undefined || facts.length < run.objectCount) return undefined;
  // How many objects rules have found, nobody knows by what some of them are.
  if ((await readRunObjects(deps, await readRunPlan(deps, run.id))).some(isRule)) return undefined;
  const volumes = new Map(facts.flatMap(({ config }) => config.volumes.map((volume) => [volume.id, volume] as const)));
  return { at: first.takenAt as Instant, ...sizeOf([...volumes.values()]) };
};

const sizeOf = (volumes: ObjectConfig["volumes"]) => ({
  sizeBytes: boundedSum(volumes.map(({ sizeBytes }) => sizeBytes)),
  extents: boundedSum(volumes.map(({ sizeBytes, geometry }) => Math.ceil(sizeBytes / geometry.extentBytes))),
});

/**
 * What a snapshot's answer, or a part of it, tells: each volume once. In parts they add up.
 * @param parts in how many it comes
 */
export const takenOf = (result: TaskResultOf<"snapshot">, parts = 1): Taken => {
  const { takenAt, objects, from, fromVolume = from } = result;
  const placed = placedVolumes(result);
  const volumes = new Map<number, ObjectConfig["volumes"][number]>();
  for (const [i, { config }] of objects.entries()) {
    for (const [place, volume] of config.volumes.entries()) {
      const index = placed.indices[i]?.[place] ?? null;
      if (index !== null && index >= fromVolume) volumes.set(index, volume);
    }
  }
  return {
    at: takenAt,
    ...sizeOf([...volumes.values()]),
    objects: objects.length,
    volumes: volumes.size,
    ...(hasVolumePage(placed) && { volumePages: parts }),
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
