import { VisibleError } from "../../../../core/api/errors.ts";
import type { LunObject } from "../../../../core/api/object/lun.ts";
import type { NfsFileObject } from "../../../../core/api/object/nfs-file.ts";
import { placeNamed } from "../../../../core/object/file-place.ts";
import type { RebuildObjectOptions } from "../../control.ts";
import { ensureExport } from "../cluster/exports.ts";
import { refuseTakenPath } from "../cluster/files.ts";
import { refuseMirrorsIn } from "../cluster/guard.ts";
import { ensureTarget } from "../cluster/targets.ts";
import { freeLunId, type NewVolume } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";

/*
 * Where rebuilt LUNs and files lie. A target or an export that is there stays as it is; one
 * that is missing is made with the settings of the source's. Everything here runs inside the
 * caller's transaction.
 */

/** @throws OBJECT_IS_MIRROR (the target is a mirror's), LUN_ID_TAKEN */
export const refuseLunPlace = (
  database: Database,
  { lun }: LunObject,
  { wishes = {} }: Pick<RebuildObjectOptions, "wishes">,
): void => {
  if (lun === undefined) return;
  const { target, lunId } = lun;
  refuseMirrorsIn(database, "lunTarget", target);
  if (wishes.keepLunIds !== true) return;
  const sql = "SELECT name FROM volumes WHERE lunTarget = ? AND lunId = ? AND role <> 'mirror'";
  const there = database.one<{ name: string }>(sql, target, lunId);
  if (there === undefined) return;
  throw new VisibleError("LUN_ID_TAKEN", `“${there.name}” is LUN ${lunId} of the target “${target}” already.`, {
    hint: "Delete it, or give it to another target: smtx-backup object delete NAME --site SITE.",
  });
};

/**
 * A LUN keeps its target and, where that is free, its LUN id; else it gets the lowest free one.
 */
export const rebuiltLun = (database: Database, { lun }: LunObject): NewVolume["lun"] => {
  if (lun === undefined) return undefined;
  const { target, lunId, allowedInitiators, settings } = lun;
  if (database.one("SELECT 1 FROM iscsiTargets WHERE name = ?", target) === undefined) {
    ensureTarget(database, target, settings);
  }
  return { target, lunId: freeLunId(database, target, lunId), allowedInitiators };
};

/** @throws BAD_REQUEST, OBJECT_NAME_TAKEN, OBJECT_IS_MIRROR (the export is a mirror's) */
export const refuseFilePlace = (database: Database, name: string): void => {
  // Its source has its name already, whatever it is.
  const file = placeNamed(name);
  refuseMirrorsIn(database, "export", file.export);
  refuseTakenPath(database, file);
};

export const rebuiltFile = (
  database: Database,
  of: { readonly name: string; readonly object: NfsFileObject; readonly pool: string },
): NonNullable<NewVolume["file"]> => {
  const { name, object, pool } = of;
  const file = placeNamed(name);
  if (database.one("SELECT 1 FROM exports WHERE name = ?", file.export) === undefined) {
    ensureExport(database, { name: file.export, pool, settings: object.file.settings });
  }
  return file;
};
