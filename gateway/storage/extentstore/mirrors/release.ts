import type { Owner } from "../../control.ts";
import { rememberRelease } from "../cluster/order.ts";
import type { Database } from "../database/database.ts";
import { dropMirrorObjects, dropMirrorVolumes } from "./stale.ts";

/**
 * The mirrors of an owner go, whatever was being written to them, but for what a run above the
 * number has prepared or begun. Inside a transaction.
 */
export const releaseMirrors = (
  database: Database,
  { owner, sequence }: { readonly owner: Owner; readonly sequence: number },
): void => {
  const { planId, source } = owner;
  rememberRelease(database, owner, sequence);
  dropMirrorVolumes(
    database,
    database
      .all<{ volumeId: string }>(
        `SELECT volumeId FROM mirrors WHERE planId = ?1 AND source = ?2 AND sequence <= ?3 AND NOT EXISTS (
           SELECT 1 FROM mirrorObjectVolumes v JOIN mirrorObjects o ON o.number = v.mirrorObject
           WHERE v.volumeId = mirrors.volumeId AND o.sequence > ?3)`,
        planId,
        source,
        sequence,
      )
      .map(({ volumeId }) => volumeId),
  );
  dropMirrorObjects(
    database,
    database.all<{ number: number; vmId: string | null }>(
      `SELECT number, vmId FROM mirrorObjects WHERE planId = ? AND source = ? AND sequence <= ?
         AND NOT EXISTS (SELECT 1 FROM mirrorObjectVolumes WHERE mirrorObject = number)`,
      planId,
      source,
      sequence,
    ),
  );
};
