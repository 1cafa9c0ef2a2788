import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { Owner } from "../../control.ts";
import { notOurs, snapshotOfSource } from "../cluster/snapshots.ts";
import { objectIdOf } from "../cluster/volume-row.ts";
import { findVolume } from "../cluster/volumes.ts";
import { clearTable, fillWithWhatIsThere } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { isBaseOf } from "./staged.ts";

/*
 * Mirror volumes. What makes them is in prepare.ts, what writes them in sessions.ts. Everything
 * here runs inside the caller's transaction.
 */

export interface MirrorRow {
  readonly volumeId: string;
  readonly planId: string;
  readonly source: string;
  readonly sourceVolumeId: string;
  readonly epoch: number;
  readonly publishedSequence: number;
  readonly groupId: GroupId | null;
  readonly baseGroupId: GroupId | null;
  readonly sequence: number;
  readonly complete: 0 | 1;
}

/** Makes the mirror what it was in the base group, or empty. @throws BASE_MISSING */
export const resetMirror = (
  database: Database,
  owner: Owner,
  { mirror, baseGroupId }: { readonly mirror: MirrorRow; readonly baseGroupId: GroupId | null },
): void => {
  const volume = findVolume(database, mirror.volumeId);
  clearTable(database, volume.tableId);
  database.run("DELETE FROM doneExtents WHERE volumeId = ?", mirror.volumeId);
  if (baseGroupId === null) return;
  const base = isBaseOf(database, baseGroupId, owner)
    ? snapshotOfSource(database, baseGroupId, mirror.sourceVolumeId)
    : undefined;
  if (base === undefined || !sameGeometry(base, volume)) {
    throw new VisibleError(
      "BASE_MISSING",
      `The mirror ${objectIdOf(volume)} has no snapshot of group ${baseGroupId} to start from.`,
      {
        hint: "The next run copies from another base, or everything.",
      },
    );
  }
  fillWithWhatIsThere(database, { tableId: volume.tableId, fromTableId: base.tableId });
};

export const sameGeometry = (a: Geometry, b: Geometry): boolean =>
  a.extentBytes === b.extentBytes && a.stripeCount === b.stripeCount && a.stripeBytes === b.stripeBytes;

/** @throws VOLUME_UNKNOWN, NOT_OURS */
export const ownMirror = (database: Database, mirrorVolumeId: string, owner: Owner): MirrorRow => {
  findVolume(database, mirrorVolumeId);
  const mirror = findMirror(database, mirrorVolumeId);
  if (mirror !== undefined && mirror.planId === owner.planId && mirror.source === owner.source) return mirror;
  throw notOurs(`The volume ${mirrorVolumeId}`, owner);
};

/** The mirror that an owner has of a source's volume. */
export const mirrorOfVolume = (
  database: Database,
  { planId, source }: Owner,
  sourceVolumeId: string,
): MirrorRow | undefined =>
  database.one<MirrorRow>(
    "SELECT * FROM mirrors WHERE planId = ? AND source = ? AND sourceVolumeId = ?",
    planId,
    source,
    sourceVolumeId,
  );

export const findMirror = (database: Database, mirrorVolumeId: string): MirrorRow | undefined =>
  database.one<MirrorRow>("SELECT * FROM mirrors WHERE volumeId = ?", mirrorVolumeId);

/** The mirrors that a run's group is written to. */
export const mirrorsOf = (
  database: Database,
  { planId, source }: Owner,
  { groupId, sequence }: { readonly groupId: GroupId; readonly sequence: number },
): MirrorRow[] =>
  database.all<MirrorRow>(
    `SELECT * FROM mirrors WHERE planId = ? AND source = ? AND groupId = ? AND sequence = ? ORDER BY sourceVolumeId`,
    planId,
    source,
    groupId,
    sequence,
  );
