import { VisibleError } from "../../../core/api/errors.ts";
import type { VmObject } from "../../../core/api/object/vm.ts";
import type { Owner } from "../control.ts";
import type { Database } from "./database.ts";
import { freeMacAddress } from "./mac-addresses.ts";
import { disksOf, nicsOf } from "./mirror-vms.ts";
import { insertRebuilt, type RebuildSource } from "./rebuild-source.ts";
import { insertVm, setDisks, setNics, type VmRow } from "./vms.ts";

/**
 * Makes a VM, switched off, with its disks from snapshots. Inside a transaction.
 * @throws OBJECT_NAME_TAKEN
 */
export const rebuildVm = (
  database: Database,
  of: {
    readonly key: string;
    readonly owner: Owner;
    readonly object: VmObject;
    readonly name: string;
    readonly source: RebuildSource;
  },
): VmRow => {
  const { key, owner, object, name, source } = of;
  if (database.one("SELECT 1 FROM vms WHERE name = ? AND role <> 'mirror'", name) !== undefined) {
    throw new VisibleError("OBJECT_NAME_TAKEN", `There is a VM named “${name}” already.`, {
      hint: "Give the rebuilt objects other names: smtx-backup rebuild --prefix.",
    });
  }
  const { disks, nics, ...resources } = object.vm;
  const config = { ...resources, status: "STOPPED" } as const;
  const vm = insertVm(database, { role: "rebuilt", name, config, owner, rebuildKey: key, labels: object.labels });
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
const rebuildDisks = (
  database: Database,
  vm: VmRow,
  of: { readonly owner: Owner; readonly object: VmObject; readonly source: RebuildSource },
): ReadonlyMap<string, string> => {
  const { owner, object, source } = of;
  const { pool, snapshots } = source;
  const prefix = vm.name.endsWith(object.name) ? vm.name.slice(0, vm.name.length - object.name.length) : "";
  return new Map(
    [...snapshots].map(([sourceVolumeId, snapshot]) => {
      const disk = object.vm.disks.find(({ volumeId }) => volumeId === sourceVolumeId);
      const name = freeVolumeName(database, `${prefix}${disk?.name ?? object.name}`);
      return [sourceVolumeId, insertRebuilt(database, snapshot, { kind: "volume", name, pool, owner, vmId: vm.id }).id];
    }),
  );
};

/** The VM has the name that was asked for; of its disks' names, one that is taken gets a number. */
const freeVolumeName = (database: Database, wanted: string): string => {
  let name = wanted;
  const isTaken = () =>
    database.one("SELECT 1 FROM volumes WHERE name = ? AND role <> 'mirror' AND kind <> 'nfs-file'", name) !==
    undefined;
  for (let n = 2; isTaken(); n++) name = `${wanted}-${n}`;
  return name;
};

/** The switch here that a NIC is connected to, where its source was connected to one: the mapped one, if it is there. */
const switchOf = (database: Database, { mapping, isOfThisCluster }: RebuildSource, source: string): string | null => {
  const mapped = isOfThisCluster
    ? source
    : Object.entries(mapping?.switches ?? {}).find(([from]) => from === source)?.[1];
  if (mapped === undefined) return null;
  return database.one("SELECT 1 FROM switches WHERE name = ?", mapped) === undefined ? null : mapped;
};
