import type { RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Progress, Run, RunPlan, TargetRun } from "../../core/api/run.ts";
import { defaultRunLimits } from "../../core/run/limits.ts";
import { partsOf, statusOf, stepsOf } from "../../core/run/steps.ts";
import { countDeadLetters } from "../dead-letters.ts";
import type { Deps } from "../deps.ts";
import { readBaseFact } from "../engine/base.ts";
import { readFacts, type SnapshotFact } from "../engine/facts.ts";
import { planKey, progressPrefix, runKey, runPlanKey } from "../records.ts";
import { progressAhead, sumOf } from "./progress.ts";
import { readGateways } from "./sites.ts";
import { attemptOf, whyItWaits } from "./waiting.ts";

/**
 * A run with everything that a person wants to know of it: how far each object is at each target, and what each
 * target waits for.
 * @throws {VisibleError} RUN_UNKNOWN
 */
export const readRun = async (deps: Deps, runId: RunId): Promise<RunAnswer> => {
  const stored = await deps.store.get<Run>(runKey(runId));
  // An expired run's documents do not go in the same instant: what is left of one is not shown.
  const told = await deps.store.get<RunPlan>(runPlanKey(runId));
  if (stored === undefined || told === undefined) {
    throw new VisibleError("RUN_UNKNOWN", `There is no run ${runId}.`, {
      hint: "List the runs of a plan with: smtx-backup run list",
    });
  }
  const run = stored.body;
  const runPlan = told.body;
  const [snapshots, plan, absent, deadLetters] = await Promise.all([
    run.kind === "backup" ? readFacts<SnapshotFact>(deps, runId, "snapshotting", "source") : [],
    deps.store.get<Plan>(planKey(run.planId)),
    absentSites(deps, run),
    countDeadLetters(deps, runId),
  ]);
  const world = { plan: plan?.body, absent, runPlan, snapshots };
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
  /** By index of the object; empty before the snapshot, and for runs that send nothing. */
  readonly snapshots: readonly SnapshotFact[];
}

const targetOf = async (
  deps: Deps,
  run: Run,
  site: SiteId,
  part: TargetRun,
  { plan, absent, runPlan, snapshots }: RunWorld,
): Promise<RunTarget> => {
  const { triesMax } = deps.limits ?? defaultRunLimits;
  const reported = await readProgress(deps, run.id, site);
  const objects = runPlan.objects.map(({ kind, id, name }, index) => {
    const progress = reported.get(index) ?? progressAhead(snapshots[index]?.config.volumes ?? []);
    const phase = isObjectDone(run, part, index) ? "done" : progress.phase;
    return { index, kind, id, name, progress: { ...progress, phase } };
  });
  const { pending: _, inFlight: __, silence: ___, deadline: ____, ...summary } = part;
  const fact = await readBaseFact(deps, run.id, site);
  return {
    ...summary,
    site,
    attempt: attemptOf(part),
    attemptsMax: triesMax,
    waitsFor: whyItWaits(run, site, part, { plan, absent, triesMax }),
    base: fact === undefined ? null : { baseGroupId: fact.baseGroupId, why: fact.why },
    progress: sumOf(objects.map(({ progress }) => progress)),
    objects,
  };
};

/** The step that moves an object's data. */
const dataStep = { snapshot: "snapshotting", backup: "transferring", rebuild: "rebuilding" } as const;

/** The state says when an object's data is there; a report of its progress may come late. */
const isObjectDone = (run: Run, part: TargetRun, index: number): boolean => {
  if (part.state === "succeeded") return true;
  if (part.step === null) return false;
  const steps = stepsOf[run.kind];
  const stepsPast = steps.indexOf(part.step) - steps.indexOf(dataStep[run.kind]);
  if (stepsPast !== 0) return stepsPast > 0;
  const isOpen = part.pending.includes(index) || part.inFlight.some((task) => task.index === index);
  return run.kind !== "snapshot" && !isOpen;
};

const progressPerPage = 200;

/** What was reported of each object, by its index. */
const readProgress = async ({ store }: Deps, runId: RunId, site: SiteId): Promise<ReadonlyMap<number, Progress>> => {
  const found = new Map<number, Progress>();
  const prefix = progressPrefix(site);
  let cursor: string | undefined;
  do {
    const page = await store.query<Progress>({
      partition: `RUN#${runId}`,
      prefix,
      limit: progressPerPage,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { key, body } of page.items) found.set(Number(key.sort.slice(prefix.length)), body);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
};
