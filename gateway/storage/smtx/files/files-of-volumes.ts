import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { FileRef } from "../cluster/hands.ts";

/*
 * What a rebuild makes a file of is a LUN first, which stands in its row until it is one no more.
 * Everything here runs inside the caller's transaction.
 */

export const fileOfVolume = (database: Database, volumeId: string): FileRef | undefined =>
  database.one<FileRef>("SELECT inode, inodeId, zbsVolumeId FROM filesOfVolumes WHERE volumeId = ?", volumeId);

export const putFile = (database: Database, volumeId: string, file: FileRef): void => {
  const { inode, inodeId, zbsVolumeId } = file;
  const before = fileOfVolume(database, volumeId);
  if (before?.inode === inode && before.inodeId === inodeId && before.zbsVolumeId === zbsVolumeId) return;
  database.run("INSERT OR REPLACE INTO filesOfVolumes VALUES (?, ?, ?, ?)", volumeId, inode, inodeId, zbsVolumeId);
};

/** A LUN that is to become a file. */
export interface FileToBe {
  readonly volumeId: string;
  /** Of the LUN, and of the file. */
  readonly zbsVolumeId: string;
  readonly export: string;
  readonly path: string;
  /** JSON, of the export. */
  readonly settings: string;
}

export const listFilesToBe = (database: Database): readonly FileToBe[] =>
  database.all<FileToBe>(
    `SELECT v.id AS volumeId, l.zbsVolumeId, v.export, v.path, e.settings FROM volumes v
     JOIN lunsOfVolumes l ON l.volumeId = v.id JOIN exports e ON e.name = v.export
     WHERE v.kind = 'nfs-file' AND v.role = 'rebuilt' ORDER BY v.id`,
  );

/** It is a file now, and no LUN. */
export const putMadeFile = (database: Database, { volumeId }: FileToBe, file: FileRef): void => {
  if (database.one("SELECT 1 FROM volumes WHERE id = ?", volumeId) === undefined) return;
  putFile(database, volumeId, file);
  database.run("DELETE FROM lunsOfVolumes WHERE volumeId = ?", volumeId);
};

export const exportSettings = ({ settings }: FileToBe): NfsExportSettings => JSON.parse(settings) as NfsExportSettings;
