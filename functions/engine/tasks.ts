import { strict as assert } from "node:assert";
import type { SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run, RunPlan, Step } from "../../core/api/run.ts";
import type { AbortTask, ReclaimTask, RunTask, VolumeTransfer } from "../../core/api/task.ts";
import { clockOffSecondsMax } from "../../core/ports/clock.ts";
import type { RunEffect } from "../../core/run/events.ts";
import type { Deps } from "../deps.ts";
import { readGateways } from "../queries/sites.ts";
import { planKey } from "../records.ts";
import { type BaseFact, baseOfObject, ensureBaseFact } from "./base.ts";
import { needFact, type PrepareFact, readFacts, readRunPlan, type SnapshotFact } from "./facts.ts";
import { chooseForReclaim } from "./reclaim.ts";

type Dispatch = Extract<RunEffect, { type: "dispatch" }>;
type Given = Dispatch["tasks"][number];

/** What every task of a run carries. Its id is the same for every try. */
const fieldsOf = (
  deps: Deps,
  run: Run,
  about: Given & { readonly target: SiteId; readonly step: Step; readonly siteId: SiteId },
) => ({
  ...about,
  id: `${run.id}/${about.step}/${about.target}/${about.index}`,
  runId: run.id,
  planId: run.planId,
  groupId: run.groupId,
  sequence: run.sequence,
  source: run.source,
  issuedAt: deps.clock.now(),
});

/**
 * The message that fences off whoever still writes for a part. It ends no step; the step's name
 * says where it was.
 */
export const abortTaskOf = (deps: Deps, run: Run, target: SiteId): AbortTask => ({
  ...fieldsOf(deps, run, { target, step: "transferring", index: 0, attempt: 1, siteId: target }),
  id: `${run.id}/abort/${target}/0`,
  kind: "abort",
});

/**
 * The message that asks the source what it has, or deletes groups there, outside a run's own
 * reclaim. It ends no step.
 */
export const tidyTaskOf = (
  deps: Deps,
  run: Run,
  target: SiteId,
  told: Pick<ReclaimTask, "id" | "groupIds" | "keeps">,
): ReclaimTask => ({
  ...fieldsOf(deps, run, { target, step: "reclaiming", index: 1, attempt: 1, siteId: run.source }),
  ...told,
  kind: "reclaim",
});

/**
 * Makes the messages of a dispatch: what each task needs to know comes from the facts of the steps
 * before it.
 */
export const tasksOf = async (deps: Deps, run: Run, { target, step, tasks }: Dispatch): Promise<readonly RunTask[]> => {
  const common = (given: Given, siteId: SiteId) => fieldsOf(deps, run, { ...given, target, step, siteId });
  const runPlan = await readRunPlan(deps, run.id);
  switch (step) {
    case "snapshotting":
      return tasks.map((given) => ({ ...common(given, run.source), kind: "snapshot", objects: runPlan.objects }));
    case "preparing":
      return Promise.all(
        tasks.map(async (given) => {
          const fact = await needFact<SnapshotFact>(deps, run.id, "snapshotting", "source", given.index);
          return { ...common(given, target), kind: "prepare", object: fact.config } as const;
        }),
      );
    case "transferring": {
      const fact = await ensureBaseFact(deps, run, target);
      const endpoints = await endpointsOf(deps, target);
      return Promise.all(
        tasks.map(async (given) => ({
          ...common(given, run.source),
          ...(await transferOf(deps, run, target, given.index, fact)),
          kind: "transfer" as const,
          compression: runPlan.compression,
          endpoints,
        })),
      );
    }
    case "publishing": {
      const content = await publication(deps, run, runPlan, target);
      return tasks.map((given) => ({ ...common(given, target), kind: "publish", ...content }));
    }
    case "reclaiming":
      return Promise.all(
        tasks.map(async (given) => {
          const siteId = given.index === 0 ? target : run.source;
          const isListed = run.targets[target]?.inFlight.find(({ index }) => index === given.index)?.listed ?? false;
          const plan = isListed ? await deps.store.get<Plan>(planKey(run.planId)) : undefined;
          const chosen = plan === undefined ? { groupIds: [] } : await chooseForReclaim(deps, plan.body, siteId);
          return { ...common(given, siteId), kind: "reclaim", ...chosen } as const;
        }),
      );
    case "rebuilding":
      return Promise.all(
        tasks.map(async (given) => ({ ...common(given, target), ...(await rebuildOf(deps, runPlan, given.index)) })),
      );
  }
};

const transferOf = async (deps: Deps, run: Run, target: SiteId, index: number, fact: BaseFact) => {
  const { config, snapshotIds } = await needFact<SnapshotFact>(deps, run.id, "snapshotting", "source", index);
  const mirror = await needFact<PrepareFact>(deps, run.id, "preparing", target, index);
  const base = await baseOfObject(deps, run, target, { index, config, fact });
  const volumes = config.volumes.map((volume, i): VolumeTransfer => {
    const mirrorVolumeId = mirror.volumes.find(({ sourceVolumeId }) => sourceVolumeId === volume.id)?.mirrorVolumeId;
    const snapshotId = snapshotIds[i];
    assert(mirrorVolumeId !== undefined && snapshotId !== undefined, `${volume.id} has no mirror or no snapshot`);
    return { snapshotId, baseSnapshotId: base.snapshotIds.get(volume.id) ?? null, mirrorVolumeId };
  });
  return { volumes, baseGroupId: base.groupId };
};

const publication = async (deps: Deps, run: Run, runPlan: RunPlan, target: SiteId) => {
  const snapshots = await readFacts<SnapshotFact>(deps, run.id, "snapshotting", "source");
  const mirrors = await readFacts<PrepareFact>(deps, run.id, "preparing", target);
  const { planName } = runPlan;
  return {
    mirrors: mirrors.map(({ volumes }, index) => ({ index, volumes: [...volumes] })),
    manifest: {
      planId: run.planId,
      planName,
      source: run.source,
      groupId: run.groupId,
      sequence: run.sequence,
      takenAt: (snapshots[0]?.takenAt ?? run.createdAt) as Run["createdAt"],
      objects: snapshots.map((snapshot) => snapshot.config),
    },
  };
};

const rebuildOf = async (deps: Deps, { restore }: RunPlan, index: number) => {
  assert(restore !== undefined, "a rebuild has a restore in its plan");
  const { fromRunId, fromGroupId, namePrefix, evenDamaged } = restore;
  const { config } = await needFact<SnapshotFact>(deps, fromRunId, "snapshotting", "source", index);
  const name = `${namePrefix}${config.name}`;
  return { kind: "rebuild", fromGroupId, object: config, name, ...(evenDamaged === true && { evenDamaged }) } as const;
};

/**
 * Where the gateways of a site are reached that were heard of lately. One whose certificate or
 * clock is wrong, so that it is refused or refuses others, is only among them when there is no
 * other: then whoever tries says why.
 */
const endpointsOf = async (deps: Deps, siteId: SiteId): Promise<string[]> => {
  const alive = (await readGateways(deps, siteId)).filter((gateway) => gateway.alive);
  const believed = alive.filter(
    ({ certificateProblem, clockAheadSeconds = 0 }) =>
      certificateProblem === undefined && Math.abs(clockAheadSeconds) <= clockOffSecondsMax,
  );
  return (believed.length > 0 ? believed : alive).map(({ endpoint }) => endpoint);
};
