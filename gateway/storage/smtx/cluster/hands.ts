import type { VisibleError } from "../../../../core/api/errors.ts";
import type { IscsiTargetSettings } from "../../../../core/api/object/lun.ts";
import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { VmConfig, VmNic } from "../../../../core/api/object/vm.ts";
import type { FilePlace } from "../../../../core/object/file-place.ts";
import type { StorageCall } from "../../call.ts";
import type { AbilityAnswer } from "../abilities/abilities.ts";

/*
 * What is done on the cluster, each so that it may be done again: what is there already under the
 * name is taken, since making twice makes two.
 */

/** A LUN by which bytes are read and written; ids are CloudTower's, but for the cluster's own. */
export interface LunRef {
  readonly lun: string;
  readonly zbsVolumeId: string;
  readonly target: string;
  readonly iqn: string;
  readonly lunId: number;
  readonly sizeBytes: number;
}

/** A target, made where there is none of this name. */
export interface TargetWish {
  readonly name: string;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  /** Of a customer's; absent: it is ours, and only a gateway's initiator may log in (W8). */
  readonly theirs?: IscsiTargetSettings;
}

export interface LunWish {
  readonly target: TargetWish;
  readonly name: string;
  /** Undefined: whichever the cluster gives it. */
  readonly lunId: number | undefined;
  readonly sizeBytes: number;
  /** Of a customer's. */
  readonly allowedInitiators?: string;
}

/** A virtual volume, and the LUN that it lies in. */
export interface VolumeRef extends LunRef {
  readonly vmVolume: string;
}

export interface NicWish extends Omit<VmNic, "order" | "macAddress"> {
  /** Absent: the cluster makes one up. */
  readonly macAddress?: string;
}

/** Resources, disks and NICs, each in their order. */
export interface VmShape {
  readonly config: Omit<VmConfig, "disks" | "nics">;
  /** `volume`: CloudTower's id. */
  readonly disks: readonly (Pick<VmConfig["disks"][number], "bus" | "boot" | "index"> & { readonly volume: string })[];
  readonly nics: readonly NicWish[];
}

export interface VmWish extends VmShape {
  readonly name: string;
}

/** A VM without disks that can't be reached, in a folder. */
export interface ShellWish extends Omit<VmShape, "disks"> {
  readonly name: string;
  readonly folder: string;
  /** What the VM is called that it stands for. */
  readonly of: string;
}

export interface KeptShell {
  /** Undefined: there is none. */
  readonly ref: VmRef | undefined;
  /** What the cluster refused of it, in its words. */
  readonly refusals: readonly VisibleError[];
}

export interface VmRef {
  readonly vm: string;
  readonly localId: string;
}

/** What is to be snapshotted. */
export interface SnapshotMember {
  readonly zbsVolumeId: string;
  /** Undefined: it lies in none that CloudTower knows. */
  readonly lun: string | undefined;
  /** The virtual volume whose LUN that is; absent: it is a LUN by itself. */
  readonly vmVolume?: string | undefined;
}

export interface TogetherWish {
  readonly name: string;
  readonly members: readonly SnapshotMember[];
  /** Nobody has asked for it before: nothing of it is there. */
  readonly isNew: boolean;
  /** Nobody writes them meanwhile: they need not be of one instant. */
  readonly areStill?: boolean;
  /** Whether a consistency group was seen to take them. */
  readonly groupsTakeVolumes: AbilityAnswer;
}

export interface TakenTogether {
  /** By the cluster's ids of the volumes. */
  readonly taken: ReadonlyMap<string, TakenSnapshot>;
  /** So far apart they are at most; 0: they are of one instant. */
  readonly apartMs: number;
}

export interface TakenSnapshot {
  /** By which the hands know it. */
  readonly snapshot: string;
  /** A snapshot is a volume as well, with an extent table of its own. */
  readonly zbsVolumeId: string;
}

export interface CloneWish {
  readonly snapshot: string;
  /** The cluster's own id of it, for the nodes' command line where CloudTower refuses. */
  readonly zbsVolumeId?: string;
  readonly name: string;
}

export interface FileRef {
  /** CloudTower's id. */
  readonly inode: string;
  /** The cluster's own. */
  readonly inodeId: string;
  readonly zbsVolumeId: string;
}

/** A LUN of ours that is to be a file. */
export interface FileWish extends FilePlace {
  readonly zbsVolumeId: string;
  /** Of an export that has to be made. */
  readonly settings: NfsExportSettings;
}

