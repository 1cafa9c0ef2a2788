import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import type { ToldPlan } from "../../core/api/adoption/told-plan.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { groupIdOf, type Instant, planIdOf, type RunId, type SiteId, stagedIdsOf } from "../../core/api/ids.ts";
import { messageText, newestMessageFormat } from "../../core/api/message.ts";
import { mirrorSetOf } from "../../core/api/mirror-set.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { TaskReport } from "../../core/api/report.ts";
import type { Run, RunPlan, Shard } from "../../core/api/run.ts";
import type {
  AbortTask,
  ReclaimTask,
  RunTask,
  StagedTransfer,
  UnstageTask,
  VolumeTransfer,
} from "../../core/api/task.ts";
import { rebuiltName } from "../../core/object/rebuilt-name.ts";
import { clockOffSecondsMax } from "../../core/ports/clock.ts";
import { flowOf, isStaging, siteOfTask } from "../../core/run/steps.ts";
import { chooseForDeletion } from "../deletable/choose.ts";
import { planKey } from "../documents/records.ts";
import { readGatewaysOfLate } from "../gateways/list.ts";
import { baseOfVolume, nothingThere } from "../groups/base.ts";
import { chooseForReclaim } from "../groups/reclaim.ts";
import { readLocks } from "../locks/locks.ts";
import { orderOf } from "../order-steps/told.ts";
import type { Deps } from "../ports/deps.ts";
import { checkOf, rollbackOf, safetyGroupOf } from "../rollback-steps/told.ts";
import { needFact, type PrepareFact, readFacts, readRunPlan, type SnapshotFact } from "../runs/facts.ts";
import { mappingFor } from "../runs/mapping.ts";
import { readRunObjects, snapshotIndexOf } from "../runs/run-objects.ts";
import { readObjectOf } from "../runs/volume-pages.ts";
import { readGroupOf } from "../staging/read-group.ts";
import { stagedPreparation, stagedPublication, stagedTransfer } from "../staging/staged-tasks.ts";

const tidying = { step: "reclaiming", attempt: 1 } as const;

/** What every task of a run carries. Its id is the same for every try. */
const fieldsOf = (
  deps: Deps,
  { id: runId, sequence, source, sender }: Pick<Run, "id" | "sequence" | "source" | "sender">,
  about: Pick<RunTask, "index" | "attempt" | "target" | "step" | "siteId">,
) => ({
  ...about,
  id: `${runId}/${about.step}/${about.target}/${about.index}`,
  runId,
  ...(isStaging({ sender }, about.step) ? stagedIdsOf(runId) : { planId: planIdOf(runId), groupId: groupIdOf(runId) }),
  sequence,
  source,
  issuedAt: deps.clock.now(),
});

/**
 * The message that fences off whoever still writes for a part, or serves it. It ends no step; the
 * step's name says where it was.
 */
export const abortTaskOf = (deps: Deps, run: Run, target: SiteId): AbortTask => ({
  ...fieldsOf(deps, run, {
    target,
    step: run.kind === "attach" ? "attaching" : "transferring",
    index: 0,
    attempt: 1,
    siteId: target,
  }),
  id: abortTaskId(run.id, target),
  kind: "abort",
});

/** Whether a report is about such a message: its target was told to, and nothing follows. */
export const isOfAbort = ({
  taskId,
  runId,
  target,
  siteId,
}: Pick<TaskReport, "taskId" | "runId" | "target" | "siteId">) =>
  siteId === target && taskId === abortTaskId(runId, target);

/** The message that has a restore's target remove all that was brought there for it. */
export const unstageTaskOf = (deps: Deps, run: Run, target: SiteId): UnstageTask => ({
  ...fieldsOf(deps, run, { target, step: "publishing", index: 0, attempt: 1, siteId: target }),
  id: unstageTaskId(run.id, target),
  ...{ kind: "unstage", format: newestMessageFormat },
});

/** Whether a report is about such a message. */
export const isOfUnstage = ({ taskId, runId, target }: Pick<TaskReport, "taskId" | "runId" | "target">) =>
  taskId === unstageTaskId(runId, target);

