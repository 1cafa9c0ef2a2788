import type { Moved, Shard } from "../api/run.ts";
import { sumOf } from "./progress.ts";

/** What the transfers of a step came to; undefined for other steps, and where none was told of. */
export const movedBy = (shards: readonly Shard[]): Moved | undefined => {
  const done = shards.flatMap((shard) => (shard.step === "transferring" ? (shard.done ?? []) : []));
  if (done.length === 0) return undefined;
  const { bytesTotal, extentsTotal, extentsHole, bytesChanged, bytesSent } = sumOf(done);
  const share = extentsTotal === 0 ? 0 : Math.max(0, extentsTotal - extentsHole) / extentsTotal;
  return { dataBytes: Math.round(bytesTotal * share), bytesChanged, bytesSent };
};
