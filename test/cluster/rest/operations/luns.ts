import type { ZbsVolume } from "../../zbs/zbs.ts";
import type { FakeCluster } from "../entities/entity.ts";
import { FakeLun, FakeTarget } from "../entities/iscsi.ts";
import { bytesOf, chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";
import { deleteSnapshot } from "./lun-snapshots.ts";

interface LunCreation {
  readonly name: string;
  readonly iscsi_target_id: string;
  readonly assigned_size: number;
  readonly assigned_size_unit?: string;
  readonly lun_id?: number;
  readonly allowed_initiators?: string;
}

interface LunUpdate {
  readonly name?: string;
  readonly assigned_size?: number;
  readonly assigned_size_unit?: string;
  readonly allowed_initiators?: string;
}

const lunIdMax = 16_383;

export const freeLunId = (target: FakeTarget): number => {
  const taken = new Set(target.luns.map(({ lun_id }) => lun_id));
  for (let id = 1; id <= lunIdMax; id++) if (!taken.has(id)) return id;
  throw new FakeRefusal(400, `${target.name} is full`);
};

interface NewLun {
  readonly name: string;
  readonly target: FakeTarget;
  readonly lunId?: number | undefined;
  readonly volume: () => ZbsVolume;
  readonly allowedInitiators?: string | undefined;
  /** As it was asked for; what a cluster makes of it is rounded up. */
  readonly sizeBytes?: number | undefined;
}

/** A LUN that is made of a volume; others see it when its task has ended. */
export const newLun = (model: FakeModel, wanted: NewLun): FakeChange & { readonly data: FakeLun } => {
  const { name, target, lunId, volume, allowedInitiators, sizeBytes } = wanted;
  if (lunId !== undefined && (lunId < 1 || lunId > lunIdMax)) throw new FakeRefusal(400, `${lunId} is no LUN id here`);
  const { cluster } = target;
  const isTaken = lunId !== undefined && target.luns.some(({ lun_id }) => lun_id === lunId);
  const lun = new FakeLun({ name, target, lunId: lunId ?? freeLunId(target), volume: volume() });
  if (sizeBytes !== undefined && !cluster.storage.behaviour.showsRoundedSizes) lun.assigned_size = sizeBytes;
  if (allowedInitiators !== undefined) lun.allowed_initiators = allowedInitiators;
  lun.entityAsyncStatus = "CREATING";
  model.luns.add(lun);
  if (!isTaken) target.luns.push(lun);
  return {
    ...{ data: lun, cluster, type: "IscsiLun", mutation: "create" },
    description: `Create iSCSI LUN ${name}`,
    run: async () => {
      if (isTaken) throw new FakeTaskFailure("ISCSI_LUN_ID_DUPLICATE", `${target.name} has a LUN ${lunId}`);
      if (!target.internal) await cluster.storage.luns.addLun(target.iqn_name, lun.lun_id, lun.volume.path);
      lun.entityAsyncStatus = null;
    },
    undo: () => forget(model, lun),
  };
};

/** The LUN that a virtual volume lies in: in ELF's own target, which nobody is served from. */
export const addVolumeLun = (model: FakeModel, name: string, cluster: FakeCluster, volume: ZbsVolume): FakeLun => {
  const known = model.targets.all().find((target) => target.internal && target.cluster === cluster);
  const target = known ?? model.targets.add(new FakeTarget("zbs-elf", cluster, true));
  const lun = model.luns.add(new FakeLun({ name, target, lunId: freeLunId(target), volume }));
  target.luns.push(lun);
  return lun;
};

export const forget = (model: FakeModel, lun: FakeLun): void => {
  const { luns } = lun.iscsi_target;
  if (luns.includes(lun)) luns.splice(luns.indexOf(lun), 1);
  model.luns.delete(lun);
  lun.cluster.storage.zbs.delete(lun.volume);
};

const created = (model: FakeModel, params: LunCreation): FakeChange => {
  const target = need(model.targets, params.iscsi_target_id);
  const { storage } = target.cluster;
  const striping = {
    extentBytes: storage.extentBytes,
    stripeCount: target.stripe_num,
    stripeBytes: target.stripe_size,
  };
  const sizeBytes = bytesOf(params.assigned_size, params.assigned_size_unit);
  return newLun(model, {
    ...{ name: params.name, target, lunId: params.lun_id, allowedInitiators: params.allowed_initiators, sizeBytes },
    volume: () => storage.zbs.create(sizeBytes, striping),
  });
};

const updated = (lun: FakeLun, params: LunUpdate): FakeChange => ({
  ...{ data: lun, cluster: lun.cluster, type: "IscsiLun", mutation: "update" },
  description: `Update iSCSI LUN ${lun.name}`,
  run: async () => {
    const { name, assigned_size: size, assigned_size_unit: unit, allowed_initiators: initiators } = params;
    const { behaviour } = lun.cluster.storage;
    if (size !== undefined && bytesOf(size, unit) < lun.assigned_size) {
      throw new FakeTaskFailure("ISCSI_LUN_SHRINK", `${lun.name} can't become smaller`);
    }
    lun.name = name ?? lun.name;
    lun.allowed_initiators = initiators ?? lun.allowed_initiators;
    if (size !== undefined && bytesOf(size, unit) > lun.assigned_size) {
      lun.cluster.storage.zbs.grow(lun.volume, bytesOf(size, unit));
      const { internal, iqn_name } = lun.iscsi_target;
      lun.assigned_size = behaviour.showsRoundedSizes ? lun.volume.sizeBytes : bytesOf(size, unit);
      if (!internal) await lun.cluster.storage.luns.growLun(iqn_name, lun.lun_id, lun.volume.path);
    }
  },
});

export const lunDeletion = (model: FakeModel, lun: FakeLun, removesSnapshots: boolean): FakeChange => {
  lun.entityAsyncStatus = "DELETING";
  return {
    ...{ data: lun, cluster: lun.cluster, type: "IscsiLun", mutation: "delete" },
    description: `Delete iSCSI LUN ${lun.name}`,
    run: () => deleteLun(model, lun, removesSnapshots),
    undo: () => {
      lun.entityAsyncStatus = null;
    },
  };
};

export const deleteLun = async (model: FakeModel, lun: FakeLun, removesSnapshots: boolean): Promise<void> => {
  const { consistency_group: group, iscsi_target: target } = lun;
  if (group !== null) throw new FakeTaskFailure("ISCSI_LUN_IN_GROUP", `${lun.name} is in the group ${group.name}`);
  if (!target.internal) await lun.cluster.storage.luns.removeLun(target.iqn_name, lun.lun_id);
  for (const snapshot of [...lun.snapshots]) {
    if (removesSnapshots) deleteSnapshot(model, snapshot);
    else snapshot.iscsi_lun = null;
  }
  forget(model, lun);
};

const cloned = (
  model: FakeModel,
  params: { readonly name: string; readonly snapshot_id: string; readonly iscsi_target_id: string },
): FakeChange => {
  const target = need(model.targets, params.iscsi_target_id);
  const { volume, iscsi_target: from } = need(model.lunSnapshots, params.snapshot_id);
  if (from.internal && !target.cluster.storage.behaviour.clonesVolumesAnywhere) {
    throw new FakeRefusal(400, "it is a virtual volume's snapshot");
  }
  if (volume === undefined) throw new FakeRefusal(400, "the snapshot is not there yet");
  const { zbs, behaviour } = target.cluster.storage;
  const change = newLun(model, { name: params.name, target, volume: () => zbs.clone(volume) });
  return behaviour.clonesShare ? change : { ...change, polls: pollsOfCopy };
};

/** What copies takes long, and its task moves meanwhile. */
const pollsOfCopy = 4;

const rolledBack = (
  model: FakeModel,
  params: { readonly lun_id: string; readonly snapshot_id: string },
): FakeChange => {
  const lun = need(model.luns, params.lun_id);
  const snapshot = need(model.lunSnapshots, params.snapshot_id);
  return {
    ...{ data: lun, cluster: lun.cluster, type: "IscsiLun", mutation: "update" },
    description: `Rollback iSCSI LUN ${lun.name}`,
    run: () => rollbackLun(lun, snapshot.volume, snapshot.iscsi_lun === lun),
  };
};

/** @param isOwn whether the snapshot is one of this LUN */
export const rollbackLun = async (lun: FakeLun, snapshot: ZbsVolume | undefined, isOwn: boolean): Promise<void> => {
  const { zbs, behaviour, luns } = lun.cluster.storage;
  if (snapshot === undefined) throw new FakeTaskFailure("SNAPSHOT_NOT_FOUND", "the snapshot is not there");
  if (!isOwn && !behaviour.rollsBackToOthers) {
    throw new FakeTaskFailure("SNAPSHOT_OF_ANOTHER_LUN", `the snapshot is none of ${lun.name}`);
  }
  const before = lun.volume.sizeBytes;
  zbs.rollback(lun.volume, snapshot);
  if (lun.volume.sizeBytes === before) return;
  lun.assigned_size = lun.volume.sizeBytes;
  const { internal, iqn_name } = lun.iscsi_target;
  if (!internal) await luns.growLun(iqn_name, lun.lun_id, lun.volume.path);
};

const copied = (
  model: FakeModel,
  params: { readonly name: string; readonly src_lun_id: string; readonly dest_iscsi_target_id?: string },
): FakeChange => {
  const source = need(model.luns, params.src_lun_id);
  const target = need(model.targets, params.dest_iscsi_target_id ?? source.iscsi_target.id);
  const { zbs } = target.cluster.storage;
  const copy = (): ZbsVolume => {
    const volume = zbs.create(source.volume.sizeBytes, source.volume.striping);
    zbs.overwrite(volume, source.volume);
    return volume;
  };
  return newLun(model, { name: params.name, target, volume: copy });
};

export const lunOperations: FakeOperations = {
  ...queriesOf("iscsi-luns", (model) => model.luns.all()),
  "/create-iscsi-lun": changeEach(created),
  "/update-iscsi-lun": change<{ where: FakeWhere; data: LunUpdate }>((model, { where, data }) =>
    chosen(model.luns, where).map((lun) => updated(lun, data)),
  ),
  "/delete-iscsi-lun": change<{ where: FakeWhere; data: { remove_snapshot: boolean } }>((model, { where, data }) =>
    chosen(model.luns, where).map((lun) => lunDeletion(model, lun, data.remove_snapshot)),
  ),
  "/clone-iscsi-lun-from-snapshot": changeEach(cloned),
  "/rollback-iscsi-lun-from-snapshot": changeEach(rolledBack),
  "/copy-iscsi-lun": changeEach(copied),
};
