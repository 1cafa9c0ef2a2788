import { VisibleError } from "../../../../core/api/errors.ts";
import type { VmObject } from "../../../../core/api/object/vm.ts";
import type { RebuildWishes } from "../../../../core/api/restore/wishes.ts";
import { rebuiltDiskName } from "../../../../core/object/rebuilt-name.ts";
import type { Owner } from "../../control.ts";
import { rebuildKeyOf } from "../cluster/rebuilt.ts";
import { insertVm, setDisks, setNics, type VmRow } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { disksOf } from "../mirrors/mirror-vms.ts";
import { rebuiltNics } from "./rebuild-nics.ts";
import { insertRebuilt, type RebuildSource } from "./rebuild-source.ts";
import { otherNamesHint, rebuiltVolume, rebuiltVolumeName, takeOver } from "./rebuild-together.ts";

interface RebuildVmOptions {
  /** Names the restore. */
  readonly key: string;
  readonly owner: Owner;
  readonly object: VmObject;
  readonly name: string;
  readonly source: RebuildSource;
  readonly wishes?: RebuildWishes | undefined;
}

/**
 * Makes a VM with its disks from snapshots, or as the restore has made them as volumes by
 * themselves. Inside a transaction, when nothing is in the way.
 * @throws OBJECT_BUSY
 */
export const rebuildVm = (database: Database, of: RebuildVmOptions): VmRow => {
  const { key, owner, object, name, source, wishes = {} } = of;
  const { disks: _disks, nics: _nics, ...resources } = object.vm;
  const config = { ...resources, status: wishes.powerOn ? "RUNNING" : "STOPPED" } as const;
  const { labels } = object;
  const rebuildKey = rebuildKeyOf(key, object.id);
  const vm = insertVm(database, { role: "rebuilt", name, config, owner, rebuildKey, labels });
  setDisks(database, vm.id, disksOf(object, rebuildDisks(database, vm, of)));
  setNics(database, vm.id, rebuiltNics(database, { object, name, source, wishes }));
  return vm;
};

/** @throws OBJECT_NAME_TAKEN */
export const refuseTakenVmName = (database: Database, name: string): void => {
  if (database.one("SELECT 1 FROM vms WHERE name = ? AND role <> 'mirror'", name) === undefined) return;
  throw new VisibleError("OBJECT_NAME_TAKEN", `There is a VM named “${name}” already.`, { hint: otherNamesHint });
};

/** What a disk's volume is called. @throws VOLUME_NAME_TAKEN */
export const rebuiltDisk = (
  database: Database,
  { key, object, name }: Pick<RebuildVmOptions, "key" | "object" | "name">,
  sourceVolumeId: string,
): string => {
  const disk = object.vm.disks.find(({ volumeId }) => volumeId === sourceVolumeId);
  return rebuiltVolumeName(database, key, rebuiltDiskName(object, name, disk?.name ?? object.name));
};

/** @returns the ids of the VM's new volumes by those of its source's */
const rebuildDisks = (database: Database, vm: VmRow, of: RebuildVmOptions): ReadonlyMap<string, string> => {
  const { key, owner, source } = of;
  const { pool, snapshots } = source;
  return new Map(
    [...snapshots].map(([sourceVolumeId, snapshot]) => {
      const rebuildKey = rebuildKeyOf(key, sourceVolumeId);
      const made = rebuiltVolume(database, rebuildKey);
      if (made !== undefined) return [sourceVolumeId, takeOver(database, key, { volume: made, vm }).id];
      const name = rebuiltDisk(database, of, sourceVolumeId);
      const volume = { kind: "volume", name, pool, owner, vmId: vm.id, rebuildKey } as const;
      return [sourceVolumeId, insertRebuilt(database, snapshot, volume).id];
    }),
  );
};
