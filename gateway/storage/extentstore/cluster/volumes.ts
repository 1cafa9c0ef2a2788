import { randomBytes } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import { nameCharactersMax, newName } from "../../../../core/api/name.ts";
import { checkShape, type Geometry } from "../../../../core/api/object/volume-shape.ts";
import { plainGeometry } from "../../../../core/extent/geometry.ts";
import type { FilePlace } from "../../../../core/object/file-place.ts";
import type { Owner } from "../../control.ts";
import type { CreateVolumeOptions } from "../../volume-io.ts";
import type { Writer } from "../data/locks.ts";
import { createTable, dropTable } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { findExport } from "./exports.ts";
import { fileNamed, refuseTakenPath } from "./files.ts";
import { refuseMirror, refuseMirrorsIn } from "./guard.ts";
import { defaultPool } from "./pools.ts";
import { ensureTarget } from "./targets.ts";
import { refuseUnfinished } from "./unfinished.ts";
import type { VolumeRow } from "./volume-row.ts";

const defaultLunTarget = "default";
const lunIdMax = 16_383;

export const newId = (prefix: "volume" | "snapshot" | "vm"): string => `${prefix}-${randomBytes(8).toString("hex")}`;

/** @throws VOLUME_UNKNOWN */
export const findVolume = (database: Database, volumeId: string): VolumeRow => {
  const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ?", volumeId);
  if (row !== undefined) return row;
  throw new VisibleError("VOLUME_UNKNOWN", `There is no volume ${volumeId} in this cluster.`, {
    hint: "It may have been deleted; look at the site's inventory.",
  });
};

/**
 * Inside a transaction. @throws VOLUME_NAME_TAKEN, BAD_REQUEST (a name, a size or a geometry that
 * can't be)
 */
export const createVolume = (database: Database, options: CreateVolumeOptions): VolumeRow =>
  insertVolume(database, volumeToCreate(database, options));

/**
 * What `createVolume` would make now. @throws VOLUME_NAME_TAKEN, BAD_REQUEST (a name, a size or a
 * geometry that can't be)
 */
export const volumeToCreate = (database: Database, options: CreateVolumeOptions): NewVolume => {
  const { kind, sizeBytes, geometry = plainGeometry } = options;
  const name = newName(options.name);
  checkShape({ sizeBytes, geometry });
  refuseTakenName(database, name);
  return {
    role: "plain",
    kind,
    name,
    sizeBytes,
    geometry,
    lun: kind === "lun" ? chooseLun(database, options.lun, "VOLUME_NAME_TAKEN") : undefined,
  };
};

/** What volumes have always been refused with, and what objects of all kinds are. */
type TakenCode = "VOLUME_NAME_TAKEN" | "OBJECT_NAME_TAKEN";
type BusyCode = "VOLUME_BUSY" | "OBJECT_BUSY";

export interface NewVolume {
  /** Of one that was there before, and comes back; else it gets a new one. */
  readonly id?: string | undefined;
  readonly role: VolumeRow["role"];
  readonly kind: VolumeRow["kind"];
  readonly name: string;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  /** One that is there; by default `default`. */
  readonly pool?: string | undefined;
  readonly lun?:
    | { readonly target: string; readonly lunId: number; readonly allowedInitiators?: string | undefined }
    | undefined;
  /** In an export that is there. */
  readonly file?: FilePlace | undefined;
  readonly sharing?: boolean | undefined;
  readonly vmId?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly owner?: Owner | undefined;
  readonly rebuildKey?: string | undefined;
}

/**
 * Inside a transaction. The names and LUN ids of mirrors are their sources', so only those of
 * others are kept apart.
 */
