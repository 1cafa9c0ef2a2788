import { z } from "zod";
import {
  type OfPlan,
  ofPlanSchema,
  type RunAnswer,
  type RunListEntry,
  runAnswerSchema,
  runObjectSchema,
  runSummarySchema,
  runTargetSchema,
} from "../../core/api/answers.ts";
import { type Run, skipSchema } from "../../core/api/run.ts";
import { statusOf } from "../../core/run/steps.ts";

/* One run looks the same wherever it is printed; a list has less of each. */

const type = z.literal("run");

/** `run show` and whatever changes a run or waits for it. */
export const runDocument = runAnswerSchema.extend({ type, objects: z.array(runObjectSchema).optional() });

const targetInList = runSummarySchema.shape.targets.valueType.extend({ site: runTargetSchema.shape.site });

/** A run that was asked for a moment ago. */
export const askedForDocument = runSummarySchema.extend({ type, targets: z.array(targetInList) });

/** A line of `run list`: a run, or slots that were passed over. */
export const runLineDocument = z.discriminatedUnion("type", [
  askedForDocument.extend(ofPlanSchema.shape),
  skipSchema.extend({ type: z.literal("skip"), ...ofPlanSchema.shape }),
]);

export type RunLine = z.input<typeof runLineDocument>;

export const shownRun = (run: RunAnswer): z.input<typeof runDocument> => ({ type: "run", ...run });

export const runLine = (entry: RunListEntry): RunLine =>
  entry.type === "skip"
    ? { type: "skip", ...ofPlan(entry), ...entry.skip }
    : { ...inList(entry.run), status: entry.run.status, ...ofPlan(entry) };

const ofPlan = ({ planName, isPlanDeleted }: OfPlan): OfPlan => ({ planName, ...(isPlanDeleted && { isPlanDeleted }) });

export const askedForRun = (run: Run): z.input<typeof askedForDocument> => ({ ...inList(run), status: statusOf(run) });

const inList = ({ targets, ...run }: Run) => ({
  type: "run" as const,
  ...run,
  targets: Object.entries(targets).map(([site, { endedIn: _, unsettled: __, ...target }]) => ({
    site: runTargetSchema.shape.site.parse(site),
    ...target,
  })),
});
