import type { RunId } from "../../core/api/ids.ts";
import { objectOfVolume, type VolumePage } from "../../core/run/volumes.ts";
import type { Deps } from "../deps.ts";
import { readRange } from "../ranges.ts";
import { volumePageKey, volumePagePrefix } from "../records.ts";
import { encodeCursor } from "../store-rules.ts";

type Store = Pick<Deps, "store">;

/**
 * The index of the object that a volume is sent for.
 * @param pages how many documents tell it; none: each object has one volume
 */
export const readObjectOf = async (deps: Store, runId: RunId, index: number, pages = 0): Promise<number> => {
  if (pages === 0) return index;
  const after = encodeCursor(volumePageKey(runId, index + 1).sort);
  const { partition } = volumePageKey(runId, 0);
  const wanted = { partition, prefix: volumePagePrefix, descending: true, cursor: after, limit: 1 };
  const [page] = (await deps.store.query<VolumePage>(wanted)).items;
  if (page === undefined) return index;
  return objectOfVolume(index, page.body, Number(page.key.sort.slice(volumePagePrefix.length)));
};

/** Of each object that has more or fewer than one volume of its own, or not the one with its index: which it has. */
export const readOwnVolumes = async (
  deps: Store,
  runId: RunId,
): Promise<ReadonlyMap<number, { readonly first: number; readonly count: number }>> => {
  const own = new Map<number, { readonly first: number; readonly count: number }>();
  const { partition } = volumePageKey(runId, 0);
  for await (const { key, body } of readRange<VolumePage>(deps, { partition, sort: volumePagePrefix })) {
    let first = Number(key.sort.slice(volumePagePrefix.length));
    for (const [place, count] of body.own.entries()) {
      own.set(body.from + place, { first, count });
      first += count;
    }
  }
  return own;
};
