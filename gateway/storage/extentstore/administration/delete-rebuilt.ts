import { VisibleError } from "../../../../core/api/errors.ts";
import type { DeleteRebuiltOptions } from "../../control.ts";
import { findMade, isMadeBy } from "../cluster/rebuilt.ts";
import { type Cluster, removeObject } from "./remove.ts";

/**
 * Deletes an object that a restore has made. Inside a transaction.
 * @throws NOT_OURS (another restore's, another owner's, or nobody's), OBJECT_BUSY,
 *   ROLLBACK_UNFINISHED
 */
export const deleteRebuilt = (cluster: Cluster, { key, owner, object }: DeleteRebuiltOptions): void => {
  const made = findMade(cluster.database, object);
  if (made === undefined) return;
  if (!isMadeBy(made, key, owner)) {
    throw new VisibleError("NOT_OURS", `“${made.name}” was not made here by this restore: it stays.`, {
      hint: "See what there is with: smtx-backup object list --site SITE",
    });
  }
  // What was added to the VM since is not the restore's.
  if (object.kind === "vm") {
    cluster.database.run("UPDATE volumes SET vmId = NULL WHERE vmId = ? AND role <> 'rebuilt'", made.id);
  }
  removeObject(cluster, object);
};
