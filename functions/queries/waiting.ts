import type { SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, Step, TargetRun } from "../../core/api/run.ts";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import { hasEnded, siteOfTask } from "../../core/run/steps.ts";

/**
 * Why nothing moves at one target of a run, in words for a person, and what has to happen first; null when somebody is
 * at work or the target's part is over.
 *
 * @param plan the run's plan as it is now, for who is before the run in its lane
 * @param absent sites of which no gateway was heard of lately
 * @param triesMax tries of a task without progress before the part fails
 */
export const whyItWaits = (
  run: Run,
  target: SiteId,
  part: TargetRun,
  {
    plan,
    absent,
    triesMax,
  }: { readonly plan: Plan | undefined; readonly absent: ReadonlySet<SiteId>; readonly triesMax: number },
): string | null => {
  if (hasEnded(part)) return null;
  if (part.step === null) return whyQueued(run, target, plan);
  const missing = workplaces(run, target, part, part.step).find((site) => absent.has(site));
  if (missing !== undefined) {
    return `No gateway of site “${missing}” was heard of in the last ${gatewayAbsentAfterSeconds} seconds; the work goes on when one is back.`;
  }
  return whyRetried(part, triesMax);
};

const whyQueued = (run: Run, target: SiteId, plan: Plan | undefined): string => {
  const active = plan?.lanes[target]?.active;
  if (typeof active !== "string" || active === run.id || run.kind === "rebuild") return "It is about to start.";
  return `The run ${active} to “${target}” is still going; this one starts when it ends.`;
};

/** The sites whose gateways must be alive for the step to go on. */
const workplaces = (run: Run, target: SiteId, part: TargetRun, step: Step): readonly SiteId[] => [
  ...part.inFlight.map(({ index }) => siteOfTask(run, target, step, index)),
  ...(step === "transferring" ? [target] : []),
];

const whyRetried = (part: TargetRun, triesMax: number): string | null => {
  if (part.silence > 0) return `Nobody has answered yet; the work was sent again ${times(part.silence)}.`;
  const isMoving = part.inFlight.some((task) => !task.waiting);
  if (isMoving || part.inFlight.length === 0) return null;
  const next = `Try ${attemptOf(part)} of ${triesMax} follows`;
  return part.reason === null ? `${next}.` : `${next}. The last one failed: ${part.reason.message}`;
};

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

/** Which try of its step a part is at: the one that has failed most often without progress. The first is 1. */
export const attemptOf = ({ inFlight }: TargetRun): number =>
  Math.max(1, ...inFlight.map(({ failures }) => failures + 1));
