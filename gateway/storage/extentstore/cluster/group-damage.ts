import type { GroupId } from "../../../../core/api/ids.ts";
import type { GroupDamage } from "../../control.ts";
import type { Database } from "../database/database.ts";
import { keptObjects } from "./snapshots.ts";

/**
 * Of every snapshot in which damage was found, how many extents it is in. Quick where there is
 * little: CROSS JOIN begins with it. Inside a snapshot of the metadata.
 */
export const groupDamage = (database: Database): GroupDamage[] =>
  database
    .all<Omit<GroupDamage, "name"> & { readonly name: string | null; readonly volumeId: string }>(
      `SELECT groupId, sourceVolumeId, volumeId, name, count(*) AS extents
       FROM damagedVersions CROSS JOIN extents USING (versionId) JOIN snapshots USING (tableId)
         LEFT JOIN volumes ON volumes.id = volumeId
       GROUP BY snapshots.id ORDER BY groupId, snapshots.number`,
    )
    .map(({ groupId, sourceVolumeId, volumeId, name, extents }) => ({
      groupId,
      sourceVolumeId,
      name: name ?? keptName(database, groupId, sourceVolumeId) ?? volumeId,
      extents,
    }));

/** What a volume that is gone was called when the group was taken. */
const keptName = (database: Database, groupId: GroupId, sourceVolumeId: string): string | undefined => {
  const object = keptObjects(database, groupId).find(({ volumes }) => volumes.some(({ id }) => id === sourceVolumeId));
  const disk = object?.kind === "vm" ? object.vm.disks.find(({ volumeId }) => volumeId === sourceVolumeId) : undefined;
  return disk?.name ?? object?.name;
};
