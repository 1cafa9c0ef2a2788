import type { ObjectConfig } from "../api/object.ts";
import type { Progress, Progresses } from "../api/run.ts";
import { boundedSum } from "./bounded-sum.ts";

const nothing = {
  extentsTotal: 0,
  extentsDone: 0,
  extentsUnchanged: 0,
  extentsHole: 0,
  bytesTotal: 0,
  bytesRead: 0,
  bytesChanged: 0,
  bytesSent: 0,
};

const units = Object.keys(nothing) as (keyof typeof nothing)[];
/** Where they are told. */
const work = ["bytesToDo", "bytesDone"] as const;

/** All of them in one. */
export const sumOf = (some: readonly Progresses[]): Progresses => {
  const sum: Progresses & typeof nothing = { ...nothing };
  for (const progress of some) for (const unit of units) sum[unit] = boundedSum([sum[unit], progress[unit]]);
  for (const unit of work) {
    const told = some.flatMap(({ [unit]: bytes }) => bytes ?? []);
    if (told.length > 0) sum[unit] = boundedSum(told);
  }
  return sum;
};

export const isSameProgress = (one: Progress | undefined, other: Progress | undefined): boolean => {
  if (one === undefined || other === undefined) return one === other;
  const isSame = (unit: keyof Progresses): boolean => one[unit] === other[unit];
  const isSameRate =
    one.rate?.doneBytesPerSecond === other.rate?.doneBytesPerSecond &&
    one.rate?.sentBytesPerSecond === other.rate?.sentBytesPerSecond;
  return one.phase === other.phase && units.every(isSame) && work.every(isSame) && isSameRate;
};

/**
 * How far an object is that nobody has reported on yet: its whole size is ahead, as
 * soon as that is known.
 */
export const progressAhead = (volumes: ObjectConfig["volumes"]): Progress => ({
  ...nothing,
  phase: "waiting",
  extentsTotal: boundedSum(volumes.map(({ sizeBytes, geometry }) => Math.ceil(sizeBytes / geometry.extentBytes))),
  bytesTotal: boundedSum(volumes.map(({ sizeBytes }) => sizeBytes)),
});

/** From what moves most to what does not: an object is at what the first of its volumes is at. */
const phases = ["sending", "verifying", "comparing", "waiting", "done"] as const;

/** Of an object, by its volumes. */
export const progressOfAll = (some: readonly Progress[]): Progress => ({
  ...sumOf(some),
  phase: phases.find((phase) => some.some((one) => one.phase === phase)) ?? "waiting",
});