interface Named {
  readonly kind: "lun" | "vm-volume" | "vm";
  /** CloudTower's. */
  readonly id: string;
}

export interface Hands {
  makeLun(wish: LunWish, call?: StorageCall): Promise<LunRef>;
  /** Those of a target of this name; none where there is no such target. */
  listLuns(target: string, call?: StorageCall): Promise<readonly (LunRef & { readonly name: string })[]>;
  growLun(lun: string, sizeBytes: number, call?: StorageCall): Promise<void>;
  /**
   * Makes a LUN what a snapshot of it, or of another, has.
   * @param to.atLeastBytes where the snapshot is smaller, it has zeros behind
   * @throws SNAPSHOT_UNKNOWN where CloudTower does not list it
   */
  rollBackLun(
    lun: string,
    to: { readonly snapshot: string; readonly atLeastBytes?: number },
    call?: StorageCall,
  ): Promise<void>;
  /** What CloudTower did not list at first: by those of these that it lists by now, its ids. */
  listed(snapshots: readonly string[], call?: StorageCall): Promise<ReadonlyMap<string, string>>;
  /** Whether the cluster has lost a snapshot, as far as CloudTower tells. */
  isGone(of: Omit<CloneWish, "name">, call?: StorageCall): Promise<boolean>;
  /** A LUN of ours with a snapshot's content, which shares it. */
  cloneSnapshot(of: CloneWish, call?: StorageCall): Promise<LunRef>;
  /** At one instant, or as close together as the cluster can. */
  snapshotTogether(wish: TogetherWish, call?: StorageCall): Promise<TakenTogether>;
  makeVolume(
    wish: { readonly name: string; readonly sizeBytes: number; readonly sharing: boolean },
    call?: StorageCall,
  ): Promise<VolumeRef>;
  makeVm(wish: VmWish, call?: StorageCall): Promise<VmRef>;
  /**
   * A VM that is off has these resources, disks and NICs from then on; its name, CD-ROM drives and
   * firmware stay. Volumes that it has no more stay as well. @throws VOLUME_UNKNOWN
   */
  shapeVm(vm: string, shape: VmShape, call?: StorageCall): Promise<void>;
  /** Makes a shell, or brings the one that is known to what is wished for. Idempotent. */
  keepShell(wish: ShellWish, known: string | undefined, call?: StorageCall): Promise<KeptShell>;
  /** One that has another name by now stays. Idempotent. @param vm CloudTower's id */
  removeShell(vm: string, call?: StorageCall): Promise<void>;
  /**
   * A LUN of ours becomes a file, in its export, which is made where there is none. Its directory
   * has to be there. Idempotent.
   * @throws OBJECT_NAME_TAKEN, DIRECTORY_UNKNOWN
   */
  makeFile(wish: FileWish, call?: StorageCall): Promise<FileRef>;
  /** Makes a file what a snapshot has. Idempotent. @param to.zbsSnapshot the cluster's own id */
  rollBackFile(to: { readonly inodeId: string; readonly zbsSnapshot: string }, call?: StorageCall): Promise<void>;
  /** Only what the records say that a restore has made. Idempotent. */
  removeFile(file: FileRef | FileWish, call?: StorageCall): Promise<void>;
  /** Idempotent. */
  setPower(vm: string, power: "on" | "off", call?: StorageCall): Promise<void>;
  rename(of: Named & { readonly name: string }, call?: StorageCall): Promise<void>;
  /** For people, who may change them. What it has besides stays. */
  label(
    of: Pick<Named, "id"> & { readonly kind: Named["kind"] | "nfs-file" },
    labels: Readonly<Record<string, string>>,
    call?: StorageCall,
  ): Promise<void>;
  /** Only what the records say that a restore has made. Idempotent. */
  removeRebuilt(of: Named, call?: StorageCall): Promise<void>;
  /** Idempotent. @throws NOT_OURS */
  removeLun(lun: string, call?: StorageCall): Promise<void>;
  /** Idempotent. @throws NOT_OURS */
  removeSnapshot(snapshot: string, call?: StorageCall): Promise<void>;
  /** What snapshots of different volumes have alone. Undefined: of one of them nobody knows it. */
  ownBytes(snapshots: readonly string[], call?: StorageCall): Promise<number | undefined>;
  /** Bytes that volumes of ours may have on the cluster, and that are used of those. */
  room(call?: StorageCall): Promise<{ readonly capacityBytes: number; readonly usedBytes: number } | undefined>;
}
