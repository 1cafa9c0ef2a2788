import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { CountingWriterData } from "./counting-writer.ts";
import { PlainClient } from "./plain-client.ts";
import { ClusterStandIn } from "./stand-in.ts";

test("a group's snapshots are of one instant, whoever writes over iSCSI meanwhile", async (context) => {
  const standIn = await ClusterStandIn.open();
  let writer: Worker | undefined;
  context.after(async () => {
    await writer?.terminate();
    await standIn.close();
  });
  const { customer, portal, cluster, tower } = standIn;
  const client = new PlainClient(tower);
  const sizeBytes = 16 * 2 ** 20;
  const made = [1, 2].map((lunId) =>
    customer.createVolume({ name: `disk ${lunId}`, kind: "lun", sizeBytes, lun: { target: "default", lunId } }),
  );
  const ids = (await Promise.all(made)).map(({ id }) => id);
  // What is to be copied takes long enough that a writer would be seen in it.
  for (const id of ids) await fill(customer.openVolume(id), sizeBytes);
  const workerData: CountingWriterData = {
    options: { portals: [{ host: portal.host, port: portal.port }], initiatorName: "iqn.2020-01.test:writer" },
    targetName: (await customer.target("default")).iqn_name,
    luns: [1, 2],
  };
  writer = new Worker(new URL("counting-writer.ts", import.meta.url), { workerData });
  await once(writer, "message");
  const group = await client.change("create-consistency-group", [
    { name: "group", cluster_id: cluster.id, iscsi_luns_ids: ids, namespaces_ids: [] },
  ]);
  const seen = new Set<number>();
  for (let n = 0; n < 10; n++) {
    await client.change("create-consistency-snapshot-group", [{ name: `${n}`, consistency_group_id: group.id }]);
    const parts = await client.get<{ local_id: string; iscsi_lun: { id: string } }>("get-iscsi-lun-snapshots", {
      consistency_group_snapshot: { name: `${n}` },
    });
    const counts = ids.map((id) => counted(standIn, parts.find((part) => part.iscsi_lun.id === id)?.local_id ?? ""));
    const [left = 0, right = 0] = await Promise.all(counts);
    assert(left === right || left === right + 1, `${left} and ${right}`);
    seen.add(left);
  }
  assert(seen.size > 1, "nothing was written meanwhile");
  writer.postMessage("stop");
  await once(writer, "exit");
});

const fill = async (volume: ReturnType<ClusterStandIn["customer"]["openVolume"]>, sizeBytes: number) => {
  await volume.write(0, new Uint8Array(sizeBytes).fill(1));
  await volume.close();
};

const counted = async ({ customer }: ClusterStandIn, id: string): Promise<number> => {
  const block = new Uint8Array(512);
  const snapshot = customer.openVolume(id);
  await snapshot.read(0, block);
  await snapshot.close();
  return new DataView(block.buffer).getUint32(0);
};