const unstageTaskId = (runId: RunId, target: SiteId): string => `${runId}/unstage/${target}/0`;

const abortTaskId = (runId: RunId, target: SiteId): string => `${runId}/abort/${target}/0`;

/**
 * The message that asks a site what it has, or deletes groups there, outside a run's own
 * reclaim. It ends no step.
 */
export const tidyTaskOf = (
  deps: Deps,
  run: Run,
  { target, index }: Pick<ReclaimTask, "target" | "index">,
  told: Pick<ReclaimTask, "id" | "groupIds" | "keeps">,
): ReclaimTask => ({
  ...fieldsOf(deps, run, { target, index, ...tidying, siteId: siteOfTask(run, target, "reclaiming", index) }),
  ...told,
  kind: "reclaim",
});

/**
 * Makes the message of the task that a shard gives out: what it needs to know comes from the shard
 * and from the facts of the steps before it.
 */
export const taskOf = async (deps: Deps, runId: RunId, target: SiteId, shard: Shard): Promise<RunTask> => {
  const { step, index, attempt } = shard;
  const siteId = siteOfTask(shard, target, step, index);
  const common = fieldsOf(deps, { ...shard, id: runId }, { index, attempt, target, step, siteId });
  switch (step) {
    case "snapshotting":
      return {
        ...common,
        kind: "snapshot",
        ...(await toTake(deps, runId, siteId)),
      };
    case "preparing":
      return { ...common, kind: "prepare", ...(await preparationOf(deps, runId, target, shard)) };
    case "transferring":
      return { ...common, kind: "transfer", ...(await transferOf(deps, runId, target, shard)) };
    case "publishing":
      return { ...common, kind: "publish", ...(await publicationOf(deps, common, target, shard)) };
    case "reclaiming": {
      const plan = shard.listed ? await deps.store.get<Plan>(planKey(common.planId)) : undefined;
      const chosen = plan === undefined ? { groupIds: [] } : await chooseForReclaim(deps, plan.body, siteId);
      return { ...common, kind: "reclaim", ...chosen };
    }
    case "deleting":
      return {
        ...common,
        kind: "reclaim",
        ...(shard.listed ? await chooseForDeletion(deps, runId, siteId) : { groupIds: [] }),
      };
    case "rebuilding":
      return { ...common, ...(await rebuildOf(deps, runId, shard)) };
    case "checking":
      return { ...common, kind: "check", ...(await checkOf(deps, runId)), ...newestForm };
    case "rolling-back":
      return { ...common, kind: "rollback", ...(await rollbackOf(deps, runId, shard)), ...newestForm };
    case "undoing":
      return { ...common, kind: "undo-rollback", ...newestForm };
    case "attaching":
      return { ...common, ...(await attachOf(deps, runId, index)) };
    case "looking":
    case "stopping":
    case "comparing":
    case "starting":
    case "readying":
      return { ...common, kind: "order", ...(await orderOf(deps, runId, shard)), ...newestForm };
  }
};

/** Gateways of before would not do it, or otherwise. */
const newestForm = { format: newestMessageFormat };

const toTake = async (deps: Deps, runId: RunId, siteId: SiteId) => {
  const told = await readRunPlan(deps, runId);
  if (told.restore !== undefined) return { ...(await safetyGroupOf(deps, runId)), ...newestForm };
  const locked = (await readLocks(deps, siteId)).map(({ id, runId: by }) => ({ id, runId: by }));
  const objects = [...(await readRunObjects(deps, told))];
  const { planName, standIns } = told;
  const placed = standIns && { standIns, ...newestForm };
  return { objects, planName, ...(locked.length > 0 && { locked }), ...placed };
};

const preparationOf = async (deps: Deps, runId: RunId, target: SiteId, shard: Shard) => {
  const { index, pool } = shard;
  const isStaged = shard.sender !== undefined;
  const about = isStaged
    ? await stagedPreparation(deps, runId, shard)
    : { object: (await snapshotOf(deps, runId, index)).config };
  const mapping = await mappingFor(deps, { runId, target, pool }, about.object);
  const { sender } = flowOf(shard, target);
  return { ...about, sender, ...(mapping !== undefined && { mapping }) };
};

