import type { Size } from "./backups.ts";
import type { Figures } from "./bounds.ts";
import { reclaimAtOnce, reportsAtOnce } from "./contention.ts";
import { measureRuns } from "./runs.ts";

export interface Measured {
  readonly runs: readonly Size[];
  /** Of whose tasks under way all are completed at once. */
  readonly reports: Size;
  readonly reclaims: Size;
}

/** Reports that one call is given: each has its own, or it is as full as SQS makes it. */
const batchSizes = [1, 10];

/** @param say is told what comes next */
export const measure = async (sizes: Measured, say: (text: string) => void = () => undefined): Promise<Figures> => {
  const runs = [];
  for (const size of sizes.runs) {
    say(`two runs of ${size.objects} objects to ${size.targets} targets`);
    runs.push(await measureRuns(size));
  }
  say("reports at once");
  const reports = await reportsAtOnce(sizes.reports);
  const reclaims = [];
  for (const batchSize of batchSizes) {
    say(`reclaims at once, ${batchSize} reports a call`);
    reclaims.push(await reclaimAtOnce(sizes.reclaims, batchSize));
  }
  return { runs, reports, reclaims };
};
