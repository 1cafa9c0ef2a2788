import { VisibleError } from "../../../../core/api/errors.ts";
import { newName } from "../../../../core/api/name.ts";
import type { VmDiskChange } from "../../../../core/api/object-spec.ts";
import { refuseMirrorObject } from "../cluster/guard.ts";
import type { NewDisk, VmDiskRow, VmRow } from "../cluster/vms.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { findVolume, refuseTakenName } from "../cluster/volumes.ts";
import type { Database } from "../database/database.ts";
import { insertNew, newVolume } from "./new-volume.ts";

/* The disks of a VM as they are described. Everything here runs inside the caller's transaction. */

/** A disk that the VM has, and its volume. */
export interface HadDisk extends NewDisk {
  readonly volume: VolumeRow | null;
}

export interface DisksOptions {
  readonly vm: Pick<VmRow, "id" | "name">;
  readonly wanted: readonly VmDiskChange[];
  /** What the VM has. */
  readonly had: readonly HadDisk[];
  /** Of new volumes that name none. */
  readonly pool?: string | undefined;
}

/**
 * Makes new volumes and finds those that are there.
 * @returns the VM's disks in their order; volumes grow elsewhere
 * @throws VOLUME_UNKNOWN, OBJECT_NAME_TAKEN, OBJECT_BUSY, OBJECT_IS_MIRROR, POOL_UNKNOWN,
 * POOL_FULL, BAD_REQUEST
 */
export const makeDisks = (database: Database, options: DisksOptions): NewDisk[] => {
  const { wanted, had } = options;
  const starts = had.length === 0 ? wanted.findIndex(({ cdRom }) => cdRom === undefined) : -1;
  const disks = wanted.map((disk, position): NewDisk => {
    const before = hadDisk(had, disk);
    const source = before ?? newSource(database, options, disk, position);
    const { volumeId, cdRom } = source;
    const boot = disk.boot ?? before?.boot ?? (position === starts ? 1 : 0);
    return { position, volumeId, cdRom, bus: disk.bus ?? before?.bus ?? "VIRTIO", boot };
  });
  refuseTwice(options.vm, disks, wanted);
  return disks;
};

export const disksOf = (database: Database, vm: Pick<VmRow, "id">): HadDisk[] =>
  database
    .all<VmDiskRow>("SELECT * FROM vmDisks WHERE vmId = ? ORDER BY position", vm.id)
    .map((disk) => ({ ...disk, volume: disk.volumeId === null ? null : findVolume(database, disk.volumeId) }));

/** Those of the disks that a VM has that it has afterwards as well. */
export const keptDisks = (had: readonly HadDisk[], wanted: readonly VmDiskChange[]): ReadonlySet<HadDisk> => {
  const cdRoms = new Set(wanted.map(({ cdRom }) => cdRom));
  const kept = wanted.map((disk) => hadDisk(had, disk));
  return new Set(had.filter((disk) => (disk.cdRom === null ? kept.includes(disk) : cdRoms.has(disk.cdRom))));
};

/** The disk of the VM's that is meant, by its volume's name. */
export const hadDisk = (had: readonly HadDisk[], { name, volume, cdRom }: VmDiskChange): HadDisk | undefined => {
  const wanted = volume ?? name;
  if (cdRom !== undefined || wanted === undefined) return undefined;
  const folded = wanted.normalize("NFC");
  return had.find((disk) => disk.volume?.name === folded);
};

const newSource = (
  database: Database,
  options: DisksOptions,
  disk: VmDiskChange,
  position: number,
): Pick<NewDisk, "volumeId" | "cdRom"> => {
  const { vm, pool } = options;
  if (disk.cdRom !== undefined) return { volumeId: null, cdRom: disk.cdRom };
  if (disk.volume !== undefined) return { volumeId: attachable(database, vm, disk.volume).id, cdRom: null };
  if (disk.size === undefined) throw noSuchDisk(vm, disk.name);
  const { geometry } = disk;
  const sized = newVolume(database, { size: disk.size, pool: disk.pool ?? pool, geometry });
  const name = disk.name === undefined ? freeDiskName(database, vm, position) : takenOrNot(database, disk.name);
  return { volumeId: insertNew(database, { ...sized, kind: "volume", name, vmId: vm.id }).id, cdRom: null };
};

const takenOrNot = (database: Database, written: string): string => {
  const name = newName(written);
  refuseTakenName(database, name, "OBJECT_NAME_TAKEN");
  return name;
};

/** `web-0`, or where that is taken the next number. */
const freeDiskName = (database: Database, { name }: Pick<VmRow, "name">, position: number): string => {
  const isTaken = (candidate: string) => volumesNamed(database, candidate).some(({ role }) => role !== "mirror");
  let number = position;
  while (isTaken(`${name}-${number}`)) number++;
  return newName(`${name}-${number}`);
};

/** LUNs, volumes and their mirrors. */
const volumesNamed = (database: Database, name: string): VolumeRow[] =>
  database.all<VolumeRow>("SELECT * FROM volumes WHERE name = ? AND kind <> 'nfs-file'", name);

/**
 * A volume that a VM may have besides those who have it.
 * @throws VOLUME_UNKNOWN, OBJECT_IS_MIRROR, OBJECT_BUSY
 */
const attachable = (database: Database, vm: Pick<VmRow, "name">, written: string): VolumeRow => {
  const named = volumesNamed(database, written.normalize("NFC")).filter(({ kind }) => kind === "volume");
  const volume = named.find(({ role }) => role !== "mirror") ?? named[0];
  if (volume === undefined) {
    throw new VisibleError("VOLUME_UNKNOWN", `There is no volume “${written}” for the VM “${vm.name}”.`, {
      hint: "Make it in a document before the VM's, or give the disk a size to have a new one.",
    });
  }
  refuseMirrorObject(database, "volume", volume);
  if (volume.sharing === 1) return volume;
  const other = database.one<{ name: string }>(
    "SELECT name FROM vmDisks JOIN vms ON id = vmId WHERE volumeId = ? LIMIT 1",
    volume.id,
  );
  if (other === undefined) return volume;
  throw new VisibleError("OBJECT_BUSY", `The volume “${volume.name}” is a disk of the VM “${other.name}” already.`, {
    hint: "Take it out of that VM first, or make a volume with `sharing: true`, which several VMs may have.",
  });
};

const noSuchDisk = (vm: Pick<VmRow, "name">, name: string | undefined): VisibleError =>
  new VisibleError("VOLUME_UNKNOWN", `The VM “${vm.name}” has no disk “${name}”.`, {
    hint: "Give `size` for a new volume, or `volume` for one that is there.",
  });

/** @throws BAD_REQUEST */
const refuseTwice = (vm: Pick<VmRow, "name">, disks: readonly NewDisk[], wanted: readonly VmDiskChange[]): void => {
  const ids = disks.map(({ volumeId }) => volumeId);
  const twice = ids.findIndex((id, index) => id !== null && ids.indexOf(id) !== index);
  if (twice < 0) return;
  const { name, volume } = wanted[twice] ?? {};
  throw new VisibleError("BAD_REQUEST", `The VM “${vm.name}” can't have the volume “${volume ?? name}” twice.`, {
    hint: "List each disk once.",
  });
};
