import { VisibleError } from "../../../core/api/errors.ts";
import type { LunObject } from "../../../core/api/object/lun.ts";
import type { NfsFileObject } from "../../../core/api/object/nfs-file.ts";
import type { Database } from "./database.ts";
import { ensureExport } from "./exports.ts";
import { ensureTarget } from "./targets.ts";
import { freeLunId, type NewVolume } from "./volumes.ts";

/*
 * Where rebuilt LUNs and files lie. A target or an export that is there stays as it is; one that is missing is made with
 * the settings of the source's. Everything here runs inside the caller's transaction.
 */

/** A LUN keeps its target and, where that is free, its LUN id; else it gets the lowest free one. */
export const rebuiltLun = (database: Database, { lun }: LunObject): NewVolume["lun"] => {
  if (lun === undefined) return undefined;
  const { target, lunId, allowedInitiators, settings } = lun;
  if (database.one("SELECT 1 FROM iscsiTargets WHERE name = ?", target) === undefined) {
    ensureTarget(database, target, settings);
  }
  return { target, lunId: freeLunId(database, target, lunId), allowedInitiators };
};

/** @throws BAD_REQUEST, OBJECT_NAME_TAKEN */
export const rebuiltFile = (
  database: Database,
  of: { readonly name: string; readonly object: NfsFileObject; readonly pool: string },
): NonNullable<NewVolume["file"]> => {
  const { name, object, pool } = of;
  const file = fileNamed(name);
  if (isTaken(database, file)) {
    throw new VisibleError("OBJECT_NAME_TAKEN", `There is no place for “${name}”: there is such a file already.`, {
      hint: "Give the rebuilt objects other names: smtx-backup rebuild --prefix.",
    });
  }
  if (database.one("SELECT 1 FROM exports WHERE name = ?", file.export) === undefined) {
    ensureExport(database, { name: file.export, pool, settings: object.file.settings });
  }
  return file;
};

/** @throws BAD_REQUEST */
const fileNamed = (name: string): NonNullable<NewVolume["file"]> => {
  const [, root, exportName, ...path] = name.split("/");
  const isWhole = root === "exports" && exportName !== undefined && path.length > 0;
  if (isWhole && ![exportName, ...path].some((part) => part === "" || part === "." || part === "..")) {
    return { export: exportName, path: path.join("/") };
  }
  throw new VisibleError("BAD_REQUEST", `“${name}” can't be the name of an NFS file.`, {
    hint: "It is /exports/EXPORT/PATH, such as /exports/e1/vm/web.vmdk.",
  });
};

/** A file of that path, a directory, or a file where one of its directories would be. */
const isTaken = (database: Database, { export: exportName, path }: NonNullable<NewVolume["file"]>): boolean =>
  database.one(
    `SELECT 1 FROM volumes WHERE export = ?1 AND role <> 'mirror'
       AND (path = ?2 OR substr(path, 1, length(?2) + 1) = ?2 || '/' OR substr(?2, 1, length(path) + 1) = path || '/')`,
    exportName,
    path,
  ) !== undefined;
