import type { ProgressSum } from "../../core/api/answers.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Progress } from "../../core/api/run.ts";

const nothing: Omit<Progress, "phase"> = {
  extentsTotal: 0,
  extentsDone: 0,
  extentsUnchanged: 0,
  extentsHole: 0,
  bytesTotal: 0,
  bytesRead: 0,
  bytesChanged: 0,
  bytesSent: 0,
};

/** How far an object is that nobody has reported on yet: its whole size is ahead, as soon as that is known. */
export const progressAhead = (volumes: ObjectConfig["volumes"]): Progress => ({
  ...nothing,
  phase: "waiting",
  extentsTotal: volumes.reduce((sum, { sizeBytes, geometry }) => sum + Math.ceil(sizeBytes / geometry.extentBytes), 0),
  bytesTotal: volumes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
});

/** All objects' progress in one. */
export const sumOf = (objects: readonly Progress[]): ProgressSum => {
  const sum: ProgressSum = { ...nothing, objectsTotal: objects.length, objectsDone: 0 };
  for (const progress of objects) {
    if (progress.phase === "done") sum.objectsDone += 1;
    for (const unit of Object.keys(nothing) as (keyof typeof nothing)[]) sum[unit] += progress[unit];
  }
  return sum;
};
