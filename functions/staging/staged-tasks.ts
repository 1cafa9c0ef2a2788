import { strict as assert } from "node:assert";
import { VisibleError } from "../../core/api/errors.ts";
import { type Instant, planIdOf, type RunId, type SiteId, stagedIdsOf } from "../../core/api/ids.ts";
import { newestMessageFormat } from "../../core/api/message.ts";
import type { MirrorSet } from "../../core/api/mirror-set.ts";
import type { Shard } from "../../core/api/run.ts";
import type { PrepareTask, PublishTask, StagedTransfer, TransferTask } from "../../core/api/task.ts";
import { baseOfVolume, nothingThere } from "../groups/base.ts";
import type { Deps } from "../ports/deps.ts";
import { needFact, type PrepareFact, readFacts, readRunPlan } from "../runs/facts.ts";
import { needStagedObject, needStagedVolume } from "./staged-volumes.ts";

/** Gateways of before would write to mirrors of the plan's, or not know what is meant. */
const newest = { format: newestMessageFormat };

/** What the target is told of an object that is to be staged there. */
export const stagedPreparation = async (
  deps: Deps,
  runId: RunId,
  { index, base }: Shard,
): Promise<Pick<PrepareTask, "object" | "staged">> => {
  const { config } = await needStagedObject(deps, runId, index);
  const { baseGroupId = null } = base ?? {};
  return {
    ...newest,
    object: config,
    staged: { seed: baseGroupId && { planId: planIdOf(runId), groupId: baseGroupId } },
  };
};

/** What the sender is told of a volume: it looks up by itself what it has of it. */
export const stagedTransfer = async (
  deps: Deps,
  runId: RunId,
  target: SiteId,
  { index, base, noBase }: Shard,
): Promise<Pick<TransferTask, "volumes" | "baseGroupId">> => {
  assert(base !== undefined, `the transfers of ${runId} were told nothing`);
  const { objectIndex, volumeId } = await needStagedVolume(deps, runId, index);
  const [{ restore }, prepared, { groupId: baseGroupId }] = await Promise.all([
    readRunPlan(deps, runId),
    needFact<PrepareFact>(deps, runId, "preparing", target, objectIndex),
    noBase ? nothingThere : baseOfVolume(deps, { id: volumeId, objectIndex }, base),
  ]);
  const mirror = prepared.volumes.find(({ sourceVolumeId }) => sourceVolumeId === volumeId);
  assert(restore !== undefined, "only a restore is staged");
  if (mirror === undefined) throw incomplete(runId, volumeId);
  const volume: StagedTransfer = {
    from: { planId: planIdOf(runId), groupId: restore.fromGroupId },
    sourceVolumeId: volumeId,
    mirrorVolumeId: mirror.mirrorVolumeId,
  };
  return { ...newest, volumes: [volume], baseGroupId };
};

const incomplete = (runId: RunId, volumeId: string) =>
  new VisibleError("GROUP_INCOMPLETE", `The target has told of no place for ${volumeId} of ${runId}.`, {
    hint: "Begin another restore.",
  });

/** What the target makes a group of. Its manifest is called after the restore. */
export const stagedPublication = async (
  deps: Deps,
  runId: RunId,
  target: SiteId,
  {
    source,
    sequence,
    setOf,
  }: Pick<Shard, "source" | "sequence"> & { readonly setOf: (mirrors: readonly string[]) => MirrorSet },
): Promise<Pick<PublishTask, "mirrors" | "manifest">> => {
  const prepared = await readFacts<PrepareFact>(deps, runId, "preparing", target);
  const { takenAt } = await needStagedObject(deps, runId, 0);
  const ids = prepared.flatMap(({ volumes }) => volumes.map(({ mirrorVolumeId }) => mirrorVolumeId));
  const objects = prepared.map(() => null);
  const head = { ...stagedIdsOf(runId), planName: runId, source, sequence, takenAt: takenAt as Instant };
  return { ...newest, mirrors: setOf(ids), manifest: { ...head, objects } };
};
