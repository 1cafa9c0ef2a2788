import { groupIdSchema, type RunId, restoreIdOfGroup } from "../../../../core/api/ids.ts";
import type { DeleteRebuiltOptions, Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";
import type { VmRow } from "./vms.ts";
import { type VolumeRow, volumeIdOf } from "./volume-row.ts";

/* What restores have made. Everything here runs inside the caller's transaction. */

/**
 * By this is known what a restore has made of an object or a volume.
 * @param sourceId of a VM's disk, its volume's id
 */
export const rebuildKeyOf = (restore: string, sourceId: string): string => `${restore}/${sourceId}`;

/** The restore of such a key; undefined where it is named otherwise than by its run. */
export const restoreOf = (rebuildKey: string): RunId | undefined => {
  const { data } = groupIdSchema.safeParse(rebuildKey.slice(0, rebuildKey.indexOf("/")));
  return data && restoreIdOfGroup(data);
};

/** The object, whoever made it; undefined: it isn't there. */
export const findMade = (
  database: Database,
  { kind, id }: DeleteRebuiltOptions["object"],
): VmRow | VolumeRow | undefined => {
  if (kind === "vm") return database.one<VmRow>("SELECT * FROM vms WHERE id = ?", id);
  const volumeId = volumeIdOf({ kind, id });
  if (volumeId === undefined) return undefined;
  return database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND kind = ?", volumeId, kind);
};

export const isMadeBy = ({ role, rebuildKey, planId, source }: VmRow | VolumeRow, key: string, owner: Owner): boolean =>
  role === "rebuilt" &&
  rebuildKey !== null &&
  rebuildKey.startsWith(rebuildKeyOf(key, "")) &&
  planId === owner.planId &&
  source === owner.source;

/** The volumes that go with it: of a VM, the disks that were made with it. */
export const volumesOfRebuilt = (database: Database, { key, owner, object }: DeleteRebuiltOptions): VolumeRow[] => {
  const made = findMade(database, object);
  if (made === undefined || !isMadeBy(made, key, owner)) return [];
  if ("tableId" in made) return [made];
  const sql = `SELECT * FROM volumes v WHERE vmId = ?1 AND role = 'rebuilt' AND NOT EXISTS (
    SELECT 1 FROM vmDisks d WHERE d.volumeId = v.id AND d.vmId <> ?1)`;
  return database.all<VolumeRow>(sql, made.id);
};
