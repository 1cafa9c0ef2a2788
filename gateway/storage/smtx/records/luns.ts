import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { LunRef, TakenSnapshot } from "../cluster/hands.ts";

/* What on the cluster stands for rows. Everything here runs inside the caller's transaction. */

export const lunOfVolume = (database: Database, volumeId: string): LunRef | undefined =>
  database.one<LunRef>(
    "SELECT lun, zbsVolumeId, target, iqn, lunId, sizeBytes FROM lunsOfVolumes WHERE volumeId = ?",
    volumeId,
  );

/**
 * Under which id a LUN is asked for. Undefined: whichever the cluster gives it. Not every target
 * has disks at 0, where the ids of an embedded cluster begin.
 */
export const askedLunId = ({ kind, lunId }: Pick<VolumeRow, "kind" | "lunId">): number | undefined =>
  kind === "lun" ? lunId || undefined : undefined;

/** Inside a transaction. What it had before is to be removed. */
export const putLun = (database: Database, volumeId: string, now: LunRef): void => {
  const { lun, zbsVolumeId, target, iqn, lunId, sizeBytes } = now;
  const before = lunOfVolume(database, volumeId);
  if (before !== undefined && before.lun !== lun) {
    database.run("INSERT OR IGNORE INTO removals (kind, id) VALUES ('lun', ?)", before.lun);
  }
  database.run(
    "INSERT OR REPLACE INTO lunsOfVolumes VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0)",
    volumeId,
    lun,
    zbsVolumeId,
    target,
    iqn,
    lunId,
    sizeBytes,
  );
};

/** Inside a transaction. */
export const putSnapshot = (database: Database, tableId: number, taken: TakenSnapshot): void => {
  const { snapshot, zbsVolumeId } = taken;
  database.run("INSERT INTO snapshotsOfTables VALUES (?, ?, ?)", tableId, snapshot, zbsVolumeId);
};

/** CloudTower's id of the snapshot that a table stands for. */
export const snapshotOf = (database: Database, tableId: number): string | null =>
  database.one<{ snapshot: string }>("SELECT snapshot FROM snapshotsOfTables WHERE tableId = ?", tableId)?.snapshot ??
  null;
