import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { Database } from "../database/database.ts";

/* iSCSI targets. Everything here runs inside the caller's transaction. */

/** Makes a target where there is none. With settings, it has those from now on. */
export const ensureTarget = (database: Database, name: string, settings?: IscsiTargetSettings): void => {
  database.run(
    `INSERT INTO iscsiTargets (name, settings) VALUES (?1, ifnull(?2, '{}'))
     ON CONFLICT (name) DO UPDATE SET settings = ifnull(?2, settings)`,
    name,
    settings === undefined ? null : JSON.stringify(settings),
  );
};

/** Takes a target away that has no LUN any more. */
export const dropEmptyTarget = (database: Database, name: string): void => {
  database.run(
    "DELETE FROM iscsiTargets WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM volumes WHERE lunTarget = ?1)",
    name,
  );
};
