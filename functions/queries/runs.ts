import { strict as assert } from "node:assert";
import type { ProgressSum, RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Progress, Progresses, Run, RunPlan, Shard, Step, TargetRun } from "../../core/api/run.ts";
import { sumOf } from "../../core/run/progress.ts";
import { defaultRetryPolicy } from "../../core/run/retry-policy.ts";
import { doneCount, isTaskDone, shardOf } from "../../core/run/shards.ts";
import { hasLane, isStaging, partsBySite, partsOf, placeOf, statusOf, stepsIn, takerOf } from "../../core/run/steps.ts";
import { countDeadLetters } from "../documents/dead-letters.ts";
import { planKey, runPlanKey } from "../documents/records.ts";
import { readGateways } from "../gateways/list.ts";
import { readBase } from "../groups/base.ts";
import type { Deps } from "../ports/deps.ts";
import { readFact, readFacts, type SnapshotFact } from "../runs/facts.ts";
import { originOf, snapshotIndexOf } from "../runs/run-objects.ts";
import { loadRun } from "../runs/runs.ts";
import { readShards } from "../runs/shards.ts";
import { readTaken, type WholeTaken } from "../runs/taken.ts";
import { readObjectOf, readOwnVolumes } from "../runs/volume-pages.ts";
import { allOf, type Warnings, warningsOfMirrors, warningsOfSnapshot } from "../runs/warnings.ts";
import { readSites } from "../sites/sites.ts";
import { readStaged, readStagedOwn, stagedObjectOf } from "../staging/staged-volumes.ts";
import { paceOf, workOf } from "./pace.ts";
import { attemptOf, isWaiting, lastReason, whyItWaits } from "./waiting.ts";

/**
 * A run with everything that a person wants to know of it: how far each target is,
 * and what it waits for.
 * @throws {VisibleError} RUN_UNKNOWN
 */
export const readRun = async (deps: Deps, runId: RunId): Promise<RunAnswer> => {
  const { run, runPlan } = await readBoth(deps, runId);
  const [taken, plan, absent, limits, deadLetters] = await Promise.all([
    takenFor(deps, run),
    deps.store.get<Plan>(planKey(run.planId)),
    absentSites(deps, run),
    limitsOf(deps, run.sender ?? takerOf(run)),
    countDeadLetters(deps, runId),
  ]);
  const own = await ownVolumes(deps, run, taken);
  const world = { plan: plan?.body, absent, runPlan, taken, own, limits };
  const [ofSnapshot, ...targets] = await Promise.all([
    warningsOfSnapshot(deps, runId, taken),
    ...partsBySite(run).map(([site, part]) => targetOf(deps, run, site, part, world)),
  ]);
  const warnings = allOf([ofSnapshot, ...targets.map(({ warnings: ofMirrors }) => ofMirrors)]);
  const { planName, restore } = runPlan;
  return {
    ...run,
    objectCount: taken?.objects ?? run.objectCount,
    status: statusOf(run),
    planName,
    ...(plan?.body.status === "deleted" && { isPlanDeleted: true }),
    ...(warnings.length > 0 && { warnings: [...warnings] }),
    ...(restore === undefined ? {} : { restore }),
    deadLetters,
    targets: targets.map(({ shown }) => shown),
  };
};

/** What is in the group that a run takes, or brings to its target. */
const takenFor = async (deps: Deps, run: Run): Promise<WholeTaken | undefined> => {
  if (run.sender !== undefined) return readStaged(deps, run.id);
  return hasLane(run.kind) ? readTaken(deps, run) : undefined;
};

const ownVolumes = async (deps: Deps, { id, sender }: Run, taken: WholeTaken | undefined): Promise<RunWorld["own"]> => {
  if (sender !== undefined) return readStagedOwn(deps, id);
  return taken?.volumePages === undefined ? undefined : readOwnVolumes(deps, id, taken.volumePages);
};

/** An expired run's documents do not go in the same instant: what is left of one is not shown. */
export const readBoth = async (deps: Deps, runId: RunId): Promise<{ readonly run: Run; readonly runPlan: RunPlan }> => {
  const loaded = await loadRun(deps, runId);
  const told = await deps.store.get<RunPlan>(runPlanKey(runId));
  if (loaded !== undefined && told !== undefined) return { run: loaded.run, runPlan: told.body };
  throw new VisibleError("RUN_UNKNOWN", `There is no run ${runId}.`, {
    hint: "List runs with: smtx-backup run list --since 7d",
  });
};

