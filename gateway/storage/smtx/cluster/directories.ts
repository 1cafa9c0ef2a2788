import { VisibleError } from "../../../../core/api/errors.ts";
import { type FilePlace, placeNamed } from "../../../../core/object/file-place.ts";

/**
 * Nothing that a gateway may use makes a directory of an export.
 * @param name `/exports/EXPORT/PATH`, of a file that is to be made
 * @returns DIRECTORY_UNKNOWN, or undefined where it is there
 * @throws BAD_REQUEST
 */
export const noDirectoryFor = (directories: readonly FilePlace[], name: string): VisibleError | undefined => {
  const { export: exportName, path } = placeNamed(name);
  const directory = { export: exportName, path: path.split("/").slice(0, -1).join("/") };
  const isThere = directories.some((one) => one.export === exportName && one.path === directory.path);
  return isThere || directory.path === "" ? undefined : noDirectory(directory);
};

export const noDirectory = (place: FilePlace): VisibleError =>
  new VisibleError("DIRECTORY_UNKNOWN", `There is no directory /exports/${place.export}/${place.path} here.`, {
    hint: "An SMTX OS cluster lets nobody but NFS clients make one: mount the export and make it, or give the file another name with: smtx-backup rebuild GROUP --site SITE --rename OLD=NEW",
  });
