import type { ObjectConfig } from "../api/object.ts";
import type { Progress, Progresses } from "../api/run.ts";

const nothing: Progresses = {
  extentsTotal: 0,
  extentsDone: 0,
  extentsUnchanged: 0,
  extentsHole: 0,
  bytesTotal: 0,
  bytesRead: 0,
  bytesChanged: 0,
  bytesSent: 0,
};

const units = Object.keys(nothing) as (keyof Progresses)[];

/** All of them in one. */
export const sumOf = (some: readonly Progresses[]): Progresses => {
  const sum = { ...nothing };
  for (const progress of some) for (const unit of units) sum[unit] += progress[unit];
  return sum;
};

export const isSameProgress = (one: Progress | undefined, other: Progress | undefined): boolean => {
  if (one === undefined || other === undefined) return one === other;
  return one.phase === other.phase && units.every((unit) => one[unit] === other[unit]);
};

/** How far an object is that nobody has reported on yet: its whole size is ahead, as soon as that is known. */
export const progressAhead = (volumes: ObjectConfig["volumes"]): Progress => ({
  ...nothing,
  phase: "waiting",
  extentsTotal: volumes.reduce((sum, { sizeBytes, geometry }) => sum + Math.ceil(sizeBytes / geometry.extentBytes), 0),
  bytesTotal: volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

/** From what moves most to what does not: an object is at what the first of its volumes is at. */
const phases = ["sending", "verifying", "comparing", "waiting", "done"] as const;

/** Of an object, by its volumes. */
export const progressOfAll = (some: readonly Progress[]): Progress => ({
  ...sumOf(some),
  phase: phases.find((phase) => some.some((one) => one.phase === phase)) ?? "waiting",
});