const limitsOf = async (deps: Deps, source: SiteId): Promise<ReadonlyMap<SiteId, number>> => {
  const [site] = await readSites(deps, [source]);
  return new Map(site?.limits?.map(({ target, bytesPerSecond }) => [target, bytesPerSecond]));
};

/** Sites of an unfinished run without a gateway that was heard of lately. */
const absentSites = async (deps: Deps, run: Run): Promise<ReadonlySet<SiteId>> => {
  const open = partsOf(run).flatMap(([site, part]) => (part.step === null ? [] : [site]));
  const sites = open.length === 0 ? [] : [...new Set([takerOf(run), run.sender ?? takerOf(run), ...open])];
  const absent = await Promise.all(
    sites.map(async (site) => ((await readGateways(deps, site)).some(({ alive }) => alive) ? [] : [site])),
  );
  return new Set(absent.flat());
};

interface RunWorld {
  readonly plan: Plan | undefined;
  readonly absent: ReadonlySet<SiteId>;
  readonly runPlan: RunPlan;
  readonly taken: WholeTaken | undefined;
  /** Which volumes are which object's, where that is told apart. */
  readonly own: Awaited<ReturnType<typeof readOwnVolumes>> | undefined;
  /** How fast the sender may send to its targets. */
  readonly limits: ReadonlyMap<SiteId, number>;
}

const targetOf = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  part: TargetRun,
  { plan, absent, runPlan, taken, own, limits }: RunWorld,
): Promise<{ readonly shown: RunTarget; readonly warnings: Warnings }> => {
  const { triesMax } = deps.retryPolicy ?? defaultRetryPolicy;
  const shards = await openShards(deps, run, site, part);
  const prepared = isMoving(run) ? (await readShards(deps, run.id, site, "preparing")).map(bodyOf) : [];
  const reason = part.step === null ? part.reason : (lastReason(shards) ?? null);
  const base = await readBase(deps, run.id, site);
  const moving = movingIn(run, part, shards);
  const progress = await progressAt(deps, run, site, { part, taken, own, prepared });
  const { endedIn: _, unsettled: __, ...summary } = part;
  const shown: RunTarget = {
    ...summary,
    state: isWaiting(shards) ? "waiting" : part.state,
    reason,
    site,
    attempt: attemptOf(shards),
    attemptsMax: triesMax,
    waitsFor: whyItWaits(run, site, part, { plan, absent, triesMax, shards }),
    base: base === undefined ? null : { baseGroupId: base.baseGroupId, why: base.why },
    progress,
    pace: part.step === "transferring" ? paceOf(shards, progress, limits.get(site)) : null,
    current: moving === undefined ? null : await currentOf(deps, run, moving, runPlan),
  };
  return { shown, warnings: await warningsOfMirrors(deps, run.id, site, prepared) };
};

const bodyOf = ({ body }: { readonly body: Shard }): Shard => body;

/**
 * What a person is told of while it is worked on: a volume that is sent, an object that is
 * prepared or rebuilt.
 */
const movingIn = (run: Run, part: TargetRun, shards: readonly Shard[]): Shard | undefined => {
  if (part.step === "preparing") return shards.find(({ waiting, silence }) => !waiting && silence === 0);
  return part.step === dataStepOf(run) ? shards.find(isUnderWay) : undefined;
};

const isUnderWay = ({ progress }: Shard): boolean =>
  progress !== undefined && progress.phase !== "waiting" && progress.phase !== "done";

const currentOf = async (
  deps: Deps,
  run: Run,
  { step, index: task, progress, volumePages }: Shard,
  runPlan: RunPlan,
): Promise<NonNullable<RunTarget["current"]>> => {
  const isStagedVolume = step === "transferring" && isStaging(run, step);
  const index = isStagedVolume
    ? await stagedObjectOf(deps, run.id, task)
    : await readObjectOf(deps, run.id, task, volumePages);
  const at = snapshotIndexOf(runPlan, index);
  const object = await readFact<SnapshotFact>(deps, originOf(runPlan), "snapshotting", "source", at);
  return { index, name: object?.config.name ?? "", phase: progress?.phase ?? "waiting" };
};

