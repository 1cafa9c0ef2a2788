import { FakeLunSnapshot } from "../entities/iscsi.ts";
import { chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";

const created = (
  model: FakeModel,
  params: { readonly name: string; readonly iscsi_lun_id: string; readonly iscsi_target_id: string },
): FakeChange => {
  const lun = need(model.luns, params.iscsi_lun_id);
  need(model.targets, params.iscsi_target_id);
  const snapshot = new FakeLunSnapshot(params.name, lun);
  snapshot.entityAsyncStatus = "CREATING";
  model.lunSnapshots.add(snapshot);
  return {
    ...{ data: snapshot, cluster: lun.cluster, type: "IscsiLunSnapshot", mutation: "create" },
    description: `Create snapshot ${params.name} of iSCSI LUN ${lun.name}`,
    run: () => {
      const [volume] = lun.cluster.storage.zbs.snapshot([lun.volume]);
      if (volume !== undefined) snapshot.fill(volume);
    },
    undo: () => model.lunSnapshots.delete(snapshot),
  };
};

/** Whatever it is part of. */
export const deleteSnapshot = (model: FakeModel, snapshot: FakeLunSnapshot): void => {
  const { iscsi_lun: lun, consistency_group_snapshot: group, volume } = snapshot;
  for (const list of [lun?.snapshots, group?.snapshots]) {
    if (list?.includes(snapshot) === true) list.splice(list.indexOf(snapshot), 1);
  }
  model.lunSnapshots.delete(snapshot);
  if (volume !== undefined) snapshot.cluster.storage.zbs.delete(volume);
};

const deleted = (model: FakeModel, snapshot: FakeLunSnapshot): FakeChange => ({
  ...{ data: snapshot, cluster: snapshot.cluster, type: "IscsiLunSnapshot", mutation: "delete" },
  description: `Delete snapshot ${snapshot.name}`,
  run: () => {
    if (snapshot.consistency_group_snapshot !== null) {
      throw new FakeTaskFailure("SNAPSHOT_IN_GROUP", `${snapshot.name} is part of a group's snapshot`);
    }
    deleteSnapshot(model, snapshot);
  },
});

export const lunSnapshotOperations: FakeOperations = {
  ...queriesOf("iscsi-lun-snapshots", (model) => model.lunSnapshots.all()),
  "/create-iscsi-lun-snapshot": changeEach(created),
  "/delete-iscsi-lun-snapshot": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.lunSnapshots, where).map((snapshot) => deleted(model, snapshot)),
  ),
};
