import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { VmConfig, VmNic } from "../../../../core/api/object/vm.ts";
import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { FilePlace } from "../../../../core/object/file-place.ts";

/*
 * A cluster as CloudTower tells of it, without what this product has made for itself. Ids are the
 * cluster's own (`local_id`): they stay when a CloudTower is set up anew. `tower` is CloudTower's.
 */

export interface FoundCluster {
  readonly targets: readonly FoundTarget[];
  readonly luns: readonly FoundLun[];
  readonly volumes: readonly FoundVmVolume[];
  readonly vms: readonly FoundVm[];
  readonly exports: readonly { readonly name: string; readonly settings: NfsExportSettings }[];
  readonly directories: readonly FilePlace[];
  readonly files: readonly FoundFile[];
  readonly switches: readonly { readonly name: string; readonly vlans: readonly FoundVlan[] }[];
}

export interface FoundTarget {
  readonly name: string;
  readonly settings: IscsiTargetSettings;
}

type Labels = Readonly<Record<string, string>>;

/** The LUN that a volume is, or lies in. */
export interface FoundLunRef {
  readonly tower: string;
  readonly zbsVolumeId: string;
  readonly target: string;
  readonly iqn: string;
  readonly lunId: number;
}

export interface FoundLun {
  readonly lun: FoundLunRef;
  readonly name: string;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly allowedInitiators: string;
  readonly labels: Labels;
}

export interface FoundVmVolume {
  readonly tower: string;
  readonly id: string;
  /** Absent: CloudTower does not say which it is. Then it can't be protected. */
  readonly lun: FoundLunRef | undefined;
  readonly name: string;
  readonly sizeBytes: number;
  readonly geometry: Geometry;
  readonly sharing: boolean;
  readonly labels: Labels;
}

export interface FoundVlan {
  readonly name: string;
  readonly vlanId: number;
}

export interface FoundVm {
  readonly tower: string;
  readonly id: string;
  readonly name: string;
  readonly config: Omit<VmConfig, "disks" | "nics">;
  readonly disks: readonly FoundDisk[];
  readonly nics: readonly Omit<VmNic, "order">[];
  readonly labels: Labels;
}

/** In the VM's order. */
export interface FoundDisk {
  readonly position: number;
  /** A volume by its id, or the name of what lies in a CD-ROM drive. */
  readonly volume: string | undefined;
  readonly cdRom: string | undefined;
  readonly bus: VmConfig["disks"][number]["bus"];
  readonly boot: number;
}

export interface FoundFile extends FilePlace {
  /** Its inode's. */
  readonly id: string;
  /** CloudTower's. */
  readonly inode: string;
  readonly sizeBytes: number;
  readonly labels: Labels;
  /** Undefined: no node has told which it is. Then it can't be protected. */
  readonly volume: { readonly zbsVolumeId: string; readonly geometry: Geometry } | undefined;
}
