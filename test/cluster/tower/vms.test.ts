import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { listHosts } from "../../../gateway/storage/smtx/cloud-tower/nouns/hosts.ts";
import {
  addLabel,
  deleteLabel,
  ensureLabel,
  findLabel,
  removeLabel,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/labels.ts";
import { findLunSnapshotNamed } from "../../../gateway/storage/smtx/cloud-tower/nouns/lun-snapshots.ts";
import { findLuns } from "../../../gateway/storage/smtx/cloud-tower/nouns/luns.ts";
import { listSwitches, listVlans } from "../../../gateway/storage/smtx/cloud-tower/nouns/networks.ts";
import { deleteExport, ensureExport, listExports } from "../../../gateway/storage/smtx/cloud-tower/nouns/nfs.ts";
import {
  addVmDisks,
  addVmNics,
  powerOffVm,
  removeVmDisks,
  removeVmNics,
  rollbackVm,
  startVm,
  updateVm,
  updateVmDisk,
  updateVmNic,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-changes.ts";
import { deleteVmFolder, ensureVmFolder } from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-folders.ts";
import { listDisksOfVms, listNicsOfVms } from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-parts.ts";
import {
  deleteVmSnapshots,
  ensureVmSnapshot,
  findVmSnapshots,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-snapshots.ts";
import {
  deleteVmVolumeSnapshots,
  ensureVmVolumeSnapshot,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-volume-snapshots.ts";
import {
  deleteVmVolume,
  ensureRebuiltVmVolume,
  ensureVmVolume,
  findVmVolumes,
  listVmVolumes,
  rollbackVmVolume,
  updateVmVolume,
} from "../../../gateway/storage/smtx/cloud-tower/nouns/vm-volumes.ts";
import { deleteVm, ensureVm, findVm, listVms } from "../../../gateway/storage/smtx/cloud-tower/nouns/vms.ts";
import { openedTower } from "./opened.ts";

const MiB = 2 ** 20;
const vmOf = (clusterId: string) => ({
  ...{ clusterId, name: "web", description: "a test's", vcpu: 4, cpu: { cores: 2, sockets: 2 } },
  ...{ memoryBytes: 1024 * MiB, firmware: "UEFI" as const, ha: true },
});
const nicOf = (macAddress: string, vlanId?: string) => ({
  ...{ vlanId, macAddress, model: "VIRTIO" as const, isEnabled: true },
});

/** With a switch, two volumes, and a VM that has both. */
const withVm = async (t: TestContext) => {
  const opened = await openedTower(t);
  const { tower, standIn, clusterId } = opened;
  await standIn.administration.createObjects([{ kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 7 }] }]);
  const [vlan] = await listVlans(tower, clusterId);
  assert(vlan !== undefined);
  const volumes = await Promise.all(
    ["system", "data"].map((name) =>
      ensureVmVolume(tower, { clusterId, name, sizeBytes: 2 * MiB, policy: "REPLICA_2_THIN_PROVISION" }),
    ),
  );
  const disks = volumes.map(({ id }, index) => ({ volumeId: id, bus: "VIRTIO" as const, boot: index + 1, index }));
  const wanted = { ...vmOf(clusterId), disks, nics: [nicOf("52:54:00:12:34:56", vlan.id)] };
  return { ...opened, vlan, volumes, wanted, vm: await ensureVm(tower, wanted) };
};

describe("on a cluster", () => {
  test("a VM is made once, switched off, with its disks and NICs, and found", async (t) => {
    const { tower, clusterId, countOf, vlan, volumes, wanted, vm } = await withVm(t);
    assert.equal((await ensureVm(tower, wanted)).id, vm.id);
    assert.equal(countOf("create-vm"), 1);
    assert.deepEqual(
      [vm.name, vm.vcpu, vm.cpu, vm.memoryBytes, vm.firmware, vm.ha, vm.status, vm.description],
      ["web", 4, { cores: 2, sockets: 2 }, 1024 * MiB, "UEFI", true, "STOPPED", "a test's"],
    );
    const disks = await listDisksOfVms(tower, [vm.id]);
    assert.deepEqual(
      new Map(disks.map(({ volume, boot }) => [volume?.id, boot])),
      new Map(volumes.map(({ id }, index) => [id, index + 1])),
    );
    const [nic, ...others] = await listNicsOfVms(tower, [vm.id]);
    assert.deepEqual([nic?.macAddress, nic?.vlan?.id, nic?.order, others], ["52:54:00:12:34:56", vlan.id, 0, []]);
    assert.equal((await listVms(tower, clusterId)).length, 1);
    assert.deepEqual(
      (await listVmVolumes(tower, clusterId)).map(({ isMounted }) => isMounted),
      [true, true],
    );
    assert.deepEqual(
      (await listSwitches(tower, clusterId)).map(({ name }) => name),
      ["prod"],
    );
  });

  test("a VM without disks is made in a folder, and goes", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const folder = await ensureVmFolder(tower, { clusterId, name: "plans" });
    const shell = { ...vmOf(clusterId), name: "shell", disks: [], nics: [nicOf("52:54:00:00:00:01")] };
    const vm = await ensureVm(tower, { ...shell, folderId: folder.id });
    assert.equal(vm.folder?.id, folder.id);
    const [nic] = await listNicsOfVms(tower, [vm.id]);
    assert.equal(nic?.vlan, undefined);
    await deleteVm(tower, vm.id, { withSnapshots: false });
    await deleteVm(tower, vm.id, { withSnapshots: false });
    assert.equal(await findVm(tower, vm.id), undefined);
    await deleteVmFolder(tower, folder.id);
  });

  test("a VM is started and stopped however often it is said", async (t) => {
    const { tower, vm } = await withVm(t);
    for (let count = 0; count < 2; count += 1) await startVm(tower, vm.id);
    assert.equal((await findVm(tower, vm.id))?.status, "RUNNING");
    for (let count = 0; count < 2; count += 1) await powerOffVm(tower, vm.id);
    assert.equal((await findVm(tower, vm.id))?.status, "STOPPED");
    await assert.rejects(startVm(tower, "nobody"), (error) => VisibleError.is(error, "NOT_FOUND"));
  });

  test("a VM's resources, disks and NICs are changed", async (t) => {
    const { tower, clusterId, vlan, volumes, vm } = await withVm(t);
    await updateVm(tower, vm.id, { memoryBytes: 2048 * MiB, cpu: { cores: 4, sockets: 1 }, vcpu: 4, name: "web2" });
    const now = await findVm(tower, vm.id);
    assert.deepEqual([now?.memoryBytes, now?.cpu, now?.name], [2048 * MiB, { cores: 4, sockets: 1 }, "web2"]);
    const policy = "REPLICA_2_THIN_PROVISION";
    const [more, other] = await Promise.all(
      ["more", "other"].map((name) => ensureVmVolume(tower, { clusterId, name, sizeBytes: MiB, policy })),
    );
    assert(more !== undefined && other !== undefined);
    await addVmDisks(tower, { vmId: vm.id, disks: [{ volumeId: more.id, bus: "SCSI", boot: 0 }] });
    const diskOf = async (volumeId: string | undefined) =>
      (await listDisksOfVms(tower, [vm.id])).find(({ volume }) => volume?.id === volumeId);
    assert.equal((await diskOf(more.id))?.bus, "SCSI");
    await updateVmDisk(tower, { vmId: vm.id, diskId: (await diskOf(more.id))?.id ?? "", volumeId: other.id });
    assert.equal(await diskOf(more.id), undefined);
    await removeVmDisks(tower, { vmId: vm.id, diskIds: [(await diskOf(other.id))?.id ?? ""] });
    assert.equal((await listDisksOfVms(tower, [vm.id])).length, volumes.length);
    await addVmNics(tower, { vmId: vm.id, nics: [nicOf("52:54:00:00:00:02")] });
    await updateVmNic(tower, { vmId: vm.id, order: 1, nic: { vlanId: vlan.id } });
    const nics = await listNicsOfVms(tower, [vm.id]);
    assert.deepEqual(
      nics.map(({ vlan: its }) => its?.id),
      [vlan.id, vlan.id],
    );
    await removeVmNics(tower, { vmId: vm.id, orders: [0] });
    assert.deepEqual(
      (await listNicsOfVms(tower, [vm.id])).map(({ macAddress }) => macAddress),
      ["52:54:00:00:00:02"],
    );
  });

  test("a VM's snapshot keeps its configuration, names the snapshot of each disk, and is rolled back to", async (t) => {
    const { tower, clusterId, vlan, volumes, vm } = await withVm(t);
    const snapshot = await ensureVmSnapshot(tower, { vmId: vm.id, name: "now" });
    assert.equal((await ensureVmSnapshot(tower, { vmId: vm.id, name: "now" })).id, snapshot.id);
    assert.deepEqual(
      [snapshot.vcpu, snapshot.memoryBytes, snapshot.firmware, snapshot.vm?.id],
      [4, 1024 * MiB, "UEFI", vm.id],
    );
    assert.deepEqual(
      snapshot.nics.map(({ macAddress, vlanId, vlanLocalId }) => [macAddress, vlanId, vlanLocalId]),
      [["52:54:00:12:34:56", 7, vlan.localId]],
    );
    const luns = await findLuns(
      tower,
      volumes.flatMap(({ lun }) => lun?.id ?? []),
    );
    for (const { volumeLocalId, lunSnapshotName = "", sizeBytes } of snapshot.disks) {
      const volume = volumes.find(({ localId }) => localId === volumeLocalId);
      const found = await findLunSnapshotNamed(tower, { clusterId, name: lunSnapshotName });
      assert.deepEqual([found?.lun?.id, sizeBytes], [volume?.lun?.id, 2 * MiB]);
      assert.ok(luns.has(volume?.lun?.id ?? ""));
    }
    await updateVm(tower, vm.id, { memoryBytes: 2048 * MiB });
    await rollbackVm(tower, { vmId: vm.id, snapshotId: snapshot.id });
    assert.equal((await findVm(tower, vm.id))?.memoryBytes, 1024 * MiB);
    await deleteVmSnapshots(tower, [snapshot.id]);
    await deleteVmSnapshots(tower, [snapshot.id]);
    assert.equal((await findVmSnapshots(tower, [snapshot.id])).size, 0);
  });

  test("a volume grows, is snapshotted, rebuilt and rolled back, and goes", async (t) => {
    const { tower, clusterId } = await openedTower(t);
    const wanted = { clusterId, name: "data", sizeBytes: MiB, policy: "REPLICA_2_THIN_PROVISION" };
    const volume = await ensureVmVolume(tower, wanted);
    await updateVmVolume(tower, volume.id, { sizeBytes: 4 * MiB, description: "larger" });
    const now = (await findVmVolumes(tower, [volume.id])).get(volume.id);
    assert.deepEqual([now?.sizeBytes, now?.policy, now?.isMounted], [4 * MiB, "REPLICA_2_THIN_PROVISION", false]);
    const of = { volumeId: volume.id, name: "now", description: "" };
    const snapshot = await ensureVmVolumeSnapshot(tower, of);
    assert.equal((await ensureVmVolumeSnapshot(tower, of)).id, snapshot.id);
    await rollbackVmVolume(tower, snapshot.id);
    const rebuilt = { clusterId, name: "copy", description: "", snapshotId: snapshot.id };
    const copy = await ensureRebuiltVmVolume(tower, rebuilt);
    assert.deepEqual([copy.name, copy.sizeBytes, copy.isSettled], ["copy", 4 * MiB, true]);
    await deleteVmVolumeSnapshots(tower, [snapshot.id]);
    for (const { id } of [volume, copy]) await deleteVmVolume(tower, id, { withSnapshots: true });
    assert.deepEqual(await listVmVolumes(tower, clusterId), []);
  });

  test("labels are put on things and taken off, and an export is made and deleted", async (t) => {
    const { tower, clusterId, vm } = await withVm(t);
    const label = await ensureLabel(tower, { key: "smtx-backup", value: "plan" });
    assert.deepEqual((await ensureLabel(tower, { key: "smtx-backup", value: "plan" })).id, label.id);
    const of = { labelId: label.id, kind: "vms", ids: [vm.id] } as const;
    await addLabel(tower, of);
    await addLabel(tower, of);
    assert.deepEqual((await findVm(tower, vm.id))?.labels, { "smtx-backup": "plan" });
    await removeLabel(tower, of);
    assert.deepEqual((await findVm(tower, vm.id))?.labels, {});
    await deleteLabel(tower, label.id);
    assert.equal(await findLabel(tower, { key: "smtx-backup", value: "plan" }), undefined);
    const wanted = { clusterId, name: "files", replicas: 2, thin: true, ipWhitelist: "10.0.0.0/8" };
    const made = await ensureExport(tower, wanted);
    assert.deepEqual(await ensureExport(tower, wanted), made);
    assert.equal(made.ipWhitelist, "10.0.0.0/8");
    await deleteExport(tower, made.id);
    assert.deepEqual(await listExports(tower, clusterId), []);
    assert.ok((await listHosts(tower, clusterId)).every(({ managementIp }) => managementIp !== ""));
  });
});
