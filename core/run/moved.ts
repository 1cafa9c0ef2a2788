import type { Moved, Progresses, Shard } from "../api/run.ts";
import { boundedSum } from "./bounded-sum.ts";
import { sumOf } from "./progress.ts";

/**
 * What the transfers of a step came to, also those that were under way when it was given up;
 * undefined for other steps, and where none was told of.
 */
export const movedBy = (shards: readonly Shard[]): Moved | undefined => {
  const some = shards.flatMap(({ step, done, progress }) =>
    step === "transferring" ? [done ?? [], progress ?? []].flat() : [],
  );
  if (some.length === 0) return undefined;
  const { bytesChanged, bytesSent } = sumOf(some);
  return { dataBytes: boundedSum(some.map(dataBytesOf)), bytesChanged, bytesSent };
};

/**
 * As if the extents of a shard were as large as each other: a volume's are, but for its last one.
 */
const dataBytesOf = ({ bytesTotal, extentsTotal, extentsHole }: Progresses): number =>
  extentsTotal === 0 ? 0 : Math.round((bytesTotal * Math.max(0, extentsTotal - extentsHole)) / extentsTotal);
