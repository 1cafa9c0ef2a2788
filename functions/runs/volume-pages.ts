import type { RunId } from "../../core/api/ids.ts";
import { objectOfVolume, type VolumePage } from "../../core/run/volumes.ts";
import { readRange } from "../documents/ranges.ts";
import { volumePageKey, volumePagePrefix } from "../documents/records.ts";
import { encodeCursor } from "../documents/store-rules.ts";
import type { Deps } from "../ports/deps.ts";

type Store = Pick<Deps, "store">;

/**
 * The index of the object that a volume is sent for.
 * @param parts in how many the answer came whose pages tell it; none: each object has one volume
 */
export const readObjectOf = async (deps: Store, runId: RunId, index: number, parts = 0): Promise<number> => {
  if (parts === 0) return index;
  const after = encodeCursor(volumePageKey(runId, parts, index + 1).sort);
  const { partition } = volumePageKey(runId, parts, 0);
  const prefix = volumePagePrefix(parts);
  const wanted = { partition, prefix, descending: true, cursor: after, limit: 1 };
  const [page] = (await deps.store.query<VolumePage>(wanted)).items;
  if (page === undefined) return index;
  return objectOfVolume(index, page.body, Number(page.key.sort.slice(prefix.length)));
};

/**
 * Of each object that has more or fewer than one volume of its own, or not the one with its
 * index: which it has.
 */
export const readOwnVolumes = async (
  deps: Store,
  runId: RunId,
  parts: number,
): Promise<ReadonlyMap<number, { readonly first: number; readonly count: number }>> => {
  const own = new Map<number, { readonly first: number; readonly count: number }>();
  const { partition } = volumePageKey(runId, parts, 0);
  const prefix = volumePagePrefix(parts);
  for await (const { key, body } of readRange<VolumePage>(deps, { partition, sort: prefix })) {
    let first = Number(key.sort.slice(prefix.length));
    for (const [place, count] of body.own.entries()) {
      own.set(body.from + place, { first, count });
      first += count;
    }
  }
  return own;
};
