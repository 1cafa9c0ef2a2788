import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { LunRef, TakenSnapshot } from "../cluster/hands.ts";

/* Where manifests lie, in the records. Everything here runs inside the caller's transaction. */

export type ManifestLun = Pick<LunRef, "lun" | "zbsVolumeId" | "iqn" | "lunId" | "sizeBytes">;

export const putManifestLun = (database: Database, { planId, source }: Owner, lun: ManifestLun): void => {
  database.run(
    "INSERT OR REPLACE INTO manifestLuns VALUES (?, ?, ?, ?, ?, ?, ?)",
    planId,
    source,
    lun.lun,
    lun.zbsVolumeId,
    lun.iqn,
    lun.lunId,
    lun.sizeBytes,
  );
};

export const findManifestLun = (database: Database, { planId, source }: Owner): ManifestLun | undefined =>
  database.one<ManifestLun>(
    "SELECT lun, zbsVolumeId, iqn, lunId, sizeBytes FROM manifestLuns WHERE planId = ? AND source = ?",
    planId,
    source,
  );

/** A group's manifest, which was snapshotted with its mirrors, and the plan's LUN. */
export const putManifest = (
  database: Database,
  { groupId, owner }: { readonly groupId: GroupId; readonly owner: Owner },
  lun: ManifestLun,
  taken: ReadonlyMap<string, TakenSnapshot>,
): void => {
  const snapshot = taken.get(lun.zbsVolumeId);
  if (snapshot === undefined) throw new Error(`no snapshot was taken of the manifest of ${groupId}`);
  putManifestLun(database, owner, lun);
  putManifestSnapshot(database, groupId, snapshot);
};

export const putManifestSnapshot = (database: Database, groupId: GroupId, taken: TakenSnapshot): void => {
  const { snapshot, zbsVolumeId } = taken;
  database.run("INSERT INTO manifestsOfGroups VALUES (?, ?, ?)", groupId, snapshot, zbsVolumeId);
};
