import { VisibleError } from "../../../../core/api/errors.ts";
import type { DeleteRebuiltOptions, Owner } from "../../control.ts";
import { type Cluster, removeObject } from "../administration/remove.ts";
import type { VmRow } from "../cluster/vms.ts";
import { type VolumeRow, volumeIdOf } from "../cluster/volume-row.ts";
import type { Database } from "../database/database.ts";
import { rebuildKeyOf } from "./rebuild-together.ts";

/**
 * Deletes an object that a restore has made. Inside a transaction.
 * @throws NOT_OURS (another restore's, another owner's, or nobody's), OBJECT_BUSY,
 *   OBJECT_IS_MIRROR, ROLLBACK_UNFINISHED
 */
export const deleteRebuilt = (cluster: Cluster, { key, owner, object }: DeleteRebuiltOptions): void => {
  const made = madeOf(cluster.database, object);
  if (made === undefined) return;
  if (!isMadeBy(made, key, owner)) {
    throw new VisibleError("NOT_OURS", `“${made.name}” was not made here by this restore: it stays.`, {
      hint: "See what there is with: smtx-backup object list --site SITE",
    });
  }
  // What was added to the VM since is not the restore's.
  if (!("vmId" in made)) {
    cluster.database.run("UPDATE volumes SET vmId = NULL WHERE vmId = ? AND role <> 'rebuilt'", made.id);
  }
  removeObject(cluster, object);
};

/** The blocks that go with it: of a VM, its own disks'. */
export const tablesOfRebuilt = (database: Database, { key, owner, object }: DeleteRebuiltOptions): number[] => {
  const made = madeOf(database, object);
  if (made === undefined || !isMadeBy(made, key, owner)) return [];
  if (!("vmId" in made)) {
    const sql = `SELECT tableId FROM volumes v WHERE vmId = ?1 AND role = 'rebuilt' AND NOT EXISTS (
      SELECT 1 FROM vmDisks d WHERE d.volumeId = v.id AND d.vmId <> ?1)`;
    return database.all<{ tableId: number }>(sql, made.id).map(({ tableId }) => tableId);
  }
  return [made.tableId];
};

const madeOf = (database: Database, { kind, id }: DeleteRebuiltOptions["object"]): VmRow | VolumeRow | undefined => {
  if (kind === "vm") return database.one<VmRow>("SELECT * FROM vms WHERE id = ?", id);
  const volumeId = volumeIdOf({ kind, id });
  if (volumeId === undefined) return undefined;
  return database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND kind = ?", volumeId, kind);
};

const isMadeBy = ({ role, rebuildKey, planId, source }: VmRow | VolumeRow, key: string, owner: Owner): boolean =>
  role === "rebuilt" &&
  rebuildKey !== null &&
  rebuildKey.startsWith(rebuildKeyOf(key, "")) &&
  planId === owner.planId &&
  source === owner.source;