/** An object as it was snapshotted. */
const snapshotOf = (deps: Deps, runId: RunId, index: number) =>
  needFact<SnapshotFact>(deps, runId, "snapshotting", "source", index);

const transferOf = async (deps: Deps, runId: RunId, target: SiteId, shard: Shard) => {
  const { compression } = shard;
  assert(compression !== undefined, `the transfers of ${runId} were told nothing`);
  const { receiver } = flowOf(shard, target);
  const isStaged = shard.sender !== undefined;
  const [what, endpoints] = await Promise.all([
    isStaged ? stagedTransfer(deps, runId, target, shard) : ownTransfer(deps, runId, target, shard),
    endpointsOf(deps, receiver),
  ]);
  return { ...what, receiver, compression, endpoints };
};

/** A volume of the group that the run has taken itself. */
const ownTransfer = async (deps: Deps, runId: RunId, target: SiteId, shard: Shard) => {
  const { index, base: chosen, noBase, volumePages } = shard;
  assert(chosen !== undefined, `the transfers of ${runId} were told nothing`);
  const objectIndex = await readObjectOf(deps, runId, index, volumePages);
  const [snapshot, mirror] = await Promise.all([
    snapshotOf(deps, runId, objectIndex),
    needFact<PrepareFact>(deps, runId, "preparing", target, objectIndex),
  ]);
  const sent = volumesOf(snapshot, index);
  if (sent.length === 0) throw incomplete(`the volume ${index + 1} of the run ${runId}`);
  const bases = await Promise.all(
    sent.map(({ id }) => (noBase ? nothingThere : baseOfVolume(deps, { id, objectIndex }, chosen))),
  );
  const hasBase = bases.every(({ groupId }) => groupId !== null);
  // Of a base that another site took, the sender alone knows which snapshots it has.
  const isFound = hasBase && chosen.ofAnotherSite === true;
  const own = { planId: planIdOf(runId), groupId: groupIdOf(runId) };
  const volumes = sent.map(({ id, snapshotId }, i): VolumeTransfer | StagedTransfer => {
    const mirrorVolumeId = mirror.volumes.find(({ sourceVolumeId }) => sourceVolumeId === id)?.mirrorVolumeId;
    if (mirrorVolumeId === undefined || snapshotId === undefined) throw incomplete(id);
    if (isFound) return { from: own, sourceVolumeId: id, mirrorVolumeId };
    return { snapshotId, baseSnapshotId: hasBase ? (bases[i]?.snapshotId ?? null) : null, mirrorVolumeId };
  });
  const baseGroupId = hasBase ? (bases[0]?.groupId ?? null) : null;
  return { volumes, baseGroupId, ...(isFound && newestForm) };
};

const incomplete = (what: string) =>
  new VisibleError("GROUP_INCOMPLETE", `The sites have not told of a snapshot and a mirror of ${what}.`, {
    hint: "The next run of the plan begins anew.",
  });

/**
 * The volume of an object that a task is about; of one that a version before
 * snapshotted, all that it has.
 */
const volumesOf = ({ config, snapshotIds, volumes }: SnapshotFact, index: number) =>
  config.volumes
    .map(({ id }, place) => ({ id, snapshotId: snapshotIds[place], index: volumes?.[place] ?? null }))
    .filter((volume) => volumes === undefined || volume.index === index);

const publicationOf = (
  deps: Deps,
  common: Pick<RunTask, "runId" | "planId" | "groupId" | "sequence" | "source">,
  target: SiteId,
  { sender }: Shard,
) =>
  sender === undefined
    ? publication(deps, common, target)
    : stagedPublication(deps, common.runId, target, { ...common, setOf: (ids) => mirrorSetOf(ids, sha256) });

/**
 * What a target publishes: the mirrors that were transferred to, and the configurations that it
 * does not keep itself, since a gateway of before has prepared them. Where that was all of them, it
 * may have to be published by one, which wants the list.
 */
