import { VisibleError } from "../../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../../core/api/object.ts";
import type { RebuildObjectOptions } from "../../control.ts";
import { objectOfVm, objectOfVolume } from "../cluster/objects.ts";
import { refuseFullPool } from "../cluster/pools.ts";
import { rebuildKeyOf } from "../cluster/rebuilt.ts";
import { rememberMade } from "../cluster/stand-ins.ts";
import type { VmRow } from "../cluster/vms.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { findVolume, labelsText } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";
import { refuseAborted } from "../mirrors/aborted.ts";
import { obstacles } from "./obstacles.ts";
import { rebuiltFile, rebuiltLun } from "./rebuild-places.ts";
import { insertRebuilt, type RebuildSource, rebuildSource } from "./rebuild-source.ts";
import { rebuiltVolume, rebuiltVolumeName } from "./rebuild-together.ts";
import { rebuildVm } from "./rebuild-vm.ts";

/**
 * Makes an ordinary object that shares snapshots' extents: metadata only. A volume by itself that
 * the restore has made for a VM is that one. Inside a transaction.
 * @throws SNAPSHOT_UNKNOWN, NOT_OURS, VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, BAD_REQUEST,
 *   VOLUME_UNKNOWN (it was made and is deleted), GROUP_DAMAGED, OBJECT_IS_MIRROR, POOL_UNKNOWN,
 *   POOL_FULL, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN, LUN_ID_TAKEN, OBJECT_BUSY (somebody's VM has a
 *   volume of its), GROUP_ABORTED
 */
export const rebuildObject = (database: Database, options: RebuildObjectOptions): ObjectConfig => {
  refuseAborted(database, options.key, options.owner);
  const made = knownRebuild(database, options) ?? make(database, options);
  rememberMade(database, options, made);
  return made;
};

const make = (database: Database, options: RebuildObjectOptions): ObjectConfig => {
  const { object, name } = options;
  const source = rebuildSource(database, options);
  for (const refuse of obstacles(database, options, source)) refuse();
  const rebuilt =
    object.kind === "vm"
      ? objectOfVm(database, rebuildVm(database, { ...options, object, source }))
      : objectOfVolume(database, rebuildVolume(database, options, source));
  refuseFullPool(database, source.pool, `“${name}”`);
  return rebuilt;
};

/** Of a volume by itself the key is the one that it has as a VM's disk. */
const keyOf = ({ key, object }: RebuildObjectOptions): string =>
  rebuildKeyOf(key, object.kind === "volume" ? (object.volumes[0]?.id ?? object.id) : object.id);

/**
 * What the restore has made of the object before.
 * @throws VOLUME_UNKNOWN when it has been deleted since
 */
export const knownRebuild = (database: Database, options: RebuildObjectOptions): ObjectConfig | undefined => {
  const { object, name } = options;
  const key = keyOf(options);
  const volume = rebuiltVolume(database, key);
  if (volume !== undefined) return objectOfVolume(database, labelled(database, volume, object.labels));
  const vm = database.one<VmRow>("SELECT * FROM vms WHERE rebuildKey = ?", key);
  if (vm !== undefined) return objectOfVm(database, vm);
  if (database.one("SELECT 1 FROM deletedRebuilds WHERE key = ?", key) === undefined) return undefined;
  throw new VisibleError("VOLUME_UNKNOWN", `“${name}” was rebuilt by this restore, and has been deleted since.`, {
    hint: "Begin another restore to have it again.",
  });
};

/** A VM does not say what labels its volumes have. */
const labelled = (database: Database, { id }: VolumeRow, labels: ObjectConfig["labels"]): VolumeRow => {
  const sql = "UPDATE volumes SET labels = ? WHERE id = ? AND labels IS NULL AND vmId IS NOT NULL";
  database.run(sql, labelsText(labels), id);
  return findVolume(database, id);
};

const rebuildVolume = (
  database: Database,
  options: RebuildObjectOptions,
  { snapshots, pool }: RebuildSource,
): VolumeRow => {
  const { key, owner, object } = options;
  const [snapshot, ...others] = snapshots.values();
  if (snapshot === undefined || others.length > 0 || object.kind === "vm") {
    throw new Error(`an object of kind ${object.kind} has ${snapshots.size} volumes`);
  }
  const common = { pool, owner, rebuildKey: keyOf(options), labels: object.labels };
  if (object.kind === "nfs-file") {
    const { name } = options;
    const file = rebuiltFile(database, { name, object, pool });
    return insertRebuilt(database, snapshot, { ...common, name, kind: "nfs-file", file });
  }
  const name = rebuiltVolumeName(database, key, options.name);
  if (object.kind === "lun") {
    return insertRebuilt(database, snapshot, { ...common, name, kind: "lun", lun: rebuiltLun(database, object) });
  }
  return insertRebuilt(database, snapshot, { ...common, name, kind: "volume", sharing: object.sharing });
};
