import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { DeleteRebuiltOptions } from "../../control.ts";
import { findMade, isMadeBy, volumesOfRebuilt } from "../cluster/rebuilt.ts";
import { refuseOthersGroup } from "../cluster/snapshots.ts";
import { snapshotOfVolume } from "../cluster/stand-ins.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { countDiffering } from "../data/differing.ts";
import type { Database } from "../database/database.ts";
import { type Cluster, removeObject } from "./remove.ts";

/**
 * Deletes an object that a restore has made. Inside a transaction.
 * @throws NOT_OURS (another restore's, another owner's, or nobody's), OBJECT_BUSY,
 *   ROLLBACK_UNFINISHED, CHANGED_SINCE
 */
export const deleteRebuilt = (cluster: Cluster, options: DeleteRebuiltOptions): void => {
  const { key, owner, object, unchangedSince } = options;
  const made = findMade(cluster.database, object);
  if (made === undefined) return;
  if (!isMadeBy(made, key, owner)) {
    throw new VisibleError("NOT_OURS", `“${made.name}” was not made here by this restore: it stays.`, {
      hint: "See what there is with: smtx-backup object list --site SITE",
    });
  }
  if (unchangedSince !== undefined) {
    refuseOthersGroup(cluster.database, unchangedSince, owner);
    for (const volume of volumesOfRebuilt(cluster.database, options)) {
      refuseChanged(cluster.database, unchangedSince, { name: made.name, volume });
    }
  }
  // What was added to the VM since is not the restore's.
  if (object.kind === "vm") {
    cluster.database.run("UPDATE volumes SET vmId = NULL WHERE vmId = ? AND role <> 'rebuilt'", made.id);
  }
  removeObject(cluster, object);
};

/** @throws CHANGED_SINCE */
const refuseChanged = (
  database: Database,
  groupId: GroupId,
  { name, volume }: { readonly name: string; readonly volume: VolumeRow },
): void => {
  const snapshot = snapshotOfVolume(database, groupId, volume.id);
  const extents = snapshot && countDiffering(database, volume.tableId, snapshot.tableId);
  if (extents === 0) return;
  const what =
    extents === undefined
      ? `the group ${groupId} is not here, or has nothing of its “${volume.name}”`
      : `“${volume.name}” has changed since the group ${groupId} was taken, in ${extents} extents`;
  throw new VisibleError("CHANGED_SINCE", `“${name}” stays: ${what}.`, {
    hint: "See what there is with: smtx-backup object list --site SITE",
  });
};
