import type { ObjectKind } from "../../../../core/api/object/common.ts";
import type { Mapping, ObjectConfig } from "../../../../core/api/object.ts";
import type { Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";

/*
 * What mirror volumes belong to: one row a source object. Several may have the same volume.
 * Everything here runs inside the caller's transaction.
 */

export interface MirrorObjectRow {
  readonly number: number;
  readonly kind: ObjectKind;
  readonly vmId: string | null;
  /** Of the newest run that prepared it; 0 where none said which it was. */
  readonly sequence: number;
}

export const findMirrorObject = (
  database: Database,
  { planId, source }: Owner,
  sourceObjectId: string,
): MirrorObjectRow | undefined =>
  database.one<MirrorObjectRow>(
    "SELECT number, kind, vmId, sequence FROM mirrorObjects WHERE planId = ? AND source = ? AND sourceObjectId = ?",
    planId,
    source,
    sourceObjectId,
  );

/** The newest run that prepared any object with one of these volumes; 0: none did. */
export const newestWithVolumes = (
  database: Database,
  { planId, source }: Owner,
  { volumes }: Pick<ObjectConfig, "volumes">,
): number => {
  const sequences = volumes.map(
    ({ id }) =>
      database.one<{ sequence: number | null }>(
        `SELECT max(o.sequence) AS sequence FROM mirrors m JOIN mirrorObjectVolumes USING (volumeId)
           JOIN mirrorObjects o ON o.number = mirrorObject
         WHERE m.planId = ? AND m.source = ? AND m.sourceVolumeId = ?`,
        planId,
        source,
        id,
      )?.sequence ?? 0,
  );
  return Math.max(0, ...sequences);
};

/** Makes the row, or brings it up to date. @returns its number */
export const setMirrorObject = (
  database: Database,
  of: {
    readonly owner: Owner;
    readonly object: ObjectConfig;
    readonly vmId: string | null;
    readonly mapping: Mapping | undefined;
    readonly volumeIds: readonly string[];
    readonly sequence: number;
  },
): number => {
  const { owner, object, volumeIds } = of;
  const row = database.one<{ number: number }>(
    `INSERT INTO mirrorObjects (planId, source, sourceObjectId, kind, vmId, mapping, sequence) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (planId, source, sourceObjectId) DO UPDATE SET kind = excluded.kind, vmId = excluded.vmId,
       mapping = excluded.mapping, sequence = max(sequence, excluded.sequence)
     RETURNING number`,
    owner.planId,
    owner.source,
    object.id,
    object.kind,
    of.vmId,
    of.mapping === undefined ? null : JSON.stringify(of.mapping),
    of.sequence,
  );
  if (row === undefined) throw new Error(`the mirror of ${object.id} vanished inside its own transaction`);
  database.run("DELETE FROM mirrorObjectVolumes WHERE mirrorObject = ?", row.number);
  for (const [position, volumeId] of volumeIds.entries()) {
    database.run(
      "INSERT INTO mirrorObjectVolumes (mirrorObject, position, volumeId) VALUES (?, ?, ?)",
      row.number,
      position,
      volumeId,
    );
  }
  return row.number;
};
