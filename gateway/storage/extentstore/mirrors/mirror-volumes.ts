import { createHash } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import { textCharactersMax } from "../../../../core/api/object/common.ts";
import { checkShape, type VolumeShape } from "../../../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { MirrorVolume, OwnedVolume, Owner } from "../../control.ts";
import { dropEmptyExport, ensureExport } from "../cluster/exports.ts";
import { dropEmptyTarget, ensureTarget } from "../cluster/targets.ts";
import { geometryOf, type VolumeRow } from "../cluster/volume-row.ts";
import { findVolume, insertVolume, labelsText, type NewVolume } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";
import { grantOf } from "./grants.ts";
import { type MirrorRow, mirrorOfVolume, resetMirror, sameGeometry } from "./mirrors.ts";

/*
 * The volumes of a mirror, which are made of the volumes of its source. Everything here runs inside
 * the caller's transaction.
 */

/**
 * Makes an object's mirror volumes, or brings them up to date. @throws OBJECT_NAME_TAKEN,
 * BAD_REQUEST
 */
export const ensureMirrorVolumes = (
  database: Database,
  of: { readonly owner: Owner; readonly object: ObjectConfig; readonly pool: string },
): { readonly mirrors: readonly MirrorVolume[] /** The pool has more to hold. */; readonly needsSpace: boolean } => {
  const { owner, object } = of;
  for (const volume of object.volumes) checkShape(volume);
  ensurePlace(database, of);
  let needsSpace = false;
  const mirrors = object.volumes.map((source) => {
    const mirror = mirrorOfVolume(database, owner, source.id);
    const wanted = volumeFor(of, source);
    needsSpace ||= mirror === undefined || isLarger(database, mirror, wanted);
    const mirrorVolumeId = mirror?.volumeId ?? insertMirror(database, owner, source, wanted);
    if (mirror !== undefined) updateMirror(database, owner, mirror, wanted);
    return { sourceVolumeId: source.id, mirrorVolumeId };
  });
  return { mirrors, needsSpace };
};

/** A mirror volume, or undefined: there is none of this id, or it is no mirror. */
export const findMirrorVolume = (database: Database, volumeId: string): OwnedVolume | undefined => {
  const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND role = 'mirror'", volumeId);
  if (row === undefined || row.planId === null || row.source === null) return undefined;
  const owner = { planId: row.planId, source: row.source } as Owner;
  return { owner, sizeBytes: row.sizeBytes, geometry: geometryOf(row), grant: grantOf(database, volumeId) };
};

/**
 * The folder of a plan on a target: what lies in it never collides with what is there. A name that
 * would be longer than any may be ends with a digest of it.
 */
const mirrorName = (owner: Owner, source: string): string => {
  const name = `mirror.${owner.source}.${owner.planId}.${source}`;
  if (name.length <= textCharactersMax) return name;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 16);
  return `${name.slice(0, textCharactersMax - digest.length - 1).toWellFormed()}.${digest}`;
};

type MirrorVolumeRow = NewVolume & { readonly pool: string };

const volumeFor = (
  { owner, object, pool }: { readonly owner: Owner; readonly object: ObjectConfig; readonly pool: string },
  source: VolumeShape,
): MirrorVolumeRow => {
  const { sizeBytes, geometry } = source;
  const shape = { role: "mirror", sizeBytes, geometry, pool, owner } as const;
  const common = { ...shape, name: object.name, labels: object.labels ?? {} };
  switch (object.kind) {
    case "lun": {
      const { lun } = object;
      return { ...common, kind: "lun", lun: lun && { ...lun, target: mirrorName(owner, lun.target) } };
    }
    case "nfs-file": {
      const { export: name, path } = object.file;
      return { ...common, kind: "nfs-file", file: { export: mirrorName(owner, name), path } };
    }
    case "volume":
      return { ...common, kind: "volume", sharing: object.sharing };
    case "vm": {
      const disk = object.vm.disks.find(({ volumeId }) => volumeId === source.id);
      // What labels its volumes have a VM does not say.
      return { ...shape, kind: "volume", name: disk?.name ?? object.name };
    }
  }
};

/**
 * The mirror target or export that an object's mirror lies in, with the settings of its source's.
 * @throws OBJECT_NAME_TAKEN
 */
