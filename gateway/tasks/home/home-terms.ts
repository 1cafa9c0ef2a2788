import type { VmNic, VmObject } from "../../../core/api/object/vm.ts";
import type { Mapping, ObjectConfig } from "../../../core/api/object.ts";
import type { StandIn } from "../../storage/control.ts";

/** An object that stands for another one, told as the site of that one would tell it. */
export interface InHomeTerms {
  readonly object: ObjectConfig;
  /** Where its NICs are connected here; null: what its switches are called is the same. */
  readonly mapping: Mapping | null;
}

/**
 * What stands for an object, as it is now, with the ids, name, place and networks of that. What is
 * not at home has no other id than its own, such as a disk that was added. A name that somebody
 * has changed since it was made is the new one.
 * @param of.homes the home ids of volumes, by their own
 * @param of.isAtHome it stands at the site of what it stands for: networks are called the same
 */
export const inHomeTerms = (
  { home, madeName }: Pick<StandIn, "home" | "madeName">,
  now: ObjectConfig,
  of: { readonly homes: ReadonlyMap<string, string>; readonly isAtHome: boolean },
): InHomeTerms => {
  const { homes, isAtHome } = of;
  const isRenamed = now.name !== madeName;
  const { origin: _, ...rest } = now;
  const common = {
    id: home.id,
    name: isRenamed ? now.name : home.name,
    volumes: now.volumes.map((volume) => ({ ...volume, id: homes.get(volume.id) ?? volume.id })),
  };
  if (rest.kind === "vm" && home.kind === "vm") {
    const nics = isAtHome ? rest.vm.nics : homeNics(rest, home);
    const vm = { ...rest.vm, nics, disks: homeDisks(rest, home, homes) };
    return { object: { ...rest, ...common, vm }, mapping: isAtHome ? null : mappingOf(rest.vm.nics, nics) };
  }
  return { object: { ...rest, ...common, ...placeOf(rest, home, isRenamed) } as ObjectConfig, mapping: null };
};

/** A LUN's target is its cluster's; a file that somebody has moved is where that was. */
const placeOf = (now: ObjectConfig, home: ObjectConfig, isMoved: boolean): object => {
  if (now.kind === "lun" && home.kind === "lun") return { lun: home.lun };
  if (now.kind === "nfs-file" && home.kind === "nfs-file") return isMoved ? {} : { file: home.file };
  return {};
};

const homeDisks = ({ vm }: VmObject, home: VmObject, homes: ReadonlyMap<string, string>): VmObject["vm"]["disks"] => {
  const names = new Map(home.vm.disks.map((disk) => [disk.volumeId, disk.name]));
  return vm.disks.map((disk) => {
    const volumeId = homes.get(disk.volumeId) ?? disk.volumeId;
    return { ...disk, volumeId, name: names.get(volumeId) ?? disk.name };
  });
};

/**
 * A NIC is known by its MAC address, and is where it was at home. A new one is where another NIC is
 * at home that shares its switch here.
 */
const homeNics = ({ vm }: VmObject, home: VmObject): VmNic[] => {
  const atHome = new Map(home.vm.nics.map((nic) => [nic.macAddress, nic.virtualSwitch]));
  const switches = new Map(
    vm.nics.flatMap(({ macAddress, virtualSwitch }) => {
      const home = atHome.get(macAddress);
      return virtualSwitch === null || home === undefined || home === null ? [] : [[virtualSwitch, home] as const];
    }),
  );
  return vm.nics.map((nic) => {
    const { macAddress, virtualSwitch } = nic;
    const known = atHome.get(macAddress);
    if (known !== undefined) return { ...nic, virtualSwitch: known };
    return { ...nic, virtualSwitch: virtualSwitch && (switches.get(virtualSwitch) ?? virtualSwitch) };
  });
};

const mappingOf = (here: readonly VmNic[], home: readonly VmNic[]): Mapping => ({
  switches: Object.fromEntries(
    home.flatMap(({ virtualSwitch }, index) => {
      const local = here[index]?.virtualSwitch;
      return virtualSwitch === null || local === null || local === undefined ? [] : [[virtualSwitch, local]];
    }),
  ),
});
