import type { Owner } from "../../control.ts";
import { rememberRelease } from "../cluster/order.ts";
import type { Database } from "../database/database.ts";
import { dropMirrorObjects, dropMirrorVolumes } from "./stale.ts";

/**
 * All mirrors of an owner go that no newer run has begun to write or to prepare, whatever was being
 * written to them. Inside a transaction.
 */
export const releaseMirrors = (
  database: Database,
  { owner, sequence }: { readonly owner: Owner; readonly sequence: number },
): void => {
  rememberRelease(database, owner, sequence);
  dropMirrorVolumes(database, volumesUpTo(database, owner, sequence));
  dropMirrorObjects(database, objectsUpTo(database, owner, sequence));
};

const volumesUpTo = (database: Database, { planId, source }: Owner, sequence: number): string[] =>
  database
    .all<{ volumeId: string }>(
      `SELECT volumeId FROM mirrors WHERE planId = ?1 AND source = ?2 AND sequence <= ?3 AND NOT EXISTS (
         SELECT 1 FROM mirrorObjectVolumes v JOIN mirrorObjects o ON o.number = v.mirrorObject
         WHERE v.volumeId = mirrors.volumeId AND o.sequence > ?3)`,
      planId,
      source,
      sequence,
    )
    .map(({ volumeId }) => volumeId);

const objectsUpTo = (database: Database, { planId, source }: Owner, sequence: number) =>
  database.all<{ number: number; vmId: string | null }>(
    `SELECT number, vmId FROM mirrorObjects WHERE planId = ?1 AND source = ?2 AND sequence <= ?3
       AND NOT EXISTS (SELECT 1 FROM mirrorObjectVolumes v JOIN mirrors USING (volumeId)
                       WHERE v.mirrorObject = mirrorObjects.number AND mirrors.sequence > ?3)`,
    planId,
    source,
    sequence,
  );
