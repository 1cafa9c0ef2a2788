import type { OpenMirrorOptions } from "../../control.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { ContentStep, Database } from "../../extentstore/database/database.ts";
import { snapshotOf } from "../records/luns.ts";
import { forgetClaims } from "./claims.ts";

/*
 * What a mirror's LUN has to become before anybody writes it. It is written down with the session,
 * and done afterwards: whoever dies in between leaves it to the next one. Everything here runs
 * inside the caller's transaction.
 */

export interface Reset {
  /** CloudTower's id of the snapshot that the LUN becomes; null: it becomes empty. */
  readonly snapshot: string | null;
}

/** @param wasWritten whether anybody has ever opened the mirror: a new LUN is empty */
export const noteReset = (
  database: Database,
  { mirrorVolumeId }: Pick<OpenMirrorOptions, "mirrorVolumeId">,
  { contents, wasWritten }: { readonly contents: readonly ContentStep[]; readonly wasWritten: boolean },
): void => {
  const tableId = database.one<Pick<VolumeRow, "tableId">>(
    "SELECT tableId FROM volumes WHERE id = ?",
    mirrorVolumeId,
  )?.tableId;
  const isCleared = contents.some((step) => "clear" in step && step.clear === tableId && step.fromExtent === 0);
  if (!isCleared) return;
  const filled = contents.findLast((step) => "fill" in step && step.fill === tableId);
  const base = filled === undefined || !("from" in filled) ? undefined : filled.from;
  closeBase(database, mirrorVolumeId);
  if ((base === undefined || snapshotOf(database, base) === null) && !wasWritten) return;
  putReset(database, mirrorVolumeId, base);
};

/** @param base the table of the snapshot that the LUN becomes; undefined: it becomes empty */
export const putReset = (database: Database, volumeId: string, base: number | undefined): void => {
  const snapshot = base === undefined ? null : snapshotOf(database, base);
  database.run("INSERT OR REPLACE INTO resets VALUES (?, ?)", volumeId, snapshot);
  forgetClaims(database, volumeId, snapshot === null ? undefined : base);
};

export const findReset = (database: Database, volumeId: string): Reset | undefined =>
  database.one<Reset>("SELECT snapshot FROM resets WHERE volumeId = ?", volumeId);

export const endReset = (database: Database, volumeId: string): void => {
  database.run("DELETE FROM resets WHERE volumeId = ?", volumeId);
};

/** What the writing started from is looked at no more. */
export const closeBase = (database: Database, volumeId: string): void => {
  database.run(
    "INSERT OR IGNORE INTO removals (kind, id) SELECT 'lun', lun FROM basesOfMirrors WHERE volumeId = ?",
    volumeId,
  );
  database.run("DELETE FROM basesOfMirrors WHERE volumeId = ?", volumeId);
};
