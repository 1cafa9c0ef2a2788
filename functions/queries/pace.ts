import type { ProgressSum, RunTarget } from "../../core/api/answers.ts";
import type { Progresses, Shard } from "../../core/api/run.ts";
import { boundedSum } from "../../core/run/bounded-sum.ts";
import { sumOf } from "../../core/run/progress.ts";

type Work = Pick<ProgressSum, "bytesToDo" | "bytesDone">;

/**
 * How much there is to do at a target, and how much of it is done. Of volumes that nobody has
 * looked into yet, as much of each byte has to be done as of the others'.
 * @param bytesTotal of all volumes
 * @returns nothing while no volume has been looked into
 */
export const workOf = (some: readonly Progresses[], bytesTotal: number): Work => {
  const known = sumOf(some.filter(({ bytesToDo }) => bytesToDo !== undefined));
  const { bytesToDo, bytesDone = 0 } = known;
  if (bytesToDo === undefined || known.bytesTotal === 0) return {};
  const ahead = Math.max(0, bytesTotal - known.bytesTotal) * (bytesToDo / known.bytesTotal);
  return { bytesToDo: boundedSum([bytesToDo, Math.round(ahead)]), bytesDone };
};

/**
 * How fast a target's data moves, all of its volumes together, and how long it takes at that pace.
 * A limit that is lower than what went lately counts from now on.
 * @param limitBytesPerSecond of what the source may send to it
 */
export const paceOf = (
  shards: readonly Shard[],
  { bytesToDo, bytesDone = 0 }: Work,
  limitBytesPerSecond = Number.POSITIVE_INFINITY,
): NonNullable<RunTarget["pace"]> | null => {
  const rates = shards.flatMap(({ waiting, silence, progress }) =>
    waiting || silence > 0 ? [] : (progress?.rate ?? []),
  );
  if (rates.length === 0) return null;
  const sent = rates.reduce((sum, { sentBytesPerSecond }) => sum + sentBytesPerSecond, 0);
  const done = rates.reduce((sum, { doneBytesPerSecond }) => sum + doneBytesPerSecond, 0);
  const slowed = sent > limitBytesPerSecond ? limitBytesPerSecond / sent : 1;
  const left = bytesToDo === undefined ? undefined : Math.max(0, bytesToDo - bytesDone);
  return {
    bytesPerSecond: Math.round(sent * slowed),
    secondsLeft: left === undefined || done === 0 ? null : left / (done * slowed),
  };
};
