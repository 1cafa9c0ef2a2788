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
 * themselves. Inside a transaction.
 * @throws OBJECT_NAME_TAKEN, VOLUME_NAME_TAKEN, OBJECT_BUSY, SWITCH_UNKNOWN, MAC_ADDRESS_TAKEN
 */
export const rebuildVm = (database: Database, of: RebuildVmOptions): VmRow => {
  const { key, owner, object, name, source, wishes = {} } = of;
  if (database.one("SELECT 1 FROM vms WHERE name = ? AND role <> 'mirror'", name) !== undefined) {
    throw new VisibleError("OBJECT_NAME_TAKEN", `There is a VM named “${name}” already.`, { hint: otherNamesHint });
  }
  const { disks: _disks, nics: _nics, ...resources } = object.vm;
  const config = { ...resources, status: wishes.powerOn ? "RUNNING" : "STOPPED" } as const;
  const { labels } = object;
  const rebuildKey = rebuildKeyOf(key, object.id);
  const vm = insertVm(database, { role: "rebuilt", name, config, owner, rebuildKey, labels });
  setDisks(database, vm.id, disksOf(object, rebuildDisks(database, vm, of)));
  setNics(database, vm.id, rebuiltNics(database, { object, name, source, wishes }));
  return vm;
};

/** @returns the ids of the VM's new volumes by those of its source's */
const rebuildDisks = (database: Database, vm: VmRow, of: RebuildVmOptions): ReadonlyMap<string, string> => {
  const { key, owner, object, source } = of;
  const { pool, snapshots } = source;
  return new Map(
    [...snapshots].map(([sourceVolumeId, snapshot]) => {
      const rebuildKey = rebuildKeyOf(key, sourceVolumeId);
      const made = rebuiltVolume(database, rebuildKey);
      if (made !== undefined) return [sourceVolumeId, takeOver(database, key, { volume: made, vm }).id];
      const disk = object.vm.disks.find(({ volumeId }) => volumeId === sourceVolumeId);
      const wanted = rebuiltDiskName(object, vm.name, disk?.name ?? object.name);
      const name = rebuiltVolumeName(database, key, wanted);
      const volume = { kind: "volume", name, pool, owner, vmId: vm.id, rebuildKey } as const;
      return [sourceVolumeId, insertRebuilt(database, snapshot, volume).id];
    }),
  );
};
