import type { VmNic, VmObject } from "../../../../core/api/object/vm.ts";
import type { Mapping } from "../../../../core/api/object.ts";
import type { MirrorVolume, Owner } from "../../control.ts";
import { findSwitch } from "../cluster/switches.ts";
import { insertVm, type NewDisk, setDisks, setNics, updateVm } from "../cluster/vms.ts";
import { labelsText } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";

/**
 * Makes the mirror of a VM, or brings it up to date: switched off, of the mirrors of its volumes,
 * its NICs connected as they are mapped. Inside a transaction.
 * @returns its id. @throws SWITCH_UNKNOWN
 */
export const mirrorVm = (
  database: Database,
  of: {
    readonly owner: Owner;
    readonly object: VmObject;
    readonly mapping: Mapping | undefined;
    readonly mirrors: readonly MirrorVolume[];
    readonly vmId: string | null | undefined;
  },
): string => {
  const { owner, object, mapping, mirrors } = of;
  const { disks, nics, ...resources } = object.vm;
  const now = { name: object.name, config: { ...resources, status: "STOPPED" } } as const;
  const vmId = of.vmId ?? insertVm(database, { role: "mirror", owner, ...now }).id;
  updateVm(database, vmId, now);
  database.run("UPDATE vms SET labels = ? WHERE id = ?", labelsText(object.labels), vmId);
  setDisks(database, vmId, disksOf(object, new Map(mirrors.map((one) => [one.sourceVolumeId, one.mirrorVolumeId]))));
  setNics(
    database,
    vmId,
    nicsOf(object, (name) => {
      const mapped =
        mapping === undefined || !Object.hasOwn(mapping.switches, name) ? undefined : mapping.switches[name];
      return mapped === undefined ? null : findSwitch(database, mapped).name;
    }),
  );
  return vmId;
};

/**
 * A VM's disks on other volumes, in their places.
 * @param volumeIds by the ids of the volumes that it has
 */
export const disksOf = ({ vm }: VmObject, volumeIds: ReadonlyMap<string, string>): NewDisk[] =>
  vm.disks.flatMap(({ volumeId, bus, index, boot }) => {
    const id = volumeIds.get(volumeId);
    return id === undefined ? [] : [{ position: index, volumeId: id, cdRom: null, bus, boot }];
  });

/** A VM's NICs in their order, on other switches. */
export const nicsOf = ({ vm }: VmObject, switchFor: (name: string) => string | null): Omit<VmNic, "order">[] =>
  vm.nics
    .toSorted((a, b) => a.order - b.order)
    .map(({ order: _, ...nic }) => ({
      ...nic,
      virtualSwitch: nic.virtualSwitch === null ? null : switchFor(nic.virtualSwitch),
    }));
