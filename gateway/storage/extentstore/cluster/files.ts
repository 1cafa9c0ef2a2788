import { VisibleError } from "../../../../core/api/errors.ts";
import { newName } from "../../../../core/api/name.ts";
import { type FilePlace, placeNamed } from "../../../../core/object/file-place.ts";
import type { Database } from "../database/database.ts";

/* Files of NFS exports, by their paths. Everything here runs inside the caller's transaction. */

/** Of a new file. @param written `/exports/EXPORT/PATH`. @throws BAD_REQUEST */
export const fileNamed = (written: string): FilePlace & { readonly name: string } => {
  const name = newName(written, "a file");
  return { name, ...placeNamed(name) };
};

/**
 * @throws OBJECT_NAME_TAKEN also where a directory would have to be a file, or the other way round
 */
export const refuseTakenPath = (database: Database, place: FilePlace): void => {
  const why = takenBy(database, place);
  if (why === undefined) return;
  throw new VisibleError("OBJECT_NAME_TAKEN", `There can't be a file /exports/${place.export}/${place.path}: ${why}.`, {
    hint: "Choose another path, or delete what is there first: smtx-backup object delete PATH --site SITE.",
  });
};

/** What is in the way of a file; a clause, or undefined. */
const takenBy = (database: Database, { export: exportName, path }: FilePlace): string | undefined => {
  if (isFile(database, exportName, path)) return "there is one already";
  const parts = path.split("/");
  for (let count = 1; count < parts.length; count++) {
    const directory = parts.slice(0, count).join("/");
    if (isFile(database, exportName, directory)) return `/exports/${exportName}/${directory} is a file`;
  }
  // “0” is what follows “/” in the order of code points.
  const below = database.one(
    "SELECT 1 FROM volumes WHERE export = ? AND path >= ? AND path < ? AND role <> 'mirror' LIMIT 1",
    exportName,
    `${path}/`,
    `${path}0`,
  );
  return below === undefined ? undefined : "that is a directory";
};

const isFile = (database: Database, exportName: string, path: string): boolean =>
  database.one("SELECT 1 FROM volumes WHERE export = ? AND path = ? AND role <> 'mirror'", exportName, path) !==
  undefined;
