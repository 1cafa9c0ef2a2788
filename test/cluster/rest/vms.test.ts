import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { objectSpecSchema } from "../../../core/api/object-spec.ts";
import { PlainClient } from "../stand-in/plain-client.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";

const MiB = 2 ** 20;

interface Disk {
  readonly id: string;
  readonly bus: string;
  readonly vm_volume: { readonly id: string; readonly name: string } | null;
}

/** A VM with a disk that is one of the cluster's, one of its own, and a drive. */
const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  context.after(async () => {
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  const client = new PlainClient(standIn.tower);
  const { administration } = standIn;
  const specs = [
    { kind: "switch", name: "prod", vlans: [{ name: "web", vlanId: 12 }] },
    { kind: "volume", name: "shared", size: MiB },
    {
      ...{ kind: "vm", name: "web", memory: 2 ** 30, labels: { tier: "gold" } },
      disks: [{ size: MiB }, { volume: "shared", bus: "SCSI" }, { cdRom: "tools.iso", bus: "IDE" }],
      nics: [{ switch: "prod", vlan: "web", macAddress: "52:54:00:00:00:01" }],
    },
  ];
  const [, vm] = await administration.createObjects(specs.map((spec) => objectSpecSchema.parse(spec)));
  const where = { id: vm?.id };
  const disks = () => client.get<Disk>("get-vm-disks", { vm: where });
  return { standIn, client, where, disks };
};

test("a VM of the console has its disks, drive, NIC, VLAN and label at CloudTower", async (context) => {
  const { client, where, disks } = await opened(context);
  assert.deepEqual(
    (await disks()).map(({ bus, vm_volume: volume }) => [bus, volume?.name]),
    [
      ["VIRTIO", "web-0"],
      ["SCSI", "shared"],
      ["IDE", undefined],
    ],
  );
  const [vm] = await client.get<{ vcpu: number; status: string; labels: { key: string }[] }>("get-vms", where);
  assert.deepEqual([vm?.vcpu, vm?.status, vm?.labels.map(({ key }) => key)], [1, "STOPPED", ["tier"]]);
  const [nic] = await client.get<{ mac_address: string; vlan: { name: string } }>("get-vm-nics", { vm: where });
  assert.deepEqual([nic?.mac_address, nic?.vlan.name], ["52:54:00:00:00:01", "web"]);
  const [vlan] = await client.get<{ vlan_id: number; vds: { name: string } }>("get-vlans", { name: "web" });
  assert.deepEqual([vlan?.vlan_id, vlan?.vds.name], [12, "prod"]);
});

test("a VM goes back to its snapshot when it is off, and its disks have new ids then", async (context) => {
  const { standIn, client, where, disks } = await opened(context);
  const [first] = await disks();
  const volume = standIn.customer.openVolume(first?.vm_volume?.id ?? "");
  context.after(() => volume.close());
  await volume.write(0, new Uint8Array([1]));
  const snapshot = await client.change("create-vm-snapshot", { data: [{ name: "s", vm_id: where.id }] });
  await volume.write(0, new Uint8Array([2]));
  await client.change("start-vm", { where });
  const back = { where, data: { snapshot_id: snapshot.id } };
  await assert.rejects(client.change("rollback-vm", back), /is on/);
  await client.change("poweroff-vm", { where });
  await client.change("rollback-vm", back);
  const into = new Uint8Array(1);
  await volume.read(0, into);
  assert.equal(into[0], 1);
  const [again] = await disks();
  assert.equal(again?.vm_volume?.id, first?.vm_volume?.id);
  assert.notEqual(again?.id, first?.id);
});

test("a snapshot's disk names the LUN snapshot that holds it", async (context) => {
  const { client, where } = await opened(context);
  await client.change("create-vm-snapshot", { data: [{ name: "s", vm_id: where.id }] });
  const [snapshot] = await client.get<{ vm_disks: { snapshot_local_id: string | null; type: string }[] }>(
    "get-vm-snapshots",
    { vm: where },
  );
  const names = snapshot?.vm_disks.map(({ snapshot_local_id: name }) => name) ?? [];
  assert.equal(names[2], null);
  const inside = await client.get("get-iscsi-lun-snapshots", { name_in: names.filter((name) => name !== null) });
  assert.equal(inside.length, 2);
});

test("a volume is one VM's at most; a VM takes its own disks with it, and leaves the others", async (context) => {
  const { standIn, client, where, disks } = await opened(context);
  const shared = (await disks())[1]?.vm_volume?.id ?? "";
  const another = {
    ...{ name: "thief", cluster_id: standIn.cluster.id, cpu_cores: 1, cpu_sockets: 1, memory: 2 ** 30, vm_nics: [] },
    ...{ firmware: "BIOS", ha: false, status: "STOPPED" },
    vm_disks: { mount_disks: [{ vm_volume_id: shared, bus: "VIRTIO", boot: 1 }] },
  };
  assert.equal((await client.call("create-vm", [another])).status, 400);
  await assert.rejects(client.change("delete-vm-volume", { where: { id: shared } }), /is a VM's/);
  await client.change("delete-vm", { where });
  assert.deepEqual(
    (await client.get<{ name: string }>("get-vm-volumes")).map(({ name }) => name),
    ["shared"],
  );
  await client.change("create-vm", [{ ...another, vm_disks: {} }]);
});

test("files of the console are where their directories are, and the command line makes one of a LUN", async (context) => {
  const { standIn, client } = await opened(context);
  const { customer, administration, commands } = standIn;
  await administration.createObjects([{ kind: "nfs-file", name: "/exports/e1/vm/images/web.vmdk", size: 1000 }]);
  const [nfsExport] = await client.get<{ export_inode_id: string }>("get-nfs-exports", { name: "e1" });
  const inodes = await client.get<{ name: string; parent_id: string; local_id: string; file: boolean }>(
    "get-nfs-inodes",
    {},
  );
  const [vm, images, file] = inodes;
  assert.deepEqual([vm?.parent_id, images?.parent_id], [nfsExport?.export_inode_id, vm?.local_id]);
  assert.deepEqual([file?.parent_id, file?.file, file?.name], [images?.local_id, true, "web.vmdk"]);
  const lun = await customer.createVolume({ name: "lun", kind: "lun", sizeBytes: MiB });
  const { id } = customer.zbsVolume(lun.id);
  await commands.run(`zbs-nfs file convert_from_lun ${images?.local_id} back.vmdk ${id}`);
  const [back] = await client.get<{ local_id: string; assigned_size: number }>("get-nfs-inodes", { name: "back.vmdk" });
  assert.deepEqual([back?.local_id, back?.assigned_size], [id.split("-").slice(0, 3).join("-"), MiB]);
  const shown = await commands.run(`zbs-nfs -f json inode show ${back?.local_id}`);
  assert.equal(JSON.parse(shown.printed ?? "").volume, id);
  assert.deepEqual(await client.get("get-iscsi-luns", { id: lun.id }), []);
});
