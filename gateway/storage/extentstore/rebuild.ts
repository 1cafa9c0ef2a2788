import { VisibleError } from "../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { RebuildObjectOptions } from "../control.ts";
import { damagedExtents } from "./damage.ts";
import type { Database } from "./database.ts";
import { objectOfVm, objectOfVolume } from "./objects.ts";
import { refuseFullPool } from "./pools.ts";
import { rebuiltFile, rebuiltLun } from "./rebuild-places.ts";
import { insertRebuilt, type RebuildSource, rebuildSource } from "./rebuild-source.ts";
import { rebuildVm } from "./rebuild-vm.ts";
import type { SnapshotRow } from "./snapshots.ts";
import type { VmRow } from "./vms.ts";
import { refuseTakenName, type VolumeRow } from "./volumes.ts";

/**
 * Makes an ordinary object that shares snapshots' extents: metadata only. Inside a transaction.
 * @throws SNAPSHOT_UNKNOWN, NOT_OURS, VOLUME_NAME_TAKEN, OBJECT_NAME_TAKEN, BAD_REQUEST, VOLUME_UNKNOWN
 *   (it was made and is deleted), GROUP_DAMAGED, POOL_FULL
 */
export const rebuildObject = (database: Database, options: RebuildObjectOptions): ObjectConfig => {
  const { object, name } = options;
  const known = knownRebuild(database, options);
  if (known !== undefined) return known;
  const source = rebuildSource(database, options);
  if (!options.evenDamaged) {
    for (const snapshot of source.snapshots.values()) refuseDamaged(database, snapshot, object.name);
  }
  const rebuilt =
    object.kind === "vm"
      ? objectOfVm(database, rebuildVm(database, { ...options, object, source }))
      : objectOfVolume(database, rebuildVolume(database, options, source));
  refuseFullPool(database, source.pool, `“${name}”`);
  return rebuilt;
};

/** What was made by the key before. @throws VOLUME_UNKNOWN when it has been deleted since */
const knownRebuild = (database: Database, { key, name }: RebuildObjectOptions): ObjectConfig | undefined => {
  const volume = database.one<VolumeRow>("SELECT * FROM volumes WHERE rebuildKey = ?", key);
  if (volume !== undefined) return objectOfVolume(database, volume);
  const vm = database.one<VmRow>("SELECT * FROM vms WHERE rebuildKey = ?", key);
  if (vm !== undefined) return objectOfVm(database, vm);
  if (database.one("SELECT 1 FROM deletedRebuilds WHERE key = ?", key) === undefined) return undefined;
  throw new VisibleError("VOLUME_UNKNOWN", `“${name}” was rebuilt by this restore, and has been deleted since.`, {
    hint: "Begin another restore to have it again.",
  });
};

const rebuildVolume = (
  database: Database,
  { key, owner, object, name }: RebuildObjectOptions,
  { snapshots, pool }: RebuildSource,
): VolumeRow => {
  const [snapshot, ...others] = snapshots.values();
  if (snapshot === undefined || others.length > 0 || object.kind === "vm") {
    throw new Error(`an object of kind ${object.kind} has ${snapshots.size} volumes`);
  }
  const common = { name, pool, owner, rebuildKey: key, labels: object.labels };
  if (object.kind === "nfs-file") {
    const file = rebuiltFile(database, { name, object, pool });
    return insertRebuilt(database, snapshot, { ...common, kind: "nfs-file", file });
  }
  refuseTakenName(database, name);
  if (object.kind === "lun") {
    return insertRebuilt(database, snapshot, { ...common, kind: "lun", lun: rebuiltLun(database, object) });
  }
  return insertRebuilt(database, snapshot, { ...common, kind: "volume", sharing: object.sharing });
};

const namedExtentsMax = 10;

/** @throws GROUP_DAMAGED */
const refuseDamaged = (database: Database, snapshot: SnapshotRow, name: string): void => {
  const extents = damagedExtents(database, snapshot.tableId);
  if (extents.length === 0) return;
  const named = extents.slice(0, namedExtentsMax).join(", ");
  const more = extents.length > namedExtentsMax ? `, and ${extents.length - namedExtentsMax} more` : "";
  throw new VisibleError(
    "GROUP_DAMAGED",
    `“${name}” is damaged in the group ${snapshot.groupId}: extents ${named}${more} of it can't be read.`,
    {
      hint:
        "Choose another group of: smtx-backup group list. While the source is there, the next run of the plan mends what it has. " +
        "To have what can be read all the same: smtx-backup rebuild --damaged.",
    },
  );
};
