import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { Owner } from "../../control.ts";
import type { VmRow } from "../../extentstore/cluster/vms.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { Planned } from "../../extentstore/rollback/plan.ts";
import { abilitiesOf } from "../abilities/abilities.ts";
import type { VolumeRef } from "../cluster/hands.ts";
import { notListed, zbsOfRef } from "../cluster/snapshot-refs.ts";
import type { ClusterContext } from "../context.ts";
import { digestOf, ourName, ownerTag } from "../names.ts";
import { noVolumes } from "../rebuild/fill.ts";
import { putMadeVolume, type VolumeToMake } from "../rebuild/made.ts";
import { makeVolumes } from "../rebuild/rebuild-on-cluster.ts";
import { snapshotOf } from "../records/luns.ts";
import { type VmDraft, vmDraft } from "../records/vm-draft.ts";

/** What a rollback makes of VMs on the cluster, when their disks' contents are back. */
export interface VmParts {
  /** Disks that were deleted since. */
  readonly volumes: readonly VolumeToMake[];
  /** Each with CloudTower's id. */
  readonly vms: readonly (VmDraft & { readonly vm: string })[];
}

/**
 * What no cluster can put back is refused before anything is begun. Inside a transaction.
 * @throws OBJECT_UNUSABLE, OBJECT_KIND_UNSUPPORTED, SNAPSHOT_UNKNOWN
 */
export const refuseOtherParts = (database: Database, { objects, volumes }: Planned): void => {
  for (const { now, then } of objects) {
    if (now.kind !== "vm" || then.object.kind !== "vm") continue;
    if (now.vm.firmware !== then.object.vm.firmware) throw otherFirmware(now.vm, then.object.vm.firmware);
  }
  for (const { live, snapshot } of volumes.values()) {
    const taken = snapshotOf(database, snapshot.tableId);
    const isOfCommandLine = taken !== null && zbsOfRef(taken) !== undefined;
    if (live !== undefined && live.kind !== "nfs-file" && isOfCommandLine) notListed();
  }
  const gone = [...volumes.values()].filter(({ live }) => live === undefined);
  if (gone.length > 0 && abilitiesOf(database).rollsBackVolumes.answer === "no") throw noVolumes();
  for (const { snapshot } of gone) snapshotOf(database, snapshot.tableId) ?? noSnapshot(snapshot.sourceVolumeId);
};

/** When the rows are what they are to be. Inside a transaction. */
export const partsToPutBack = (
  database: Database,
  { objects, volumes }: Planned,
  { key, owner }: { readonly key: string; readonly owner: Owner },
): VmParts => ({
  volumes: [...volumes].flatMap(([volumeId, { live, snapshot }]) => {
    const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ?", volumeId);
    if (live !== undefined || row === undefined) return [];
    const name = ourName("rebuild", ownerTag(owner), digestOf(key, volumeId));
    const { sizeBytes } = row;
    return [{ volumeId, name, sizeBytes, sharing: false, snapshot: snapshotOf(database, snapshot.tableId) }];
  }),
  vms: partsOf(
    database,
    objects.flatMap(({ now }) => (now.kind === "vm" ? now.vm.id : [])),
  ),
});

/** VMs as their rows have them. Inside a transaction. */
export const partsOf = (database: Database, vmIds: readonly string[]): VmParts["vms"] =>
  vmIds.flatMap((vmId) => {
    const row = database.one<VmRow & { vm: string }>(
      "SELECT vms.*, vm FROM vms JOIN vmsOnCluster ON vmId = id WHERE id = ?",
      vmId,
    );
    return row === undefined ? [] : [{ ...vmDraft(database, row), vm: row.vm }];
  });

/** What was made already by whoever was cut is taken. @returns the volumes in their order */
export const putPartsBack = async (
  context: ClusterContext,
  { volumes, vms }: VmParts,
  call: StorageCall,
): Promise<readonly VolumeRef[]> => {
  const made = await makeVolumes(context, volumes, call);
  const towerIds = new Map(volumes.map(({ volumeId }, n) => [volumeId, made[n]?.vmVolume]));
  for (const { vm, config, nics, disks } of vms) {
    const placed = disks.map(({ volumeId, volume, ...disk }) => ({
      ...disk,
      volume: volume ?? towerIds.get(volumeId) ?? noSnapshot(volumeId),
    }));
    await context.hands.shapeVm(vm, { config, nics, disks: placed }, call);
    call.onMoved?.();
  }
  return made;
};

/** Inside a transaction. */
export const putMadeAgain = (database: Database, { volumes }: VmParts, made: readonly VolumeRef[]): void => {
  for (const [n, { volumeId }] of volumes.entries()) {
    const ref = made[n];
    if (ref !== undefined) putMadeVolume(database, volumeId, ref);
  }
};

const otherFirmware = ({ name, firmware }: VmRow, then: string): VisibleError =>
  new VisibleError(
    "OBJECT_UNUSABLE",
    `The VM “${name}” can't be rolled back: it had ${then} in the group, and has ${firmware}. No cluster changes that.`,
    { hint: "Rebuild it beside what there is: smtx-backup rebuild GROUP --site SITE --object VM" },
  );

const noSnapshot = (volumeId: string): never => {
  throw new VisibleError("SNAPSHOT_UNKNOWN", `The cluster has nothing of the disk ${volumeId} any more.`, {
    hint: "Roll back to another group. List them with: smtx-backup group list",
  });
};
