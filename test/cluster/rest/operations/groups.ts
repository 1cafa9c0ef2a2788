import { FakeGroup, FakeGroupSnapshot, type FakeLun, FakeLunSnapshot } from "../entities/iscsi.ts";
import { chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import type { FakeChange } from "../tasks.ts";
import { deleteSnapshot } from "./lun-snapshots.ts";
import { rollbackLun } from "./luns.ts";

interface GroupCreation {
  readonly name: string;
  readonly cluster_id: string;
  readonly description?: string;
  readonly iscsi_luns_ids: readonly string[];
}

interface GroupUpdate {
  readonly name?: string;
  readonly description?: string;
  readonly iscsi_luns_ids?: readonly string[];
  readonly remain_volume_snapshot?: boolean;
}

/** A LUN is in one group at most. @throws FakeRefusal */
const freeLuns = (model: FakeModel, ids: readonly string[], group?: FakeGroup): readonly FakeLun[] => {
  const luns = ids.map((id) => need(model.luns, id));
  for (const lun of luns) {
    const { consistency_group: other, iscsi_target: target } = lun;
    if (other !== null && other !== group) throw new FakeRefusal(400, `${lun.name} is in the group ${other.name}`);
    if (target.internal && !target.cluster.storage.behaviour.groupsTakeVolumes) {
      throw new FakeRefusal(400, `${lun.name} is a virtual volume's`);
    }
  }
  return luns;
};

const put = (group: FakeGroup, luns: readonly FakeLun[]): void => {
  for (const lun of group.iscsi_luns) lun.consistency_group = null;
  group.iscsi_luns.splice(0, group.iscsi_luns.length, ...luns);
  for (const lun of luns) lun.consistency_group = group;
};

const created = (model: FakeModel, params: GroupCreation): FakeChange => {
  const cluster = need(model.clusters, params.cluster_id);
  freeLuns(model, params.iscsi_luns_ids);
  const group = new FakeGroup(params.name, cluster);
  group.description = params.description ?? "";
  group.entityAsyncStatus = "CREATING";
  model.groups.add(group);
  return {
    ...{ data: group, cluster, type: "ConsistencyGroup", mutation: "create" },
    description: `Create consistency group ${params.name}`,
    run: () => {
      put(group, freeLuns(model, params.iscsi_luns_ids));
      group.entityAsyncStatus = null;
    },
    undo: () => model.groups.delete(group),
  };
};

const updated = (model: FakeModel, group: FakeGroup, params: GroupUpdate): FakeChange => ({
  ...{ data: group, cluster: group.cluster, type: "ConsistencyGroup", mutation: "update" },
  description: `Update consistency group ${group.name}`,
  run: () => {
    group.name = params.name ?? group.name;
    group.description = params.description ?? group.description;
    if (params.iscsi_luns_ids !== undefined) put(group, freeLuns(model, params.iscsi_luns_ids, group));
  },
});

const deleted = (model: FakeModel, group: FakeGroup, keepsSnapshots: boolean): FakeChange => ({
  ...{ data: group, cluster: group.cluster, type: "ConsistencyGroup", mutation: "delete" },
  description: `Delete consistency group ${group.name}`,
  run: () => {
    for (const snapshot of [...group.consistency_group_snapshots]) dissolve(model, snapshot, keepsSnapshots);
    put(group, []);
    model.groups.delete(group);
  },
});

/** Removes a group's snapshot; those of its LUNs stay where that is asked for. */
const dissolve = (model: FakeModel, snapshot: FakeGroupSnapshot, keepsSnapshots: boolean): void => {
  for (const part of [...snapshot.snapshots]) {
    if (keepsSnapshots) part.consistency_group_snapshot = null;
    else deleteSnapshot(model, part);
  }
  const { consistency_group_snapshots: all } = snapshot.consistency_group;
  if (all.includes(snapshot)) all.splice(all.indexOf(snapshot), 1);
  model.groupSnapshots.delete(snapshot);
};

const snapshotTaken = (
  model: FakeModel,
  params: { readonly name: string; readonly consistency_group_id: string },
): FakeChange => {
  const group = need(model.groups, params.consistency_group_id);
  const snapshot = new FakeGroupSnapshot(params.name, group);
  snapshot.entityAsyncStatus = "CREATING";
  model.groupSnapshots.add(snapshot);
  return {
    ...{ data: snapshot, cluster: group.cluster, type: "ConsistencyGroupSnapshot", mutation: "create" },
    description: `Create snapshot ${params.name} of consistency group ${group.name}`,
    run: () => takeSnapshot(model, snapshot),
    undo: () => model.groupSnapshots.delete(snapshot),
  };
};

const takeSnapshot = (model: FakeModel, snapshot: FakeGroupSnapshot): void => {
  const { consistency_group: group } = snapshot;
  const { zbs } = group.cluster.storage;
  const volumes = zbs.snapshot(group.iscsi_luns.map(({ volume }) => volume));
  for (const [i, lun] of group.iscsi_luns.entries()) {
    const part = model.lunSnapshots.add(new FakeLunSnapshot(`${snapshot.name}-${lun.name}`, lun));
    const volume = volumes[i];
    if (volume !== undefined) part.fill(volume);
    part.consistency_group_snapshot = snapshot;
    snapshot.snapshots.push(part);
  }
  group.consistency_group_snapshots.push(snapshot);
  snapshot.entityAsyncStatus = null;
};

const rolledBack = (snapshot: FakeGroupSnapshot): FakeChange => ({
  ...{ data: snapshot, cluster: snapshot.cluster, type: "ConsistencyGroupSnapshot", mutation: "update" },
  description: `Rollback to snapshot ${snapshot.name}`,
  run: async () => {
    for (const { iscsi_lun: lun, volume } of snapshot.snapshots) if (lun !== null) await rollbackLun(lun, volume, true);
  },
});

const snapshotDeleted = (model: FakeModel, snapshot: FakeGroupSnapshot, keepsSnapshots: boolean): FakeChange => ({
  ...{ data: snapshot, cluster: snapshot.cluster, type: "ConsistencyGroupSnapshot", mutation: "delete" },
  description: `Delete snapshot ${snapshot.name}`,
  run: () => dissolve(model, snapshot, keepsSnapshots),
});

interface Deletion {
  readonly where: FakeWhere;
  readonly data: { readonly remain_volume_snapshot?: boolean };
}

export const groupOperations: FakeOperations = {
  ...queriesOf("consistency-groups", (model) => model.groups.all()),
  ...queriesOf("consistency-group-snapshots", (model) => model.groupSnapshots.all()),
  "/create-consistency-group": changeEach(created),
  "/update-consistency-group": change<{ where: FakeWhere; data: GroupUpdate }>((model, { where, data }) =>
    chosen(model.groups, where).map((group) => updated(model, group, data)),
  ),
  "/delete-consistency-group": change<Deletion>((model, { where, data }) =>
    chosen(model.groups, where).map((group) => deleted(model, group, data.remain_volume_snapshot ?? false)),
  ),
  "/create-consistency-snapshot-group": changeEach(snapshotTaken),
  "/rollback-consistency-snapshot-group": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.groupSnapshots, where).map(rolledBack),
  ),
  "/delete-consistency-snapshot-group": change<Deletion>((model, { where, data }) =>
    chosen(model.groupSnapshots, where).map((snapshot) =>
      snapshotDeleted(model, snapshot, data.remain_volume_snapshot ?? false),
    ),
  ),
};