export const insertVolume = (database: Database, volume: NewVolume): VolumeRow => {
  const { geometry } = volume;
  const { id = newId("volume") } = volume;
  if (volume.lun !== undefined) ensureTarget(database, volume.lun.target);
  database.run(
    `INSERT INTO volumes (id, role, kind, name, sizeBytes, extentBytes, stripeCount, stripeBytes, pool, lunTarget, lunId,
       allowedInitiators, export, path, sharing, vmId, labels, planId, source, rebuildKey, tableId)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    volume.role,
    volume.kind,
    volume.name,
    volume.sizeBytes,
    geometry.extentBytes,
    geometry.stripeCount,
    geometry.stripeBytes,
    volume.pool ?? defaultPool,
    volume.lun?.target ?? null,
    volume.lun?.lunId ?? null,
    volume.lun?.allowedInitiators ?? null,
    volume.file?.export ?? null,
    volume.file?.path ?? null,
    volume.sharing === true ? 1 : 0,
    volume.vmId ?? null,
    labelsText(volume.labels),
    volume.owner?.planId ?? null,
    volume.owner?.source ?? null,
    volume.rebuildKey ?? null,
    createTable(database),
  );
  return findVolume(database, id);
};

/** As it is kept: null for none. */
export const labelsText = (labels: Readonly<Record<string, string>> = {}): string | null =>
  Object.keys(labels).length === 0 ? null : JSON.stringify(labels);

/**
 * Inside a transaction. A file's new name is a whole one, in the same export or another.
 * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_NAME_TAKEN, BAD_REQUEST
 */
export const renameVolume = (database: Database, volumeId: string, written: string): VolumeRow => {
  giveName(database, refuseMirror(database, findVolume(database, volumeId)), written, "VOLUME_NAME_TAKEN");
  return findVolume(database, volumeId);
};

/**
 * Inside a transaction. @throws `taken`; OBJECT_NAME_TAKEN of a file, EXPORT_UNKNOWN, BAD_REQUEST
 */
export const giveName = (database: Database, row: VolumeRow, written: string, taken: TakenCode): void => {
  if (row.kind === "nfs-file") moveFile(database, row, written);
  else renameTo(database, row, newName(written), taken);
};

const renameTo = (database: Database, row: VolumeRow, name: string, taken: TakenCode): void => {
  if (name !== row.name) refuseTakenName(database, name, taken);
  database.run("UPDATE volumes SET name = ? WHERE id = ?", name, row.id);
};

const moveFile = (database: Database, row: VolumeRow, written: string): void => {
  const { name, ...place } = fileNamed(written);
  if (name === row.name) return;
  findExport(database, place.export);
  refuseMirrorsIn(database, "export", place.export);
  refuseTakenPath(database, place);
  database.run(
    "UPDATE volumes SET name = ?, export = ?, path = ? WHERE id = ?",
    name,
    place.export,
    place.path,
    row.id,
  );
};

/**
 * Inside a transaction.
 * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, VOLUME_BUSY, OBJECT_BUSY (a VM has it)
 */
export const deleteVolume = (database: Database, writer: Writer, volumeId: string): void => {
  const row = refuseMirror(database, findVolume(database, volumeId));
  refuseUnfinished(database, row);
  refuseAttached(database, row);
  refuseBusy(row, writer);
  removeVolume(database, row);
};

/** Inside a transaction: a volume that no VM has any more. Its snapshots stay. */
export const removeVolume = (database: Database, row: VolumeRow): void => {
  // A late copy of the task that rebuilt it must not make it again.
  if (row.rebuildKey !== null) database.run("INSERT OR IGNORE INTO deletedRebuilds (key) VALUES (?)", row.rebuildKey);
  database.run("DELETE FROM volumes WHERE id = ?", row.id);
  dropTable(database, row.tableId);
};

/**
 * Makes this driver the only writer of a volume. Inside a transaction. @throws VOLUME_UNKNOWN,
 * VOLUME_IS_MIRROR, VOLUME_BUSY, ROLLBACK_UNFINISHED
 */
export const claimVolume = (database: Database, writer: Writer, volumeId: string): VolumeRow => {
  const row = refuseMirror(database, findVolume(database, volumeId));
  refuseUnfinished(database, row);
  refuseBusy(row, writer);
  database.run("UPDATE volumes SET writer = ? WHERE id = ?", writer.id, volumeId);
  return row;
};

/** Inside a transaction. */
export const releaseVolume = (database: Database, writer: Writer, volumeId: string): void => {
  database.run("UPDATE volumes SET writer = NULL WHERE id = ? AND writer = ?", volumeId, writer.id);
};

/** Of LUNs and virtual volumes. @throws `code` */
export const refuseTakenName = (database: Database, name: string, code: TakenCode = "VOLUME_NAME_TAKEN"): void => {
  if (
    database.one("SELECT 1 FROM volumes WHERE name = ? AND role <> 'mirror' AND kind <> 'nfs-file'", name) === undefined
  )
    return;
  throw new VisibleError(code, `There is a volume named “${name}” already.`, {
    hint: `Choose another name, or delete that volume first: smtx-backup volume delete ${name} --site SITE`,
  });
};

/** A LUN's or a volume's: the wanted one, or where that is taken, with a number behind it. */
export const freeVolumeName = (database: Database, wanted: string): string => {
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted.slice(0, nameCharactersMax - `-${n}`.length)}-${n}`;
    const there = "SELECT 1 FROM volumes WHERE name = ? AND role <> 'mirror' AND kind <> 'nfs-file'";
    if (database.one(there, name) === undefined) return name;
  }
};