/** Those of the part's step that give something out. */
export const openShards = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  { step }: TargetRun,
): Promise<readonly Shard[]> => {
  if (step === null) return [];
  const shards = await readShards(deps, run.id, placeOf(run, site, step), step);
  return shards.map(({ body }) => body).filter(({ deadline }) => deadline !== null);
};

/** Whether it sends volumes from one site to another. */
export const isMoving = (run: Kind): boolean => stepsIn(run).includes("transferring");

/** The step that moves an object's data. */
export const dataStepOf = (run: Kind): Step => {
  if (isMoving(run)) return "transferring";
  // What comes before it only looks, and takes the group by which it can be undone.
  if (run.kind === "rollback") return "rolling-back";
  if (run.order === "stop") return "stopping";
  const [first] = stepsIn(run);
  assert(first !== undefined, "each run has steps");
  return first;
};

type Kind = Pick<Run, "kind" | "sender" | "order">;

/** How many of the steps after one a part has come to; negative before it. */
const stepsPast = (run: Run, part: TargetRun, first: Step): number => {
  const steps = stepsIn(run);
  const step = part.step ?? part.endedIn;
  return step === undefined ? -1 : steps.indexOf(step) - steps.indexOf(first);
};

const isPast = (run: Run, part: TargetRun, step: Step): boolean =>
  part.state === "succeeded" || stepsPast(run, part, step) > 0;

export const isAllDone = (run: Run, part: TargetRun): boolean => isPast(run, part, dataStepOf(run));

/** The sum over all objects, which the shards keep. */
const progressAt = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  { part, taken, own, prepared }: Pick<RunWorld, "taken" | "own"> & { part: TargetRun; prepared: readonly Shard[] },
): Promise<ProgressSum> => {
  const step = dataStepOf(run);
  const shards = (await readShards(deps, run.id, placeOf(run, site, step), step)).map(bodyOf);
  const some = shards.length > 0 ? shards.flatMap(progressesIn) : await progressesOfBefore(deps, run, site);
  const objectsTotal = taken?.objects ?? run.objectCount;
  const isOver = isAllDone(run, part);
  const counts = {
    objectsTotal,
    objectsDone: isOver ? objectsTotal : objectsDoneIn(run, shards, { objectsTotal, own }),
    ...(isMoving(run) && {
      objectsPrepared: isPast(run, part, "preparing") ? objectsTotal : tasksDone(prepared),
      ...(taken?.volumes !== undefined && {
        volumesTotal: taken.volumes,
        volumesDone: isOver ? taken.volumes : tasksDone(shards),
      }),
    }),
  };
  const { bytesToDo: _, bytesDone: __, ...told } = sumOf(some);
  const sum = { ...told, ...workOf(some, taken?.sizeBytes ?? told.bytesTotal) };
  if (taken === undefined || !isMoving(run)) return { ...sum, ...counts };
  const { extents, sizeBytes } = taken;
  return {
    ...sum,
    ...counts,
    extentsTotal: Math.max(extents, sum.extentsTotal),
    bytesTotal: Math.max(sizeBytes, sum.bytesTotal),
  };
};

const tasksDone = (shards: readonly Shard[]): number => shards.reduce((sum, shard) => sum + doneCount(shard), 0);

/** Those all of whose volumes are sent; what has none of its own is done with the others. */
const objectsDoneIn = (
  { kind }: Run,
  shards: readonly Shard[],
  { objectsTotal, own }: { readonly objectsTotal: number; readonly own: RunWorld["own"] },
): number => {
  // One task is about all of them.
  if (kind === "snapshot" || kind === "rollback") return 0;
  if (own === undefined) return tasksDone(shards);
  const isDone = (task: number) => shards.some((one) => one.shard === shardOf(task) && isTaskDone(one, task));
  const indices = Array.from({ length: objectsTotal }, (_, index) => index);
  return indices.filter((index) => {
    const { first, count } = own.get(index) ?? { first: index, count: 1 };
    return count > 0 && Array.from({ length: count }, (_, place) => first + place).every(isDone);
  }).length;
};

const progressesIn = ({ done, progress }: Shard): readonly Progresses[] => [done ?? [], progress ?? []].flat();

/** Runs of an earlier version have no shards. */
const progressesOfBefore = async (deps: Deps, run: Run, site: SiteId): Promise<readonly Progresses[]> => {
  const facts = await readFacts<{ progress?: Progress }>(deps, run.id, dataStepOf(run), site);
  return facts.flatMap(({ progress }) => progress ?? []);
};
