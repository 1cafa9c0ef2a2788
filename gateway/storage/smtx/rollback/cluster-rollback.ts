import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { shapeAll } from "../../extentstore/rollback/become.ts";
import { changesSince } from "../../extentstore/rollback/changes.ts";
import { beginInPlace, shapeAsBefore, undoing } from "../../extentstore/rollback/in-place.ts";
import { type Planned, planRollback } from "../../extentstore/rollback/plan.ts";
import { findRollback, lostOf, putDone, putUndone, toldBefore } from "../../extentstore/rollback/record.ts";
import type { ChangesSinceOptions, ObjectChanges, RollbackOptions, RolledBack } from "../../rollback.ts";
import type { VolumeRef } from "../cluster/hands.ts";
import { type ClusterContext, lookAt } from "../context.ts";
import { learnListed } from "../groups/listed.ts";
import { giveNames, learn, nobodyWrites } from "../rebuild/cluster-restores.ts";
import { changeCluster } from "../records/changing.ts";
import { Comparing } from "../records/comparing.ts";
import { refuseStarted, type VolumeToRollBack, volumesToRollBack } from "./rolling.ts";
import { partsOf, partsToPutBack, putMadeAgain, putPartsBack, refuseOtherParts, type VmParts } from "./vm-parts.ts";
import { forgetVms, keepVms, recallVms } from "./vms-before.ts";

export const changesOnCluster = async (
  context: ClusterContext,
  of: ChangesSinceOptions,
  call?: StorageCall,
): Promise<readonly ObjectChanges[]> => {
  const comparing = new Comparing(context.extentTokens);
  const work = (database: Database) =>
    comparing.with(database, () => changesSince({ database, writer: nobodyWrites }, of));
  await learn(context, comparing, work, call);
  return lookAt(context, work, call);
};

/**
 * Each LUN becomes its snapshot by a task of the cluster's, and then each VM gets its parts. That
 * it has begun is in the records before the first, so whoever dies in between leaves what can be
 * gone on with, or undone.
 */
export const rollBackOnCluster = async (
  context: ClusterContext,
  options: RollbackOptions,
  call?: StorageCall,
): Promise<readonly RolledBack[]> => {
  const { key, owner, from } = options;
  await learnListed(context, call);
  const comparing = new Comparing(context.extentTokens);
  const planned = (database: Database, begun?: readonly number[]) =>
    comparing.with(database, () => planRollback({ database, writer: nobodyWrites }, options, begun));
  await learn(context, comparing, (database) => findRollback(database, key, owner) ?? planned(database), call);
  const known = await changeCluster(
    context,
    {
      plan: (database) => {
        const row = findRollback(database, key, owner);
        const told = toldBefore(row);
        if (told === undefined) refuseStarted(database, key);
        if (told === undefined && row === undefined) {
          const plan = planned(database);
          refuseOtherParts(database, plan);
          beginInPlace(database, options, plan);
          keepVms(database, key, vmsOf(plan));
        }
        return told;
      },
      realize: async () => undefined,
      finish: () => undefined,
    },
    call,
  );
  if (known !== undefined) return known;
  await rollVolumesBack(context, { key, fromGroupId: from.groupId }, call);
  const { told } = await changeCluster<RolledBackParts, readonly VolumeRef[]>(
    context,
    {
      plan: (database) => {
        const row = findRollback(database, key, owner);
        const before = toldBefore(row);
        if (before !== undefined) return { told: before };
        recallVms(database, key);
        const plan = planned(database, row && lostOf(row));
        const done = shapeAll(database, plan);
        putDone(database, options, done);
        forgetVms(database, key);
        return { told: done, parts: partsToPutBack(database, plan, options) };
      },
      realize: async ({ parts }, watch) => (parts === undefined ? [] : putPartsBack(context, parts, watch)),
      finish: (database, { parts }, made) => {
        if (parts !== undefined) putMadeAgain(database, parts, made);
      },
    },
    call,
  );
  await giveNames(context, call);
  return told;
};

interface RolledBackParts {
  readonly told: readonly RolledBack[];
  /** Absent: it was done before. */
  readonly parts?: VmParts;
}

const vmsOf = ({ objects }: Planned) => objects.flatMap(({ now }) => (now.kind === "vm" ? now.vm : []));

/** @returns whether it was done before */
export const undoOnCluster = async (
  context: ClusterContext,
  of: { readonly key: GroupId; readonly owner: Owner },
  call?: StorageCall,
): Promise<{ readonly wasDone: boolean }> => {
  const { ledger } = context;
  await lookAt(context, (database) => refuseStarted(database, of.key), call);
  const begun = await ledger.change((database) => undoing(database, of), call);
  const plan = (database: Database): { readonly wasDone: boolean; readonly vms: VmParts["vms"] } => {
    const now = findRollback(database, of.key, of.owner)?.state;
    if (now === "done") return { wasDone: true, vms: [] };
    const vms = now === "undoing" ? recallVms(database, of.key).map(({ id }) => id) : [];
    if (now === "undoing") shapeAsBefore(database, of.key);
    putUndone(database, of);
    forgetVms(database, of.key);
    return { wasDone: false, vms: partsOf(database, vms) };
  };
  if (begun === undefined) return { wasDone: (await ledger.change(plan, call)).wasDone };
  await rollVolumesBack(context, begun, call);
  const { wasDone } = await changeCluster(
    context,
    {
      plan,
      realize: ({ vms }, watch) => putPartsBack(context, { volumes: [], vms }, watch),
      finish: () => undefined,
    },
    call,
  );
  return { wasDone };
};

const rollVolumesBack = async (
  { ledger, hands }: ClusterContext,
  of: { readonly key: GroupId; readonly fromGroupId: GroupId },
  call: StorageCall | undefined,
): Promise<void> => {
  for (const one of await ledger.read((database) => volumesToRollBack(database, of), call)) {
    call?.signal?.throwIfAborted();
    const { snapshot, zbsVolumeId } = one.taken ?? gone(one);
    if (one.file !== undefined) {
      await hands.rollBackFile({ inodeId: one.file.inodeId, zbsSnapshot: zbsVolumeId }, call);
    } else if (one.lun !== undefined) {
      await hands.rollBackLun(one.lun, { snapshot }, call);
    }
    call?.onMoved?.();
  }
};

const gone = ({ volumeId, lun, file }: VolumeToRollBack): never => {
  const what = lun === undefined ? `the file ${file?.inodeId ?? volumeId}` : `the LUN ${lun}`;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `The cluster has no snapshot for ${what} any more.`, {
    hint: "Roll back to another group. List them with: smtx-backup group list",
  });
};