/** @returns `wanted` where it is free, else the lowest free id of the target */
export const freeLunId = (database: Database, target: string, wanted?: number): number => {
  const rows = database.all<{ lunId: number }>(
    "SELECT lunId FROM volumes WHERE lunTarget = ? AND role <> 'mirror' ORDER BY lunId",
    target,
  );
  const taken = new Set(rows.map((row) => row.lunId));
  if (wanted !== undefined && !taken.has(wanted)) return wanted;
  let free = lowestLunId(database);
  while (taken.has(free)) free++;
  if (free > lunIdMax) throw new VisibleError("STORE_FULL", `The target “${target}” has no free LUN id.`);
  return free;
};

/** 0, unless the records say that the cluster begins elsewhere. */
const lowestLunId = (database: Database): number =>
  database.one<{ value: number }>("SELECT value FROM counters WHERE name = 'lowest LUN id'")?.value ?? 0;

/**
 * A free LUN id of a target, the one that is wanted where one is. @throws `code`, OBJECT_IS_MIRROR
 */
export const chooseLun = (
  database: Database,
  lun: CreateVolumeOptions["lun"],
  code: TakenCode,
): { target: string; lunId: number } => {
  const target = lun?.target ?? defaultLunTarget;
  refuseMirrorsIn(database, "lunTarget", target);
  const lunId = freeLunId(database, target, lun?.lunId);
  if (lun?.lunId === undefined || lunId === lun.lunId) return { target, lunId };
  throw new VisibleError(code, `LUN ${lun.lunId} of the target “${target}” is taken.`, {
    hint: `The lowest free LUN id is ${lunId}.`,
  });
};

/** @throws OBJECT_BUSY */
export const refuseAttached = (database: Database, row: VolumeRow): void => {
  const vm = database.one<{ name: string }>(
    "SELECT name FROM vmDisks JOIN vms ON id = vmId WHERE volumeId = ? LIMIT 1",
    row.id,
  );
  if (vm === undefined) return;
  throw new VisibleError("OBJECT_BUSY", `Volume ${row.id} (“${row.name}”) is a disk of the VM “${vm.name}”.`, {
    hint: "Take it out of the VM first (smtx-backup object update VM --site SITE -f FILE), or delete the VM.",
  });
};

/** @throws `code` while somebody writes it */
export const refuseBusy = (row: VolumeRow, writer: Pick<Writer, "isAlive">, code: BusyCode = "VOLUME_BUSY"): void => {
  if (row.writer === null || !writer.isAlive(row.writer)) return;
  throw new VisibleError(code, `Volume ${row.id} (“${row.name}”) is open for writing.`, {
    hint: "Close what is writing it: an NBD export, an import or a restore.",
  });
};
