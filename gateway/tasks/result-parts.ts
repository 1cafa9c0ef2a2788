import { messageText } from "../../core/api/message.ts";
import type { ReportPart } from "../../core/api/report.ts";
import type { TaskResult, TaskResultOf } from "../../core/api/task.ts";
import { partsOf } from "./parts.ts";

/** Of a report, so that it is a message that every queue takes, also one of 256 KiB. */
const reportBytesMax = 192 * 1024;
/** Of what else is in it: which task and part it is about. */
const headBytesMax = 4 * 1024;
const objectsMax = 200;
const goneMax = { entriesMax: 1000, bytesMax: 64 * 1024 };

export interface ResultPart {
  readonly result: TaskResult;
  /** Absent: it is the whole. */
  readonly part?: ReportPart;
}

type SnapshotResult = TaskResultOf<"snapshot">;

/**
 * A task's result as its reports tell it: that of a snapshot, which grows with the plan, in parts
 * by bytes. Warnings are in the first, and what is gone in as many as it takes, from the first on:
 * the last of them may have no objects.
 */
export const resultParts = (result: TaskResult): readonly ResultPart[] => {
  if (result.kind !== "snapshot") return [{ result }];
  const { objects, gone = [], warnings, ...head } = result;
  const goneParts = partsOf(gone, goneMax);
  const extrasOf = (number: number) => ({
    ...(goneParts[number] !== undefined && { gone: goneParts[number] }),
    ...(number === 0 && warnings !== undefined && { warnings }),
  });
  const objectParts = partsOf(objects, {
    entriesMax: objectsMax,
    bytesMax: (number) => reportBytesMax - headBytesMax - messageText(extrasOf(number)).length,
  });
  const of = Math.max(objectParts.length, goneParts.length);
  if (of <= 1) return [{ result }];
  const before = countsBefore(objectParts);
  return Array.from({ length: of }, (_, number) => ({
    result: { ...head, ...before(number), objects: objectParts[number] ?? [], ...extrasOf(number) },
    part: { number, of },
  }));
};

/** How many objects, and distinct volumes, the parts before one have. */
const countsBefore = (parts: readonly SnapshotResult["objects"][]) => {
  const counts = [{ from: 0, fromVolume: 0 }];
  const volumes = new Set<string>();
  let from = 0;
  for (const part of parts) {
    from += part.length;
    for (const { config } of part) for (const { id } of config.volumes) volumes.add(id);
    counts.push({ from, fromVolume: volumes.size });
  }
  return (number: number) => counts[Math.min(number, parts.length)] as (typeof counts)[number];
};
