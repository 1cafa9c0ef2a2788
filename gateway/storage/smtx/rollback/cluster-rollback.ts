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
import { type ClusterContext, lookAt } from "../context.ts";
import { learn, nobodyWrites } from "../rebuild/cluster-restores.ts";
import { changeCluster } from "../records/changing.ts";
import { Comparing } from "../records/comparing.ts";
import { type VolumeToRollBack, volumesToRollBack } from "./rolling.ts";

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
 * Each LUN becomes its snapshot by a task of the cluster's. That it has begun is in the records
 * before the first, so whoever dies in between leaves what can be gone on with, or undone.
 */
export const rollBackOnCluster = async (
  context: ClusterContext,
  options: RollbackOptions,
  call?: StorageCall,
): Promise<readonly RolledBack[]> => {
  const { key, owner, from } = options;
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
        if (told === undefined && row === undefined) {
          const plan = planned(database);
          refuseOtherShape(plan);
          beginInPlace(database, options, plan);
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
  return changeCluster(
    context,
    {
      plan: (database) => {
        const row = findRollback(database, key, owner);
        const told = toldBefore(row);
        if (told !== undefined) return told;
        const done = shapeAll(database, planned(database, row && lostOf(row)));
        putDone(database, options, done);
        return done;
      },
      realize: async () => undefined,
      finish: () => undefined,
    },
    call,
  );
};

/** @returns whether it was done before */
export const undoOnCluster = async (
  context: ClusterContext,
  of: { readonly key: GroupId; readonly owner: Owner },
  call?: StorageCall,
): Promise<{ readonly wasDone: boolean }> => {
  const { ledger } = context;
  const begun = await ledger.change((database) => undoing(database, of), call);
  if (begun !== undefined) await rollVolumesBack(context, begun, call);
  return ledger.change((database) => {
    const now = findRollback(database, of.key, of.owner)?.state;
    if (now === "done") return { wasDone: true };
    if (now === "undoing") shapeAsBefore(database, of.key);
    putUndone(database, of);
    return { wasDone: false };
  }, call);
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

/** Of a VM, its disks, NICs and resources are the cluster's to change. */
const refuseOtherShape = ({ volumes }: Planned): void => {
  for (const { live, snapshot } of volumes.values()) {
    if (live !== undefined) continue;
    throw new VisibleError(
      "OBJECT_GONE",
      `The disk ${snapshot.sourceVolumeId} was deleted since the group was taken.`,
      {
        hint: "Rebuild the VM beside what there is: smtx-backup rebuild GROUP --site SITE --object VM",
      },
    );
  }
};
