import type { Striping } from "../../zbs/extent-table.ts";
import type { ZbsVolume } from "../../zbs/zbs.ts";
import type { FakeCluster } from "../entities/entity.ts";
import { FakeLunSnapshot } from "../entities/iscsi.ts";
import { FakeVmVolume, FakeVmVolumeSnapshot } from "../entities/vms.ts";
import { bytesOf, chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";
import { deleteSnapshot } from "./lun-snapshots.ts";
import { addVolumeLun, forget, rollbackLun } from "./luns.ts";

const defaultPolicy = "REPLICA_2_THIN_PROVISION";

export interface FakeVolumeWish {
  readonly name: string;
  readonly sizeBytes: number;
  readonly sharing?: boolean;
  readonly policy?: string | undefined;
  /** The cluster's own unless told otherwise, which CloudTower's callers can't do. */
  readonly striping?: Striping;
  readonly content?: ZbsVolume;
}

/** A virtual volume, at once. */
export const addVmVolume = (model: FakeModel, cluster: FakeCluster, wanted: FakeVolumeWish): FakeVmVolume => {
  const { zbs, volumeStriping } = cluster.storage;
  const { name, sizeBytes: size, sharing = false, policy = defaultPolicy, striping = volumeStriping } = wanted;
  const volume = wanted.content ?? zbs.create(size, striping);
  const lun = addVolumeLun(model, name, cluster, volume);
  return model.vmVolumes.add(new FakeVmVolume({ name, lun, size, sharing, policy }));
};

interface VolumeCreation {
  readonly name: string;
  readonly cluster_id: string;
  readonly size: number;
  readonly size_unit?: string;
  readonly sharing: boolean;
  readonly elf_storage_policy?: string;
  readonly elf_replica_storage_policy?: string;
}

const made = (model: FakeModel, volume: FakeVmVolume): FakeChange => {
  volume.entityAsyncStatus = "CREATING";
  return {
    ...{ data: volume, cluster: volume.cluster, type: "VmVolume", mutation: "create" },
    description: `Create virtual volume ${volume.name}`,
    run: () => {
      volume.entityAsyncStatus = null;
    },
    undo: () => removeVmVolume(model, volume),
  };
};

const created = (model: FakeModel, params: VolumeCreation): FakeChange => {
  const { name, size, size_unit: unit, sharing } = params;
  const policy = params.elf_replica_storage_policy ?? params.elf_storage_policy;
  const cluster = need(model.clusters, params.cluster_id);
  return made(model, addVmVolume(model, cluster, { name, sizeBytes: bytesOf(size, unit), sharing, policy }));
};

/** With its LUN; its snapshots stay unless told otherwise. */
export const removeVmVolume = (model: FakeModel, volume: FakeVmVolume, removesSnapshots = false): void => {
  if (removesSnapshots) for (const snapshot of [...volume.snapshots]) removeVolumeSnapshot(model, snapshot);
  for (const snapshot of volume.lun.snapshots) snapshot.iscsi_lun = null;
  forget(model, volume.lun);
  model.vmVolumes.delete(volume);
};

const deleted = (model: FakeModel, volume: FakeVmVolume, removesSnapshots: boolean): FakeChange => ({
  ...{ data: volume, cluster: volume.cluster, type: "VmVolume", mutation: "delete" },
  description: `Delete virtual volume ${volume.name}`,
  run: () => {
    if (volume.mounting) throw new FakeTaskFailure("VM_VOLUME_MOUNTED", `${volume.name} is a VM's`);
    const group = volume.lun.consistency_group;
    if (group !== null) throw new FakeTaskFailure("VM_VOLUME_IN_GROUP", `${volume.name} is in ${group.name}`);
    removeVmVolume(model, volume, removesSnapshots);
  },
});

interface VolumeUpdate {
  readonly name?: string | null;
  readonly description?: string | null;
  readonly size?: number | null;
  readonly size_unit?: string;
}

const updated = (volume: FakeVmVolume, data: VolumeUpdate): FakeChange => ({
  ...{ data: volume, cluster: volume.cluster, type: "VmVolume", mutation: "update" },
  description: `Update virtual volume ${volume.name}`,
  run: () => {
    const size = bytesOf(data.size ?? volume.size, data.size === undefined ? "B" : data.size_unit);
    if (size < volume.size) throw new FakeTaskFailure("VM_VOLUME_SHRINK", `${volume.name} can't become smaller`);
    volume.name = data.name ?? volume.name;
    volume.description = data.description ?? volume.description;
    if (size > volume.lun.volume.sizeBytes) volume.cluster.storage.zbs.grow(volume.lun.volume, size);
    volume.size = size;
  },
});

const snapshotTaken = (
  model: FakeModel,
  params: { readonly volume_id: string; readonly name: string; readonly description: string },
): FakeChange => {
  const volume = need(model.vmVolumes, params.volume_id);
  const snapshot = new FakeVmVolumeSnapshot(params.name, params.description, volume);
  snapshot.entityAsyncStatus = "CREATING";
  model.vmVolumeSnapshots.add(snapshot);
  return {
    ...{ data: snapshot, cluster: volume.cluster, type: "VmVolumeSnapshot", mutation: "create" },
    description: `Create snapshot ${params.name} of virtual volume ${volume.name}`,
    run: () => {
      snapshot.lun_snapshot = snapshotLuns(model, [volume])[0];
      const { lun_snapshot: inside } = snapshot;
      if (inside !== undefined) inside.name = snapshot.local_id;
      volume.snapshots.push(snapshot);
      snapshot.entityAsyncStatus = null;
    },
    undo: () => model.vmVolumeSnapshots.delete(snapshot),
  };
};

/** Snapshots of the LUNs that volumes lie in, at one instant, with names that ELF gives them. */
export const snapshotLuns = (
  model: FakeModel,
  volumes: readonly FakeVmVolume[],
): readonly (FakeLunSnapshot | undefined)[] => {
  const [first] = volumes;
  if (first === undefined) return [];
  const taken = first.cluster.storage.zbs.snapshot(volumes.map(({ lun }) => lun.volume));
  return volumes.map(({ lun }, i) => {
    const snapshot = model.lunSnapshots.add(new FakeLunSnapshot("", lun));
    const content = taken[i];
    if (content !== undefined) snapshot.fill(content);
    snapshot.name = snapshot.local_id;
    return snapshot;
  });
};

const removeVolumeSnapshot = (model: FakeModel, snapshot: FakeVmVolumeSnapshot): void => {
  const { snapshots } = snapshot.vm_volume;
  if (snapshots.includes(snapshot)) snapshots.splice(snapshots.indexOf(snapshot), 1);
  if (snapshot.lun_snapshot !== undefined) deleteSnapshot(model, snapshot.lun_snapshot);
  model.vmVolumeSnapshots.delete(snapshot);
};

const snapshotDeleted = (model: FakeModel, snapshot: FakeVmVolumeSnapshot): FakeChange => ({
  ...{ data: snapshot, cluster: snapshot.cluster, type: "VmVolumeSnapshot", mutation: "delete" },
  description: `Delete snapshot ${snapshot.name}`,
  run: () => removeVolumeSnapshot(model, snapshot),
});

const rebuilt = (
  model: FakeModel,
  params: { readonly name: string; readonly volume_snapshot_id: string },
): FakeChange => {
  const snapshot = need(model.vmVolumeSnapshots, params.volume_snapshot_id);
  const content = snapshot.lun_snapshot?.volume;
  if (content === undefined) throw new FakeRefusal(400, "the snapshot is not there yet");
  const { cluster, volume_size: sizeBytes } = snapshot;
  const { zbs } = cluster.storage;
  return made(model, addVmVolume(model, cluster, { name: params.name, sizeBytes, content: zbs.clone(content) }));
};

const rolledBack = (model: FakeModel, params: { readonly volume_snapshot_id: string }): FakeChange => {
  const { vm_volume: volume, lun_snapshot: snapshot } = need(model.vmVolumeSnapshots, params.volume_snapshot_id);
  return {
    ...{ data: volume, cluster: volume.cluster, type: "VmVolume", mutation: "update" },
    description: `Rollback virtual volume ${volume.name}`,
    run: async () => {
      if (volume.vm_disks.some(({ vm }) => vm.status !== "STOPPED")) {
        throw new FakeTaskFailure("VM_VOLUME_IN_USE", `${volume.name} is a VM's that is on`);
      }
      await rollbackLun(volume.lun, snapshot?.volume, true);
    },
  };
};

const cloned = (
  model: FakeModel,
  { where, data }: { readonly where: FakeWhere; readonly data: { readonly name: string } },
): FakeChange => {
  const [source] = chosen(model.vmVolumes, where);
  if (source === undefined) throw new FakeRefusal(404, "there is no such volume");
  const { zbs } = source.cluster.storage;
  const [snapshot] = zbs.snapshot([source.lun.volume]);
  if (snapshot === undefined) throw new FakeRefusal(500, "there is no snapshot");
  const content = zbs.clone(snapshot);
  zbs.delete(snapshot);
  return made(model, addVmVolume(model, source.cluster, { name: data.name, sizeBytes: source.size, content }));
};

interface VolumeDeletion {
  readonly where: FakeWhere;
  readonly effect?: { readonly include_snapshots?: boolean };
}

export const vmVolumeOperations: FakeOperations = {
  ...queriesOf("vm-volumes", (model) => model.vmVolumes.all()),
  ...queriesOf("vm-volume-snapshots", (model) => model.vmVolumeSnapshots.all()),
  "/create-vm-volume": changeEach(created),
  "/update-vm-volume": change<{ where: FakeWhere; data: VolumeUpdate }>((model, { where, data }) =>
    chosen(model.vmVolumes, where).map((volume) => updated(volume, data)),
  ),
  "/delete-vm-volume": change<VolumeDeletion>((model, { where, effect }) =>
    chosen(model.vmVolumes, where).map((volume) => deleted(model, volume, effect?.include_snapshots ?? false)),
  ),
  "/create-vm-volume-snapshot": changeEach(snapshotTaken),
  "/delete-vm-volume-snapshot": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.vmVolumeSnapshots, where).map((snapshot) => snapshotDeleted(model, snapshot)),
  ),
  "/rebuild-vm-volume": changeEach(rebuilt),
  "/rollback-vm-volume": changeEach(rolledBack),
  "/clone-vm-volume": changeEach(cloned),
};
