import type { ObjectKind } from "../../../../core/api/object/common.ts";
import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { Owner } from "../../control.ts";
import type { VmRow } from "../../extentstore/cluster/vms.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { ContentStep, Database } from "../../extentstore/database/database.ts";
import type { LunRef, LunWish, VmRef, VolumeRef } from "../cluster/hands.ts";
import { fileOfVolume } from "../files/files-of-volumes.ts";
import { digestOf, ourName, ownerTag } from "../names.ts";
import { askedLunId, putLun, snapshotOf } from "../records/luns.ts";
import { type VmDraft, vmDraft } from "../records/vm-draft.ts";

/*
 * What a rebuild has put into the records, and the cluster does not have yet. Everything here runs
 * inside the caller's transaction.
 */

interface ToMake {
  readonly volumeId: string;
  /** CloudTower's id of the snapshot that it is made of. */
  readonly snapshot: string | null;
}

export interface VolumeToMake extends ToMake {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sharing: boolean;
}

export interface RebuildToMake {
  readonly luns: readonly (ToMake & { readonly wish: LunWish })[];
  readonly volumes: readonly VolumeToMake[];
  /** LUNs at first, under these names. */
  readonly files: readonly (ToMake & { readonly name: string; readonly path: string })[];
  readonly vms: readonly (VmDraft & { readonly name: string })[];
}

export const rebuildToMake = (database: Database, contents: readonly ContentStep[]): RebuildToMake => {
  const rows = database.all<VolumeRow>(
    `SELECT * FROM volumes v WHERE role = 'rebuilt'
     AND NOT EXISTS (SELECT 1 FROM lunsOfVolumes l WHERE l.volumeId = v.id)
     AND NOT EXISTS (SELECT 1 FROM filesOfVolumes f WHERE f.volumeId = v.id)`,
  );
  const common = (row: VolumeRow): ToMake => ({
    volumeId: row.id,
    snapshot: filledFrom(database, row.tableId, contents),
  });
  return {
    luns: rows.filter(({ kind }) => kind === "lun").map((row) => ({ ...common(row), wish: lunWish(database, row) })),
    volumes: rows
      .filter(({ kind }) => kind === "volume")
      .map((row) => ({ ...common(row), name: madeName(row), sizeBytes: row.sizeBytes, sharing: row.sharing === 1 })),
    files: rows
      .filter(({ kind }) => kind === "nfs-file")
      .map((row) => {
        const { volumeId, snapshot } = common(row);
        // It is not written once more when it is there: what another snapshot has is another one.
        return { volumeId, snapshot, name: `${madeName(row)}.${digestOf(snapshot ?? "")}`, path: row.name };
      }),
    vms: database
      .all<VmRow>(
        "SELECT * FROM vms v WHERE role = 'rebuilt' AND NOT EXISTS (SELECT 1 FROM vmsOnCluster c WHERE c.vmId = v.id)",
      )
      .map((vm) => ({ ...vmDraft(database, vm), name: madeName(vm) })),
  };
};

const filledFrom = (database: Database, tableId: number, contents: readonly ContentStep[]): string | null => {
  const step = contents.findLast((one) => "fill" in one && one.fill === tableId);
  return step === undefined || !("from" in step) ? null : snapshotOf(database, step.from);
};

/** Until the records say that it is there, so that what a death leaves is known for ours. */
export const madeName = ({ id, planId, source }: Pick<VolumeRow, "id" | "planId" | "source">): string =>
  ourName("rebuild", ownerTag({ planId, source } as Owner), id);

const lunWish = (database: Database, row: VolumeRow): LunWish => {
  const { stripeCount, stripeBytes } = row;
  const name = row.lunTarget ?? "default";
  const settings = database.one<{ settings: string }>(
    "SELECT settings FROM iscsiTargets WHERE name = ?",
    name,
  )?.settings;
  return {
    target: { name, stripeCount, stripeBytes, theirs: JSON.parse(settings ?? "{}") as IscsiTargetSettings },
    name: madeName(row),
    lunId: askedLunId(row),
    sizeBytes: row.sizeBytes,
    ...(row.allowedInitiators !== null && { allowedInitiators: row.allowedInitiators }),
  };
};

export const putMadeLun = (database: Database, volumeId: string, made: LunRef): void => {
  putLun(database, volumeId, made);
  markRebuilt(database, volumeId);
  database.run("UPDATE volumes SET lunId = ? WHERE id = ?", made.lunId, volumeId);
  putRename(database, "lun", made.lun, nameOf(database, "volumes", volumeId));
};

/** It has its name when it is a file. */
export const putLunOfFile = (database: Database, volumeId: string, made: LunRef): void => {
  putLun(database, volumeId, made);
  markRebuilt(database, volumeId);
};

export const putMadeVolume = (database: Database, volumeId: string, made: VolumeRef): void => {
  putLun(database, volumeId, made);
  markRebuilt(database, volumeId);
  database.run("UPDATE lunsOfVolumes SET vmVolume = ? WHERE volumeId = ?", made.vmVolume, volumeId);
  putRename(database, "vm-volume", made.vmVolume, nameOf(database, "volumes", volumeId));
};

export const putMadeVm = (database: Database, vmId: string, { vm, localId }: VmRef): void => {
  database.run("INSERT OR REPLACE INTO vmsOnCluster VALUES (?, ?, ?)", vmId, vm, localId);
  putRename(database, "vm", vm, nameOf(database, "vms", vmId));
};

const markRebuilt = (database: Database, volumeId: string): void => {
  database.run("UPDATE lunsOfVolumes SET rebuilt = 1 WHERE volumeId = ?", volumeId);
};

const nameOf = (database: Database, table: "volumes" | "vms", id: string): string =>
  database.one<{ name: string }>(`SELECT name FROM ${table} WHERE id = ?`, id)?.name ?? id;

const putRename = (database: Database, kind: Rename["kind"], id: string, name: string): void => {
  database.run("INSERT OR REPLACE INTO renames VALUES (?, ?, ?)", kind, id, name);
};

export interface Rename {
  readonly kind: "lun" | "vm-volume" | "vm";
  readonly id: string;
  readonly name: string;
}

export const listRenames = (database: Database): readonly Rename[] =>
  database.all<Rename>("SELECT kind, id, name FROM renames ORDER BY kind, id");

export const endRename = (database: Database, { kind, id, name }: Rename): void => {
  database.run("DELETE FROM renames WHERE kind = ? AND id = ? AND name = ?", kind, id, name);
};

/** By what CloudTower knows an object that was made here. */
export const madeOf = (
  database: Database,
  { kind, id, volumeId }: { readonly kind: ObjectKind; readonly id: string; readonly volumeId: string },
): { readonly kind: Rename["kind"] | "nfs-file"; readonly id: string } | undefined => {
  if (kind === "nfs-file") {
    const file = fileOfVolume(database, volumeId);
    return file && { kind, id: file.inode };
  }
  if (kind === "vm") {
    const row = database.one<{ vm: string }>("SELECT vm FROM vmsOnCluster WHERE vmId = ?", id);
    return row && { kind: "vm", id: row.vm };
  }
  const sql = "SELECT lun, vmVolume FROM lunsOfVolumes WHERE volumeId = ?";
  const row = database.one<{ lun: string; vmVolume: string | null }>(sql, volumeId);
  if (row === undefined) return undefined;
  return row.vmVolume === null ? { kind: "lun", id: row.lun } : { kind: "vm-volume", id: row.vmVolume };
};
