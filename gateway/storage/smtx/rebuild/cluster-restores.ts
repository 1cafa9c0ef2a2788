import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { StorageCall } from "../../call.ts";
import type { DeleteRebuiltOptions, ObjectId, RebuildObjectOptions } from "../../control.ts";
import { deleteRebuilt } from "../../extentstore/administration/delete-rebuilt.ts";
import { setPower } from "../../extentstore/administration/power.ts";
import { findObjects } from "../../extentstore/cluster/objects.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { rebuildObstacles } from "../../extentstore/rebuild/look.ts";
import { rebuildObject } from "../../extentstore/rebuild/rebuild.ts";
import { type ClusterContext, lookAt, removeLeft } from "../context.ts";
import { withFreeWay } from "../reaper/in-the-way.ts";
import { changeCluster } from "../records/changing.ts";
import { Comparing } from "../records/comparing.ts";
import { noting } from "../records/notes.ts";
import { listRemovals } from "../records/removals.ts";
import { fileObstacle, madeFile, makeFiles } from "./files.ts";
import {
  endRename,
  listRenames,
  madeOf,
  putLunOfFile,
  putMadeLun,
  putMadeVm,
  putMadeVolume,
  rebuildToMake,
} from "./made.ts";
import { rebuildOnCluster } from "./rebuild-on-cluster.ts";

/** On a cluster nobody else's process locks a volume in the records. */
export const nobodyWrites = { isAlive: () => false };

/** Makes an object of a group's snapshots. It has its own name when the records have it. */
export const rebuildOne = (
  context: ClusterContext,
  options: RebuildObjectOptions,
  call?: StorageCall,
): Promise<ObjectConfig> => withFreeWay(context, () => rebuildOnce(context, options, call), call);

const rebuildOnce = async (
  context: ClusterContext,
  options: RebuildObjectOptions,
  call: StorageCall | undefined,
): Promise<ObjectConfig> => {
  const { made } = await changeCluster(
    context,
    {
      plan: (database, found) => {
        const { result, contents } = noting(database, () => rebuildObject(database, options));
        const toMake = rebuildToMake(database, contents);
        for (const { path } of toMake.files) {
          const obstacle = found && fileObstacle(context, { database, found, name: path });
          if (obstacle !== undefined) throw obstacle;
        }
        return { made: result, toMake };
      },
      realize: ({ toMake }, watch) => rebuildOnCluster(context, toMake, watch),
      finish: (database, { toMake }, { luns, volumes, files, vms }) => {
        for (const [index, lun] of luns.entries()) putMadeLun(database, toMake.luns[index]?.volumeId ?? "", lun);
        for (const [index, one] of volumes.entries())
          putMadeVolume(database, toMake.volumes[index]?.volumeId ?? "", one);
        for (const [index, lun] of files.entries()) putLunOfFile(database, toMake.files[index]?.volumeId ?? "", lun);
        for (const [index, vm] of vms.entries()) putMadeVm(database, toMake.vms[index]?.vmId ?? "", vm);
      },
    },
    call,
  );
  await giveNames(context, call);
  const volumeIds = made.volumes.map(({ id }) => id);
  await makeFiles(context, volumeIds, call);
  await giveLabels(context, made, call);
  // What the cluster has made of it may be told otherwise than it was planned.
  const { kind, id } = made;
  const [now = made] = await lookAt(context, (database) => findObjects(database, [{ kind, id }]), call);
  return now;
};

/** What a rebuild would be refused with. */
export const obstaclesOnCluster = (
  context: ClusterContext,
  options: RebuildObjectOptions,
  call?: StorageCall,
): Promise<readonly VisibleError[]> =>
  lookAt(
    context,
    (database, found) => {
      const inRecords = rebuildObstacles(database, options);
      const { object, name } = options;
      if (object.kind !== "nfs-file" || inRecords.some(({ code }) => code === "BAD_REQUEST")) return inRecords;
      const ofFile = fileObstacle(context, { database, found, name });
      return ofFile === undefined ? inRecords : [...inRecords, ofFile];
    },
    call,
  );

const giveLabels = async (
  { ledger, hands }: ClusterContext,
  { kind, id, volumes, labels }: ObjectConfig,
  call: StorageCall | undefined,
): Promise<void> => {
  if (labels === undefined) return;
  const of = await ledger.read((database) => madeOf(database, { kind, id, volumeId: volumes[0]?.id ?? "" }), call);
  if (of !== undefined) await hands.label(of, labels, call);
};

/** What was made under a name of ours gets its own. */
export const giveNames = async ({ ledger, hands }: ClusterContext, call?: StorageCall): Promise<void> => {
  for (const one of await ledger.read(listRenames, call)) {
    await hands.rename(one, call);
    await ledger.change((database) => endRename(database, one), call);
  }
};

export const deleteOne = async (
  context: ClusterContext,
  options: DeleteRebuiltOptions,
  call?: StorageCall,
): Promise<void> => {
  const comparing = new Comparing(context.extentTokens);
  const work = (database: Database) =>
    comparing.with(database, () => deleteRebuilt({ database, writer: nobodyWrites }, options));
  if (options.unchangedSince !== undefined) await learn(context, comparing, work, call);
  const before = (await context.ledger.read(listRemovals, call)).map(({ id }) => id);
  await changeCluster(
    context,
    {
      plan: (database) => {
        const file = madeFile(database, options.object);
        work(database);
        return file;
      },
      // It can't be done later, by whoever removes what is left: a person may have to.
      realize: async (file, watch) => (file === undefined ? undefined : context.hands.removeFile(file, watch)),
      finish: () => undefined,
    },
    call,
  );
  const own = (await removeLeft(context, call)).find(({ id }) => !before.includes(id));
  if (own !== undefined) throw own.error;
};

const triesMax = 8;

/** Tries what compares, until nothing that it compares is unknown. */
export const learn = async (
  context: ClusterContext,
  comparing: Comparing,
  work: (database: Database) => unknown,
  call?: StorageCall,
): Promise<void> => {
  for (let tries = 1; tries <= triesMax; tries++) {
    await lookAt(
      context,
      (database) => {
        try {
          work(database);
        } catch (error) {
          // What it comes to is found out when all is known.
          if (!(error instanceof VisibleError)) throw error;
        }
      },
      call,
    );
    if (!(await comparing.learn(call))) return;
  }
};

export const switchVm = async (
  context: ClusterContext,
  object: ObjectId,
  power: "on" | "off",
  call?: StorageCall,
): Promise<void> => {
  await changeCluster(
    context,
    {
      plan: (database) => {
        setPower(database, object, power);
        return database.one<{ vm: string }>("SELECT vm FROM vmsOnCluster WHERE vmId = ?", object.id)?.vm;
      },
      realize: async (vm, watch) => (vm === undefined ? undefined : context.hands.setPower(vm, power, watch)),
      finish: () => undefined,
    },
    call,
  );
};
