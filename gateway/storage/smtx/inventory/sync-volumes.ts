import type { SQLInputValue } from "node:sqlite";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import { plainGeometry } from "../../../../core/extent/geometry.ts";
import { defaultPool } from "../../extentstore/cluster/pools.ts";
import { geometryOf, type VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import { insertVolume, labelsText, removeVolume } from "../../extentstore/cluster/volumes.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { FileRef } from "../cluster/hands.ts";
import { type FileToBe, listFilesToBe, putFile } from "../files/files-of-volumes.ts";
import { isRebuild } from "../names.ts";
import type { FoundCluster, FoundLunRef } from "./found.ts";
import { freeNames } from "./free-names.ts";

/** A volume as it is to stand in its row. */
interface Wanted extends Pick<VolumeRow, "kind" | "sizeBytes" | "extentBytes" | "stripeCount" | "stripeBytes"> {
  readonly id: string;
  readonly name: string;
  readonly lunTarget: string | null;
  readonly lunId: number | null;
  readonly allowedInitiators: string | null;
  readonly export: string | null;
  readonly path: string | null;
  readonly sharing: number;
  readonly labels: string | null;
}

interface WithLun {
  readonly row: Wanted;
  readonly lun: FoundLunRef | undefined;
  readonly vmVolume: string | null;
  readonly file?: FileRef;
}

/** Inside a transaction. */
export const syncVolumes = (database: Database, found: FoundCluster): void => {
  const wanted = wantedVolumes(database, found);
  const before = new Map(
    database.all<VolumeRow>("SELECT * FROM volumes WHERE role <> 'mirror'").map((row) => [row.id, row]),
  );
  const toBe = listFilesToBe(database).map(({ volumeId }) => volumeId);
  const there = new Set([...wanted.map(({ row }) => row.id), ...toBe]);
  for (const row of before.values()) if (!there.has(row.id)) forget(database, row);
  const changed = wanted.filter(({ row }) => isChanged(row, before.get(row.id)));
  // Names and LUN ids that change places would be taken for a moment.
  for (const { row } of changed) {
    if (before.has(row.id))
      database.run(
        "UPDATE volumes SET name = id, lunTarget = NULL, export = NULL, kind = 'volume' WHERE id = ?",
        row.id,
      );
  }
  for (const { row } of changed) {
    if (!before.has(row.id)) insert(database, row);
    else update(database, row);
  }
  for (const one of wanted) keepLun(database, one);
  for (const { row, file } of wanted) if (file !== undefined) putFile(database, row.id, file);
};

const wantedVolumes = (database: Database, found: FoundCluster): readonly WithLun[] => {
  const made = new Map(
    database
      .all<{ volumeId: string; zbsVolumeId: string }>(
        "SELECT volumeId, zbsVolumeId FROM lunsOfVolumes JOIN volumes ON id = volumeId WHERE role <> 'mirror'",
      )
      .map(({ volumeId, zbsVolumeId }) => [zbsVolumeId, volumeId]),
  );
  const idOf = (zbsVolumeId: string, own: string): string => made.get(zbsVolumeId) ?? `volume-${own}`;
  const named = <One extends { readonly id: string; readonly name: string }>(one: One): One[] => {
    if (!isRebuild(one.name)) return [one];
    // What nobody has written down is nothing yet; what is written down has its name there.
    const row = database.one<{ name: string }>("SELECT name FROM volumes WHERE id = ? AND role <> 'mirror'", one.id);
    return row === undefined ? [] : [{ ...one, name: row.name }];
  };
  const toBe = listFilesToBe(database);
  const becoming = new Set(toBe.map(({ zbsVolumeId }) => zbsVolumeId));
  const theirLuns = found.luns.filter(({ lun }) => !becoming.has(lun.zbsVolumeId));
  const luns = theirLuns.flatMap((one) => named({ ...one, id: idOf(one.lun.zbsVolumeId, one.lun.zbsVolumeId) }));
  const volumes = found.volumes.flatMap((one) => named({ ...one, id: idOf(one.lun?.zbsVolumeId ?? "", one.id) }));
  const names = freeNames([...luns, ...volumes]);
  const none = { lunTarget: null, lunId: null, allowedInitiators: null, export: null, path: null, labels: null };
  const nameOf = (id: string) => names.get(id) ?? id;
  return [
    ...luns.map(({ id, lun, sizeBytes, geometry, allowedInitiators, labels }) => ({
      row: {
        ...{ ...none, id, kind: "lun" as const, name: nameOf(id), sizeBytes, ...geometry, sharing: 0 },
        ...{ lunTarget: lun.target, lunId: lun.lunId },
        allowedInitiators: allowedInitiators === "" ? null : allowedInitiators,
        labels: labelsText(labels),
      },
      lun,
      vmVolume: null,
    })),
    ...volumes.map(({ id, lun, tower, sizeBytes, geometry, sharing, labels }) => ({
      row: {
        ...{ ...none, id, kind: "volume" as const, name: nameOf(id), sizeBytes, ...geometry, sharing: sharing ? 1 : 0 },
        labels: labelsText(labels),
      },
      lun,
      vmVolume: tower,
    })),
    ...wantedFiles(database, found, toBe),
  ];
};

/** What is to be a file keeps its place, whether it is a LUN still or the file already. */
const wantedFiles = (database: Database, { files }: FoundCluster, toBe: readonly FileToBe[]): readonly WithLun[] => {
  const made = new Map(
    database
      .all<{ volumeId: string; inodeId: string }>(
        "SELECT volumeId, inodeId FROM filesOfVolumes JOIN volumes ON id = volumeId WHERE role = 'rebuilt'",
      )
      .map(({ volumeId, inodeId }) => [inodeId, volumeId]),
  );
  const places = new Set(toBe.map((one) => `${one.export}/${one.path}`));
  return files.flatMap(({ id: inodeId, inode, volume, sizeBytes, labels, export: exportName, path }) => {
    if (places.has(`${exportName}/${path}`)) return [];
    const id = made.get(inodeId) ?? `volume-${inodeId}`;
    const row = {
      ...{ id, kind: "nfs-file" as const, name: `/exports/${exportName}/${path}`, export: exportName, path, sizeBytes },
      ...(volume?.geometry ?? shapeBefore(database, id)),
      ...{ sharing: 0, lunTarget: null, lunId: null, allowedInitiators: null, labels: labelsText(labels) },
    };
    const file = volume && { inode, inodeId, zbsVolumeId: volume.zbsVolumeId };
    return [{ row, lun: undefined, vmVolume: null, ...(file !== undefined && { file }) }];
  });
};

/** While no node tells how a file is striped, it is as it was. */
const shapeBefore = (database: Database, id: string): Geometry => {
  const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ?", id);
  return row === undefined ? plainGeometry : geometryOf(row);
};

const columns = [
  ...(["kind", "name", "sizeBytes", "extentBytes", "stripeCount", "stripeBytes", "lunTarget", "lunId"] as const),
  ...(["allowedInitiators", "export", "path", "sharing", "labels"] as const),
] as const satisfies readonly (keyof Wanted)[];

const isChanged = (wanted: Wanted, before: VolumeRow | undefined): boolean =>
  before === undefined || columns.some((column) => before[column] !== wanted[column]);

const insert = (database: Database, row: Wanted): void => {
  const { id, kind, name, sizeBytes } = row;
  insertVolume(database, {
    id,
    role: "plain",
    kind,
    name,
    sizeBytes,
    geometry: geometryOf(row),
    pool: defaultPool,
    ...fileOf(row),
  });
  update(database, row);
};

/** A file's row can't be made without them. */
const fileOf = ({ export: exportName, path }: Wanted) =>
  exportName === null || path === null ? {} : { file: { export: exportName, path } };

const update = (database: Database, row: Wanted): void => {
  const values: SQLInputValue[] = columns.map((column) => row[column]);
  database.run(
    `UPDATE volumes SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`,
    ...values,
    row.id,
  );
};

/** A volume that is not on the cluster any more. Its snapshots stay. */
const forget = (database: Database, row: VolumeRow): void => {
  database.run("DELETE FROM vmDisks WHERE volumeId = ?", row.id);
  database.run("DELETE FROM lunsOfVolumes WHERE volumeId = ?", row.id);
  database.run("DELETE FROM filesOfVolumes WHERE volumeId = ?", row.id);
  removeVolume(database, row);
};

const keepLun = (database: Database, { row, lun, vmVolume }: WithLun): void => {
  if (lun === undefined) return;
  const values = [lun.tower, lun.zbsVolumeId, lun.target, lun.iqn, lun.lunId, row.sizeBytes, vmVolume] as const;
  const known = database.one(
    `SELECT 1 FROM lunsOfVolumes WHERE volumeId = ? AND lun = ? AND zbsVolumeId = ? AND target = ? AND iqn = ?
       AND lunId = ? AND sizeBytes = ? AND vmVolume IS ?`,
    row.id,
    ...values,
  );
  if (known !== undefined) return;
  database.run(
    `INSERT INTO lunsOfVolumes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0) ON CONFLICT (volumeId) DO UPDATE
       SET lun = ?2, zbsVolumeId = ?3, target = ?4, iqn = ?5, lunId = ?6, sizeBytes = ?7, vmVolume = ?8`,
    row.id,
    ...values,
  );
};
