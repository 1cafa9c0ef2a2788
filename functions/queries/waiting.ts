import type { SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, Shard, Step, TargetRun } from "../../core/api/run.ts";
import { gatewayAbsentAfterSeconds } from "../../core/api/site.ts";
import { hasEnded, hasLane, siteOfTask } from "../../core/run/steps.ts";
import { waitsForLock } from "../../core/run/task-transitions.ts";

export interface Circumstances {
  /** The run's plan as it is now, for who is before the run in its lane. */
  readonly plan: Plan | undefined;
  /** Sites of which no gateway was heard of lately. */
  readonly absent: ReadonlySet<SiteId>;
  /** Tries of a task without progress before the part fails. */
  readonly triesMax: number;
  /** Of the part's step, those that give something out. */
  readonly shards: readonly Shard[];
}

/**
 * Why nothing moves at one target of a run, in words for a person, and what has to happen first;
 * null when somebody is at work or the target's part is over.
 *
 */
export const whyItWaits = (
  run: Run,
  target: SiteId,
  part: TargetRun,
  { plan, absent, triesMax, shards }: Circumstances,
): string | null => {
  if (hasEnded(part)) return null;
  if (part.step === null) return whyQueued(run, target, plan);
  const missing = workplaces(run, target, part.step, shards).find((site) => absent.has(site));
  if (missing !== undefined) {
    return `No gateway of site “${missing}” was heard of in the last ${gatewayAbsentAfterSeconds} seconds; the work goes on when one is back.`;
  }
  return whySilent(run, target, part.step, shards) ?? whyRetried(shards, triesMax);
};

const whyQueued = (run: Run, target: SiteId, plan: Plan | undefined): string => {
  const active = plan?.lanes[target]?.active;
  if (typeof active !== "string" || active === run.id || !hasLane(run.kind)) return "It is about to start.";
  return `The run ${active} to “${target}” is still going; this one starts when it ends.`;
};

/** The sites whose gateways must be alive for the step to go on. */
const workplaces = (run: Run, target: SiteId, step: Step, shards: readonly Shard[]): readonly SiteId[] => [
  ...shards.map(({ index }) => siteOfTask(run, target, step, index)),
  ...(step === "transferring" ? [target] : []),
];

const whySilent = (run: Run, target: SiteId, step: Step, shards: readonly Shard[]): string | null => {
  const [most] = shards.toSorted((one, other) => other.silence - one.silence);
  if (most === undefined || most.silence === 0) return null;
  const site = siteOfTask(run, target, step, most.index);
  return `Nobody at site “${site}” has answered yet; the work was sent again ${times(most.silence)}.`;
};

const whyRetried = (shards: readonly Shard[], triesMax: number): string | null => {
  if (!isWaiting(shards)) return null;
  const next = `Try ${attemptOf(shards)} of ${triesMax} follows`;
  const reason = lastReason(shards);
  if (reason !== undefined && waitsForLock(reason)) return reason.message;
  return reason === undefined ? `${next}.` : `${next}. The last one failed: ${reason.message}`;
};

const times = (count: number) => (count === 1 ? "once" : `${count} times`);

/** All that is given out failed last time, and nobody was heard of since. */
export const isWaiting = (shards: readonly Shard[]): boolean =>
  shards.length > 0 && shards.every(({ waiting }) => waiting);

/** What went wrong last. */
export const lastReason = (shards: readonly Shard[]): Shard["reason"] =>
  shards.findLast(({ reason }) => reason !== undefined)?.reason;

/**
 * Which try of its step a part is at: the one that has failed most often without
 * progress. The first is 1.
 */
export const attemptOf = (shards: readonly Shard[]): number =>
  Math.max(1, ...shards.map(({ failures }) => failures + 1));
