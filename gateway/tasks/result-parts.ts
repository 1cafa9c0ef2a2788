import type { ReportPart } from "../../core/api/report.ts";
import type { TaskResult } from "../../core/api/task.ts";
import { partsOf } from "./parts.ts";

/** A report with so much in it is a message that every queue takes, also one of 256 KiB. */
const partMax = { entriesMax: 200, bytesMax: 192 * 1024 };

export interface ResultPart {
  readonly result: TaskResult;
  /** Absent: it is the whole. */
  readonly part?: ReportPart;
}

/** A task's result as its reports tell it: that of a snapshot, which grows with the plan, in parts by bytes. */
export const resultParts = (result: TaskResult): readonly ResultPart[] => {
  if (result.kind !== "snapshot") return [{ result }];
  const parts = partsOf(result.objects, partMax);
  if (parts.length === 1) return [{ result }];
  let from = 0;
  return parts.map((objects, number) => {
    const part = { result: { ...result, from, objects }, part: { number, of: parts.length } };
    from += objects.length;
    return part;
  });
};