const ensurePlace = (
  database: Database,
  { owner, object, pool }: { readonly owner: Owner; readonly object: ObjectConfig; readonly pool: string },
): void => {
  if (object.kind === "lun" && object.lun !== undefined) {
    const { target, settings = {} } = object.lun;
    const name = mirrorName(owner, target);
    const other = database.one("SELECT 1 FROM volumes WHERE lunTarget = ? AND role <> 'mirror'", name);
    if (other !== undefined) throw nameTaken(object, `an iSCSI target “${name}” with a LUN that is no mirror`);
    ensureTarget(database, name, settings);
  }
  if (object.kind === "nfs-file") {
    const { export: source, settings = {} } = object.file;
    const name = mirrorName(owner, source);
    // One without any mirror was made by somebody: ours go with their last file.
    const other = database.one(
      `SELECT 1 FROM exports WHERE name = ?1 AND (EXISTS (SELECT 1 FROM volumes WHERE export = ?1 AND role <> 'mirror')
         OR NOT EXISTS (SELECT 1 FROM volumes WHERE export = ?1))`,
      name,
    );
    if (other !== undefined) throw nameTaken(object, `an NFS export “${name}” that is no mirror`);
    ensureExport(database, { name, pool, settings });
  }
};

const nameTaken = ({ name }: ObjectConfig, what: string): VisibleError =>
  new VisibleError("OBJECT_NAME_TAKEN", `There is no place for the mirror of “${name}”: there is ${what} already.`, {
    hint: "Delete or rename it on the target site, and run the plan again.",
  });

const isLarger = (database: Database, mirror: MirrorRow, wanted: MirrorVolumeRow): boolean => {
  const { pool, sizeBytes } = findVolume(database, mirror.volumeId);
  return pool !== wanted.pool || sizeBytes < wanted.sizeBytes;
};

/** @returns the mirror's id */
const insertMirror = (database: Database, owner: Owner, source: VolumeShape, wanted: MirrorVolumeRow): string => {
  const { id } = insertVolume(database, wanted);
  database.run(
    "INSERT INTO mirrors (volumeId, planId, source, sourceVolumeId) VALUES (?, ?, ?, ?)",
    id,
    owner.planId,
    owner.source,
    source.id,
  );
  return id;
};

const updateMirror = (database: Database, owner: Owner, mirror: MirrorRow, wanted: MirrorVolumeRow): void => {
  const { volumeId } = mirror;
  const before = findVolume(database, volumeId);
  database.run(
    `UPDATE volumes SET kind = ?, name = ?, pool = ?, sizeBytes = max(sizeBytes, ?), lunTarget = ?, lunId = ?,
       allowedInitiators = ?, export = ?, path = ?, sharing = ?, labels = ? WHERE id = ?`,
    wanted.kind,
    wanted.name,
    wanted.pool,
    wanted.sizeBytes,
    wanted.lun?.target ?? null,
    wanted.lun?.lunId ?? null,
    wanted.lun?.allowedInitiators ?? null,
    wanted.file?.export ?? null,
    wanted.file?.path ?? null,
    wanted.sharing === true ? 1 : 0,
    wanted.labels === undefined ? before.labels : labelsText(wanted.labels),
    volumeId,
  );
  if (before.lunTarget !== null && before.lunTarget !== wanted.lun?.target) dropEmptyTarget(database, before.lunTarget);
  if (before.export !== null && before.export !== wanted.file?.export) dropEmptyExport(database, before.export);
  if (sameGeometry(before, wanted.geometry)) return;
  // Extents of another geometry hold other bytes: nothing of the old table can be kept.
  resetMirror(database, owner, { mirror, baseGroupId: null });
  database.run("UPDATE mirrors SET epoch = epoch + 1, groupId = NULL, complete = 0 WHERE volumeId = ?", volumeId);
  const { extentBytes, stripeCount, stripeBytes } = wanted.geometry;
  database.run(
    "UPDATE volumes SET extentBytes = ?, stripeCount = ?, stripeBytes = ? WHERE id = ?",
    extentBytes,
    stripeCount,
    stripeBytes,
    volumeId,
  );
};
