import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, RunId } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Run, RunPlan, Taken } from "../../core/api/run.ts";
import { boundedSum } from "../../core/run/bounded-sum.ts";
import { readRange } from "../documents/ranges.ts";
import { stagedKey, stagedPagePrefix, stagedVolumesKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";
import { needFact, readRunPlan, type SnapshotFact, snapshotFactsOf } from "../runs/facts.ts";
import { putOnce } from "../runs/put-once.ts";
import { snapshotIndexOf } from "../runs/run-objects.ts";

type Store = Pick<Deps, "store">;

/** A volume that is brought to a site, and the restore's first object that has it. */
interface StagedVolume {
  readonly objectIndex: number;
  /** As the protected site calls it. */
  readonly volumeId: string;
}

const volumesPerPage = 200;

/**
 * Which volumes a restore of some objects brings: written down once, in the order of its objects,
 * each once, however many of them have it.
 */
export const ensureStagedVolumes = async (deps: Store, run: Run): Promise<Taken> => {
  const known = await readStaged(deps, run.id);
  if (known !== undefined) return known;
  const told = await readRunPlan(deps, run.id);
  const { volumes, taken } = await volumesOf(deps, told);
  const pages = Array.from({ length: Math.ceil(volumes.length / volumesPerPage) }, (_, page) => ({
    key: stagedVolumesKey(run.id, page),
    body: { volumes: volumes.slice(page * volumesPerPage, (page + 1) * volumesPerPage) },
  }));
  await deps.store.putAll(pages);
  await putOnce(deps, { key: stagedKey(run.id), body: taken });
  return taken;
};

/** What a restore brings in all; undefined before it has begun to. */
export const readStaged = async ({ store }: Store, runId: RunId): Promise<Taken | undefined> =>
  (await store.get<Taken>(stagedKey(runId)))?.body;

const volumesOf = async (deps: Store, { restore }: RunPlan) => {
  assert(restore !== undefined, "only a restore is staged");
  const chosen = restore.objects && new Set(restore.objects);
  const volumes = new Map<string, StagedVolume>();
  const shapes: ObjectConfig["volumes"] = [];
  let [at, index, objects]: [string | undefined, number, number] = [undefined, 0, 0];
  for await (const { config, takenAt } of snapshotFactsOf(deps, restore.fromRunId)) {
    at ??= takenAt;
    const isChosen = chosen?.has(index) ?? true;
    index += 1;
    if (!isChosen) continue;
    for (const shape of config.volumes) {
      if (volumes.has(shape.id)) continue;
      volumes.set(shape.id, { objectIndex: objects, volumeId: shape.id });
      shapes.push(shape);
    }
    objects += 1;
  }
  assert(at !== undefined, "a group has objects");
  const taken: Taken = {
    at: at as Instant,
    sizeBytes: boundedSum(shapes.map(({ sizeBytes }) => sizeBytes)),
    extents: boundedSum(shapes.map(({ sizeBytes, geometry }) => Math.ceil(sizeBytes / geometry.extentBytes))),
    ...{ objects, volumes: volumes.size },
  };
  return { volumes: [...volumes.values()], taken };
};

/** @throws {VisibleError} GROUP_INCOMPLETE */
export const needStagedVolume = async ({ store }: Store, runId: RunId, index: number): Promise<StagedVolume> => {
  const page = Math.floor(index / volumesPerPage);
  const stored = await store.get<{ volumes: readonly StagedVolume[] }>(stagedVolumesKey(runId, page));
  const volume = stored?.body.volumes[index % volumesPerPage];
  if (volume !== undefined) return volume;
  throw new VisibleError("GROUP_INCOMPLETE", `Nothing is known of volume ${index + 1} of ${runId}.`, {
    hint: "Begin another restore.",
  });
};

/** The index of the object for which a volume is brought. */
export const stagedObjectOf = async (deps: Store, runId: RunId, index: number): Promise<number> =>
  (await needStagedVolume(deps, runId, index)).objectIndex;

/** Of each object, which volumes are brought for it. */
export const readStagedOwn = async (
  deps: Store,
  runId: RunId,
): Promise<ReadonlyMap<number, { readonly first: number; readonly count: number }>> => {
  const own = new Map<number, { readonly first: number; readonly count: number }>();
  const { partition } = stagedKey(runId);
  let index = 0;
  for await (const { body } of readRange<{ volumes: readonly StagedVolume[] }>(deps, {
    ...{ partition, sort: stagedPagePrefix },
  })) {
    for (const { objectIndex } of body.volumes) {
      const { first, count } = own.get(objectIndex) ?? { first: index, count: 0 };
      own.set(objectIndex, { first, count: count + 1 });
      index += 1;
    }
  }
  return own;
};

/** A restore's object as it was snapshotted. @throws {VisibleError} GROUP_INCOMPLETE */
export const needStagedObject = async (deps: Store, runId: RunId, index: number): Promise<SnapshotFact> => {
  const told = await readRunPlan(deps, runId);
  assert(told.restore !== undefined, "only a restore is staged");
  return needFact<SnapshotFact>(deps, told.restore.fromRunId, "snapshotting", "source", snapshotIndexOf(told, index));
};
