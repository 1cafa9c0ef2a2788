import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PlainClient } from "./plain-client.ts";
import { qemuIo } from "./qemu.ts";
import { ClusterStandIn } from "./stand-in.ts";

const MiB = 2 ** 20;

const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  context.after(async () => {
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  return { standIn, client: new PlainClient(standIn.tower) };
};

const createTarget = (client: PlainClient, { cluster }: ClusterStandIn) =>
  client.change("create-iscsi-target", [
    {
      ...{ name: "ours", cluster_id: cluster.id, replica_num: 2, thin_provision: true },
      ...{ stripe_num: 2, stripe_size: 64, stripe_size_unit: "KB" },
    },
  ]);

const createLun = (client: PlainClient, targetId: string, more: object = {}) =>
  client.change("create-iscsi-lun", [
    { name: "disk", iscsi_target_id: targetId, replica_num: 2, assigned_size: MiB, ...more },
  ]);

test("a LUN is written and read over iSCSI, and a clone of its snapshot is what it was", async (context) => {
  const { standIn, client } = await opened(context);
  const target = await createTarget(client, standIn);
  const lun = await createLun(client, target.id);
  await qemuIo(standIn, lun.id, ["write -P 1 0 64k", "flush"]);
  const snapshot = await client.change("create-iscsi-lun-snapshot", [
    { name: "before", iscsi_lun_id: lun.id, iscsi_target_id: target.id },
  ]);
  await qemuIo(standIn, lun.id, ["write -P 2 0 64k", "flush"]);
  const clone = await client.change("clone-iscsi-lun-from-snapshot", [
    { name: "clone", snapshot_id: snapshot.id, iscsi_target_id: target.id },
  ]);
  assert.notEqual(clone["lun_id"], lun["lun_id"]);
  await qemuIo(standIn, clone.id, ["read -P 1 0 64k"]);
  await assert.rejects(qemuIo(standIn, clone.id, ["read -P 2 0 64k"]));
  await client.change("rollback-iscsi-lun-from-snapshot", [{ lun_id: lun.id, snapshot_id: snapshot.id }]);
  await qemuIo(standIn, lun.id, ["read -P 1 0 64k"]);
});

test("snapshots of a group are of one instant, and stay when the group goes", async (context) => {
  const { standIn, client } = await opened(context);
  const { customer } = standIn;
  const names = ["left", "right"];
  const luns = await Promise.all(names.map((name) => customer.createVolume({ name, kind: "lun", sizeBytes: MiB })));
  const ids = luns.map(({ id }) => id);
  const volumes = ids.map((id) => customer.openVolume(id));
  let isOver = false;
  const writing = (async () => {
    for (let count = 1; !isOver; count++) {
      for (const volume of volumes) await volume.write(0, new Uint8Array(new Uint32Array([count]).buffer));
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const { id: group } = await client.change("create-consistency-group", [
    { name: "ours", cluster_id: standIn.cluster.id, iscsi_luns_ids: ids, namespaces_ids: [] },
  ]);
  await client.change("create-consistency-snapshot-group", [{ name: "now", consistency_group_id: group }]);
  isOver = true;
  await writing;
  for (const volume of volumes) await volume.close();
  await client.change("delete-consistency-group", { where: { id: group }, data: { remain_volume_snapshot: true } });
  const snapshots = await client.get<{ local_id: string }>("get-iscsi-lun-snapshots");
  const counts = snapshots.map(async ({ local_id }) => {
    const into = new Uint32Array(1);
    const snapshot = customer.openVolume(local_id);
    await snapshot.read(0, new Uint8Array(into.buffer));
    await snapshot.close();
    return into[0];
  });
  const [left = 0, right = 0] = await Promise.all(counts);
  assert(left > 0 && right > 0 && Math.abs(left - right) <= 1, `${left} and ${right}`);
  assert.deepEqual(await client.get("get-consistency-groups"), []);
});

test("a LUN is in one group at most", async (context) => {
  const { standIn, client } = await opened(context);
  const { id } = await standIn.customer.createVolume({ name: "disk", kind: "lun", sizeBytes: MiB });
  const group = { cluster_id: standIn.cluster.id, iscsi_luns_ids: [id], namespaces_ids: [] };
  await client.change("create-consistency-group", [{ ...group, name: "theirs" }]);
  const { status } = await client.call("create-consistency-group", [{ ...group, name: "ours" }]);
  assert.equal(status, 400);
});

test("what is not the contract's is refused, and remembered", async () => {
  const standIn = await ClusterStandIn.open();
  const client = new PlainClient(standIn.tower);
  assert.equal((await client.call("get-iscsi-luns", { where: { nmae: "disk" } })).status, 400);
  assert.equal((await client.call("create-iscsi-lun", [{ name: "disk" }])).status, 400);
  assert.equal(standIn.tower.breaches.length, 2);
  await standIn.close();
});
