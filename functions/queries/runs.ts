import type { ProgressSum, RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Progress, Progresses, Run, RunPlan, Shard, TargetRun } from "../../core/api/run.ts";
import { defaultRunLimits } from "../../core/run/limits.ts";
import { sumOf } from "../../core/run/progress.ts";
import { doneCount } from "../../core/run/shards.ts";
import { partsOf, placeOf, statusOf, stepsOf } from "../../core/run/steps.ts";
import { countDeadLetters } from "../dead-letters.ts";
import type { Deps } from "../deps.ts";
import { readBase } from "../engine/base.ts";
import { readFacts } from "../engine/facts.ts";
import { readRunObjectsIn } from "../engine/run-objects.ts";
import { loadRun } from "../engine/runs.ts";
import { readShards } from "../engine/shards.ts";
import { readTaken, type Taken } from "../engine/taken.ts";
import { planKey, runPlanKey } from "../records.ts";
import { readGateways } from "./sites.ts";
import { attemptOf, isWaiting, lastReason, whyItWaits } from "./waiting.ts";

/**
 * A run with everything that a person wants to know of it: how far each target is, and what it waits for.
 * @throws {VisibleError} RUN_UNKNOWN
 */
export const readRun = async (deps: Deps, runId: RunId): Promise<RunAnswer> => {
  const { run, runPlan } = await readBoth(deps, runId);
  const [taken, plan, absent, deadLetters] = await Promise.all([
    run.kind === "backup" ? readTaken(deps, run) : undefined,
    deps.store.get<Plan>(planKey(run.planId)),
    absentSites(deps, run),
    countDeadLetters(deps, runId),
  ]);
  const world = { plan: plan?.body, absent, runPlan, taken };
  const targets = await Promise.all(partsOf(run).map(([site, part]) => targetOf(deps, run, site, part, world)));
  const { planName, restore } = runPlan;
  return {
    ...run,
    status: statusOf(run),
    planName,
    ...(restore === undefined ? {} : { restore }),
    deadLetters,
    targets,
  };
};

/** An expired run's documents do not go in the same instant: what is left of one is not shown. */
export const readBoth = async (deps: Deps, runId: RunId): Promise<{ readonly run: Run; readonly runPlan: RunPlan }> => {
  const loaded = await loadRun(deps, runId);
  const told = await deps.store.get<RunPlan>(runPlanKey(runId));
  if (loaded !== undefined && told !== undefined) return { run: loaded.run, runPlan: told.body };
  throw new VisibleError("RUN_UNKNOWN", `There is no run ${runId}.`, {
    hint: "List the runs of a plan with: smtx-backup run list --plan PLAN",
  });
};

/** Sites of an unfinished run without a gateway that was heard of lately. */
const absentSites = async (deps: Deps, run: Run): Promise<ReadonlySet<SiteId>> => {
  const open = partsOf(run).flatMap(([site, part]) => (part.step === null ? [] : [site]));
  const sites = open.length === 0 ? [] : [...new Set([run.source, ...open])];
  const absent = await Promise.all(
    sites.map(async (site) => ((await readGateways(deps, site)).some(({ alive }) => alive) ? [] : [site])),
  );
  return new Set(absent.flat());
};

interface RunWorld {
  readonly plan: Plan | undefined;
  readonly absent: ReadonlySet<SiteId>;
  readonly runPlan: RunPlan;
  readonly taken: Taken | undefined;
}

const targetOf = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  part: TargetRun,
  { plan, absent, runPlan, taken }: RunWorld,
): Promise<RunTarget> => {
  const { triesMax } = deps.limits ?? defaultRunLimits;
  const shards = await openShards(deps, run, site, part);
  const reason = part.step === null ? part.reason : (lastReason(shards) ?? null);
  const base = await readBase(deps, run.id, site);
  const moving = part.step === dataStep[run.kind] ? shards.find(isUnderWay) : undefined;
  const { endedIn: _, unsettled: __, ...summary } = part;
  return {
    ...summary,
    state: isWaiting(shards) ? "waiting" : part.state,
    reason,
    site,
    attempt: attemptOf(shards),
    attemptsMax: triesMax,
    waitsFor: whyItWaits(run, site, part, { plan, absent, triesMax, shards }),
    base: base === undefined ? null : { baseGroupId: base.baseGroupId, why: base.why },
    progress: await progressAt(deps, run, site, { part, taken }),
    current: moving === undefined ? null : await currentOf(deps, moving, runPlan),
  };
};

const isUnderWay = ({ progress }: Shard): boolean =>
  progress !== undefined && progress.phase !== "waiting" && progress.phase !== "done";

const currentOf = async (
  deps: Deps,
  { index, progress }: Shard,
  runPlan: RunPlan,
): Promise<NonNullable<RunTarget["current"]>> => {
  const [object] = await readRunObjectsIn(deps, runPlan, { from: index, count: 1 });
  return { index, name: object?.name ?? "", phase: progress?.phase ?? "waiting" };
};

/** Those of the part's step that give something out. */
const openShards = async (deps: Deps, run: Run, site: SiteId, { step }: TargetRun): Promise<readonly Shard[]> => {
  if (step === null) return [];
  const shards = await readShards(deps, run.id, placeOf(run, site, step), step);
  return shards.map(({ body }) => body).filter(({ deadline }) => deadline !== null);
};

/** The step that moves an object's data. */
export const dataStep = { snapshot: "snapshotting", backup: "transferring", rebuild: "rebuilding" } as const;

/** How many of the steps after the one that moves data a part has come to; negative before it. */
const stepsPast = (run: Run, part: TargetRun): number => {
  const steps = stepsOf[run.kind];
  const step = part.step ?? part.endedIn;
  return step === undefined ? -1 : steps.indexOf(step) - steps.indexOf(dataStep[run.kind]);
};

export const isAllDone = (run: Run, part: TargetRun): boolean => part.state === "succeeded" || stepsPast(run, part) > 0;

/** The sum over all objects, which the shards keep. */
const progressAt = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  { part, taken }: { readonly part: TargetRun; readonly taken: Taken | undefined },
): Promise<ProgressSum> => {
  const step = dataStep[run.kind];
  const shards = (await readShards(deps, run.id, placeOf(run, site, step), step)).map(({ body }) => body);
  const some = shards.length > 0 ? shards.flatMap(progressesIn) : await progressesOfBefore(deps, run, site);
  const objectsDone = run.kind === "snapshot" ? 0 : shards.reduce((sum, shard) => sum + doneCount(shard), 0);
  const counts = {
    objectsTotal: run.objectCount,
    objectsDone: isAllDone(run, part) ? run.objectCount : objectsDone,
  };
  const sum = sumOf(some);
  if (taken === undefined) return { ...sum, ...counts };
  const { extents, sizeBytes } = taken;
  return {
    ...sum,
    ...counts,
    extentsTotal: Math.max(extents, sum.extentsTotal),
    bytesTotal: Math.max(sizeBytes, sum.bytesTotal),
  };
};

const progressesIn = ({ done, progress }: Shard): readonly Progresses[] => [done ?? [], progress ?? []].flat();

/** Runs of an earlier version have no shards. */
const progressesOfBefore = async (deps: Deps, run: Run, site: SiteId): Promise<readonly Progresses[]> => {
  const facts = await readFacts<{ progress?: Progress }>(deps, run.id, dataStep[run.kind], site);
  return facts.flatMap(({ progress }) => progress ?? []);
};
