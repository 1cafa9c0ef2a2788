import { VisibleError } from "../../../core/api/errors.ts";
import { lunOf, type ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildObjectOptions } from "../control.ts";
import { damagedExtents } from "./damage.ts";
import type { Database } from "./database.ts";
import { singleVolume } from "./mirrors.ts";
import { objectOfVolume } from "./objects.ts";
import { type SnapshotRow, snapshotsOf } from "./snapshots.ts";
import { fillTable } from "./versions.ts";
import { freeLunId, geometryOf, insertVolume, refuseTakenName, type VolumeRow } from "./volumes.ts";

/**
 * Makes an ordinary object that shares a snapshot's extents: metadata only. A LUN keeps its target
 * and, where that is free, its LUN id; else it gets the lowest free one. Inside a transaction.
 * @throws SNAPSHOT_UNKNOWN, VOLUME_NAME_TAKEN, VOLUME_UNKNOWN (it was made and is deleted),
 *   OBJECT_KIND_UNSUPPORTED, GROUP_DAMAGED
 */
export const rebuildObject = (database: Database, options: RebuildObjectOptions): ObjectConfig => {
  const { key, owner, fromGroupId, object, name, evenDamaged = false } = options;
  const known = database.one<VolumeRow>("SELECT * FROM volumes WHERE rebuildKey = ?", key);
  if (known !== undefined) return objectOfVolume(database, known);
  if (database.one("SELECT 1 FROM deletedRebuilds WHERE key = ?", key) !== undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `“${name}” was rebuilt by this restore, and has been deleted since.`, {
      hint: "Begin another restore to have it again.",
    });
  }
  const { kind, volume: source } = singleVolume(object);
  const snapshot = snapshotsOf(database, fromGroupId).find((candidate) => candidate.sourceVolumeId === source.id);
  if (snapshot === undefined) {
    throw new VisibleError(
      "SNAPSHOT_UNKNOWN",
      `Group ${fromGroupId} has no snapshot of “${object.name}” (${source.id}).`,
      {
        hint: "The group may have been reclaimed; choose another one.",
      },
    );
  }
  if (!evenDamaged) refuseDamaged(database, snapshot, object.name);
  refuseTakenName(database, name);
  const lun = lunOf(object);
  const row = insertVolume(database, {
    role: "rebuilt",
    kind,
    name,
    sizeBytes: snapshot.sizeBytes,
    geometry: geometryOf(snapshot),
    lun: lun && { target: lun.target, lunId: freeLunId(database, lun.target, lun.lunId) },
    owner,
    rebuildKey: key,
  });
  fillTable(database, { tableId: row.tableId, fromTableId: snapshot.tableId });
  return objectOfVolume(database, row);
};

const namedExtentsMax = 10;

/** @throws GROUP_DAMAGED */
const refuseDamaged = (database: Database, snapshot: SnapshotRow, name: string): void => {
  const extents = damagedExtents(database, snapshot.tableId);
  if (extents.length === 0) return;
  const named = extents.slice(0, namedExtentsMax).join(", ");
  const more = extents.length > namedExtentsMax ? `, and ${extents.length - namedExtentsMax} more` : "";
  throw new VisibleError(
    "GROUP_DAMAGED",
    `“${name}” is damaged in the group ${snapshot.groupId}: extents ${named}${more} of it can't be read.`,
    {
      hint:
        "Choose another group of: smtx-backup group list. While the source is there, the next run of the plan mends what it has. " +
        "To have what can be read all the same: smtx-backup rebuild --damaged.",
    },
  );
};
