import type { Owner } from "../../control.ts";
import { dropEmptyExport } from "../cluster/exports.ts";
import { dropEmptyTarget } from "../cluster/targets.ts";
import { deleteVmRow } from "../cluster/vms.ts";
import { findVolume } from "../cluster/volumes.ts";
import { dropTable } from "../data/versions.ts";
import type { Database } from "../database/database.ts";

/*
 * Mirrors of what a plan does not have any more. They go when a group without them is published;
 * what a newer run has prepared or begun stays, and snapshots stay anyway. Everything here runs
 * inside the caller's transaction.
 */

/** @param sequence of the group that was published */
export const dropStaleMirrors = (database: Database, owner: Owner, sequence: number): void => {
  dropMirrorVolumes(database, staleVolumes(database, owner, sequence));
  dropMirrorObjects(database, staleObjects(database, owner, sequence));
};

export const dropMirrorVolumes = (database: Database, volumeIds: readonly string[]): void => {
  for (const volumeId of volumeIds) {
    database.run("DELETE FROM vmDisks WHERE volumeId = ?", volumeId);
    database.run("DELETE FROM mirrorObjectVolumes WHERE volumeId = ?", volumeId);
    dropMirrorVolume(database, volumeId);
  }
};

/** Call when their volumes are dropped. */
export const dropMirrorObjects = (
  database: Database,
  objects: readonly { readonly number: number; readonly vmId: string | null }[],
): void => {
  for (const { number, vmId } of objects) {
    database.run("DELETE FROM mirrorObjects WHERE number = ?", number);
    if (vmId !== null) deleteVmRow(database, vmId);
  }
};

/** Not written for the group or a newer one, nor prepared for a newer one. */
const staleVolumes = (database: Database, { planId, source }: Owner, sequence: number): string[] =>
  database
    .all<{ volumeId: string }>(
      `SELECT volumeId FROM mirrors WHERE planId = ?1 AND source = ?2 AND sequence < ?3 AND NOT EXISTS (
         SELECT 1 FROM mirrorObjectVolumes v JOIN mirrorObjects o ON o.number = v.mirrorObject
         WHERE v.volumeId = mirrors.volumeId AND o.sequence > ?3)`,
      planId,
      source,
      sequence,
    )
    .map(({ volumeId }) => volumeId);

/** Of those that no run has said that it prepares, the ones without any volume left. */
const staleObjects = (database: Database, { planId, source }: Owner, sequence: number) =>
  database.all<{ number: number; vmId: string | null }>(
    `SELECT number, vmId FROM mirrorObjects WHERE planId = ?1 AND source = ?2 AND sequence < ?3
       AND (sequence > 0 OR NOT EXISTS (SELECT 1 FROM mirrorObjectVolumes WHERE mirrorObject = number))`,
    planId,
    source,
    sequence,
  );

const dropMirrorVolume = (database: Database, volumeId: string): void => {
  const { tableId, lunTarget, export: exportName } = findVolume(database, volumeId);
  database.run("DELETE FROM doneExtents WHERE volumeId = ?", volumeId);
  database.run("DELETE FROM mirrors WHERE volumeId = ?", volumeId);
  database.run("DELETE FROM volumes WHERE id = ?", volumeId);
  dropTable(database, tableId);
  if (lunTarget !== null) dropEmptyTarget(database, lunTarget);
  if (exportName !== null) dropEmptyExport(database, exportName);
};