const publication = async (
  deps: Deps,
  { runId, planId, groupId, sequence, source }: Pick<RunTask, "runId" | "planId" | "groupId" | "sequence" | "source">,
  target: SiteId,
) => {
  const told = await readRunPlan(deps, runId);
  const { planName } = told;
  const prepared = await readFacts<PrepareFact>(deps, runId, "preparing", target);
  const { takenAt } = await snapshotOf(deps, runId, 0);
  const isKept = prepared.every(({ keepsConfig }) => keepsConfig);
  const snapshots = isKept ? [] : await readFacts<SnapshotFact>(deps, runId, "snapshotting", "source");
  const objects = prepared.map(({ keepsConfig }, index) => {
    if (keepsConfig) return null;
    const config = snapshots[index]?.config;
    assert(config !== undefined, `the run ${runId} has no object ${index}`);
    return config;
  });
  const ids = prepared.flatMap(({ volumes }) => volumes.map(({ mirrorVolumeId }) => mirrorVolumeId));
  const plan = isKept ? await toldPlanOf(deps, told) : undefined;
  return {
    mirrors: objects.includes(null)
      ? mirrorSetOf(ids, sha256)
      : prepared.map(({ volumes }, index) => ({ index, volumes: [...volumes] })),
    manifest: {
      planId,
      planName,
      source,
      groupId,
      sequence,
      takenAt: takenAt as Instant,
      objects,
      ...(plan && { plan }),
    },
  };
};

/** It goes into one message with all else that a publication is told. */
const toldPlanBytesMax = 700 * 1024;

/** What the target is to keep of the plan; nothing where that is too large for it. */
const toldPlanOf = async (deps: Deps, told: RunPlan): Promise<ToldPlan | undefined> => {
  const { settings, compression } = told;
  if (settings === undefined) return undefined;
  const plan = { ...settings, compression, entries: [...(await readRunObjects(deps, told))] };
  return messageText(plan).length <= toldPlanBytesMax ? plan : undefined;
};

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const rebuildOf = async (deps: Deps, runId: RunId, { index, sender }: Shard) => {
  const told = await readRunPlan(deps, runId);
  const { restore } = told;
  assert(restore !== undefined, "a rebuild has a restore in its plan");
  const { fromRunId, namePrefix, evenDamaged, names = [], wishes } = restore;
  const { config } = await snapshotOf(deps, fromRunId, snapshotIndexOf({ restore }, index));
  const { kind, id, name: named } = config;
  const name = names.find((one) => one.index === index)?.name ?? rebuiltName(config, namePrefix);
  const { planId: fromPlanId, groupId: fromGroupId } = readGroupOf(runId, { sender }, told);
  const from = { fromGroupId, ...(sender !== undefined && { fromPlanId, format: newestMessageFormat }) };
  const wanted = { object: { kind, id, name: named }, name, ...(evenDamaged === true && { evenDamaged }) };
  // A gateway of before would make it without a word of the wishes.
  const wished = wishes && { wishes, format: newestMessageFormat };
  return { kind: "rebuild", ...from, ...wanted, ...wished } as const;
};

const attachOf = async (deps: Deps, runId: RunId, index: number) => {
  const { restore } = await readRunPlan(deps, runId);
  assert(restore?.attach !== undefined, "an attachment has its terms in its plan");
  const { fromRunId, fromGroupId, attach } = restore;
  const { config } = await snapshotOf(deps, fromRunId, snapshotIndexOf({ restore }, index));
  const { kind, id } = config;
  return { kind: "attach", fromGroupId, object: { kind, id }, ...attach } as const;
};

/**
 * Where the gateways of a site are reached that were heard of lately. One whose certificate or
 * clock is wrong, so that it is refused or refuses others, is only among them when there is no
 * other: then whoever tries says why.
 */
const endpointsOf = async (deps: Deps, siteId: SiteId): Promise<string[]> => {
  const alive = (await readGatewaysOfLate(deps, siteId)).filter((gateway) => gateway.alive);
  const believed = alive.filter(
    ({ certificateProblem, clockAheadSeconds = 0 }) =>
      certificateProblem === undefined && Math.abs(clockAheadSeconds) <= clockOffSecondsMax,
  );
  return (believed.length > 0 ? believed : alive).map(({ endpoint }) => endpoint);
};
