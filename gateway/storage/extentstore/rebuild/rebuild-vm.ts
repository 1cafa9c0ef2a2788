import { VisibleError } from "../../../../core/api/errors.ts";
import type { VmObject } from "../../../../core/api/object/vm.ts";
import type { Owner } from "../../control.ts";
import { freeMacAddress } from "../cluster/mac-addresses.ts";
import { insertVm, setDisks, setNics, type VmRow } from "../cluster/vms.ts";
import type { Database } from "../database/database.ts";
import { disksOf, nicsOf } from "../mirrors/mirror-vms.ts";
import { insertRebuilt, type RebuildSource } from "./rebuild-source.ts";
import { otherNamesHint, rebuildKeyOf, rebuiltVolume, rebuiltVolumeName, takeOver } from "./rebuild-together.ts";

interface RebuildVmOptions {
  /** Names the restore. */
  readonly key: string;
  readonly owner: Owner;
  readonly object: VmObject;
  readonly name: string;
  readonly source: RebuildSource;
}

/**
 * Makes a VM, switched off, with its disks from snapshots, or as the restore has made them as
 * volumes by themselves. Inside a transaction.
 * @throws OBJECT_NAME_TAKEN, VOLUME_NAME_TAKEN, OBJECT_BUSY
 */
export const rebuildVm = (database: Database, of: RebuildVmOptions): VmRow => {
  const { key, owner, object, name, source } = of;
  if (database.one("SELECT 1 FROM vms WHERE name = ? AND role <> 'mirror'", name) !== undefined) {
    throw new VisibleError("OBJECT_NAME_TAKEN", `There is a VM named “${name}” already.`, { hint: otherNamesHint });
  }
  const { disks, nics, ...resources } = object.vm;
  const config = { ...resources, status: "STOPPED" } as const;
  const { labels } = object;
  const rebuildKey = rebuildKeyOf(key, object.id);
  const vm = insertVm(database, { role: "rebuilt", name, config, owner, rebuildKey, labels });
  setDisks(database, vm.id, disksOf(object, rebuildDisks(database, vm, of)));
  const switchFor = (switchName: string) => switchOf(database, source, switchName);
  const connected = nicsOf(object, switchFor).map((nic) => ({
    ...nic,
    macAddress: freeMacAddress(database, nic.macAddress),
  }));
  setNics(database, vm.id, connected);
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
      const name = rebuiltVolumeName(database, key, `${prefixOf(vm, object)}${disk?.name ?? object.name}`);
      const volume = { kind: "volume", name, pool, owner, vmId: vm.id, rebuildKey } as const;
      return [sourceVolumeId, insertRebuilt(database, snapshot, volume).id];
    }),
  );
};

/**
 * What the VM has before its source's name, its disks have before theirs; where it is called
 * otherwise, its name.
 */
const prefixOf = (vm: Pick<VmRow, "name">, source: Pick<VmObject, "name">): string =>
  vm.name.endsWith(source.name) ? vm.name.slice(0, vm.name.length - source.name.length) : `${vm.name}-`;

/**
 * The switch here that a NIC is connected to, where its source was connected to one: the mapped
 * one, if it is there.
 */
const switchOf = (database: Database, { mapping, isOfThisCluster }: RebuildSource, source: string): string | null => {
  const mapped = isOfThisCluster
    ? source
    : Object.entries(mapping?.switches ?? {}).find(([from]) => from === source)?.[1];
  if (mapped === undefined) return null;
  return database.one("SELECT 1 FROM switches WHERE name = ?", mapped) === undefined ? null : mapped;
};
