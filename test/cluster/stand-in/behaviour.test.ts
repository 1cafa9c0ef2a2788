import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Initiator } from "../../../gateway/iscsi/initiator.ts";
import { PlainClient } from "./plain-client.ts";
import { ClusterStandIn, type ClusterStandInOptions } from "./stand-in.ts";

const KiB = 1024;

const opened = async (context: TestContext, options: ClusterStandInOptions) => {
  const standIn = await ClusterStandIn.open(options);
  context.after(() => standIn.close());
  const { customer, tower } = standIn;
  const client = new PlainClient(tower);
  const { id } = await customer.createVolume({ name: "disk", kind: "lun", sizeBytes: 1024 * KiB });
  const volume = customer.openVolume(id);
  context.after(() => volume.close());
  await volume.write(0, new Uint8Array([1]));
  const target = (await customer.target("default")).id;
  const snapshot = await client.change("create-iscsi-lun-snapshot", [
    { name: "snapshot", iscsi_lun_id: id, iscsi_target_id: target },
  ]);
  const clone = { name: "clone", snapshot_id: snapshot.id, iscsi_target_id: target };
  const table = async (of: string) => {
    const { printed = "{}", complaint } = await standIn.commands.run(
      `zbs-meta volume show_by_id ${of} --show_lextents`,
    );
    const { lextents = [] } = JSON.parse(printed) as {
      lextents?: { lid: number; lepoch: number; ever_exist: boolean }[];
    };
    return { complaint, pairs: lextents.map(({ lid, lepoch }) => `${lid}:${lepoch}`), lextents };
  };
  return { ...{ standIn, customer, client, id, volume, snapshot, clone, table } };
};

describe("what only a cluster can tell may be told either way", () => {
  for (const rollsBackToOthers of [true, false]) {
    test(`a rollback takes another LUN's snapshot: ${rollsBackToOthers}`, async (context) => {
      const { customer, client, snapshot } = await opened(context, { behaviour: { rollsBackToOthers } });
      const other = await customer.createVolume({ name: "other", kind: "lun", sizeBytes: 1024 * KiB });
      const change = client.change("rollback-iscsi-lun-from-snapshot", [
        { lun_id: other.id, snapshot_id: snapshot.id },
      ]);
      if (!rollsBackToOthers) return void (await assert.rejects(change, /the snapshot is none of other/));
      await change;
      const into = new Uint8Array(1);
      const volume = customer.openVolume(other.id);
      await volume.read(0, into);
      await volume.close();
      assert.equal(into[0], 1);
    });
  }

  for (const clonesShare of [true, false]) {
    test(`a clone is metadata only: ${clonesShare}`, async (context) => {
      const { client, clone } = await opened(context, { behaviour: { clonesShare } });
      const { answer } = await client.call("clone-iscsi-lun-from-snapshot", [clone]);
      const [begun] = answer as readonly { task_id: string; data: { id: string } }[];
      await client.ended(begun?.task_id ?? "");
      const [made] = await client.get<{ unique_size: number }>("get-iscsi-luns", { id: begun?.data.id });
      assert.equal(made?.unique_size, clonesShare ? 0 : 256 * KiB);
    });
  }

  for (const groupsTakeVolumes of [true, false]) {
    test(`a group takes the LUNs of volumes as well: ${groupsTakeVolumes}`, async (context) => {
      const { standIn, customer, client, id } = await opened(context, { behaviour: { groupsTakeVolumes } });
      const made = await customer.createVolume({ name: "volume", kind: "volume", sizeBytes: 1024 * KiB });
      const [volume] = await client.get<{ lun: { id: string } }>("get-vm-volumes", { id: made.id });
      const luns = [id, volume?.lun.id];
      const group = { name: "group", cluster_id: standIn.cluster.id, iscsi_luns_ids: luns, namespaces_ids: [] };
      const { status } = await client.call("create-consistency-group", [group]);
      assert.equal(status, groupsTakeVolumes ? 200 : 400);
    });
  }

  for (const clonesVolumesAnywhere of [true, false]) {
    test(`a volume's snapshot is cloned into a target: ${clonesVolumesAnywhere}`, async (context) => {
      const { customer, client, clone } = await opened(context, { behaviour: { clonesVolumesAnywhere } });
      const made = await customer.createVolume({ name: "volume", kind: "volume", sizeBytes: 1024 * KiB });
      await client.change("create-vm-volume-snapshot", [{ name: "s", volume_id: made.id, description: "" }]);
      const [taken] = await client.get<{ local_id: string; zbs_snapshot_uuid: string }>("get-vm-volume-snapshots");
      const [inside] = await client.get<{ id: string; local_id: string }>("get-iscsi-lun-snapshots", {
        name: taken?.local_id,
      });
      assert.equal(inside?.local_id, taken?.zbs_snapshot_uuid);
      const { status } = await client.call("clone-iscsi-lun-from-snapshot", [{ ...clone, snapshot_id: inside?.id }]);
      assert.equal(status, clonesVolumesAnywhere ? 200 : 400);
    });
  }

  for (const sharesReservations of [true, false]) {
    test(`a reservation holds at the other node: ${sharesReservations}`, async (context) => {
      const { standIn, id } = await opened(context, { nodes: { sharesReservations } });
      const lun = standIn.tower.model.luns.find(id);
      const openAt = async (node: number, reservationKey?: bigint) => {
        const portals = standIn.portal.nodes.slice(node, node + 1);
        const initiator = new Initiator({ portals, initiatorName: `iqn.2020-01.test:${node}` });
        context.after(() => initiator.close());
        return initiator.openLun({
          ...{ targetName: lun?.iscsi_target.iqn_name ?? "", lun: lun?.lun_id ?? 0 },
          ...(reservationKey !== undefined && { reservationKey }),
        });
      };
      await openAt(0, 7n);
      const writing = (await openAt(1)).write(0, new Uint8Array(4096));
      if (sharesReservations) await assert.rejects(writing, { code: "FENCED" });
      else await writing;
    });
  }

  for (const keepsIdsInClones of [true, false]) {
    test(`a clone has the ids of its snapshot: ${keepsIdsInClones}`, async (context) => {
      const { customer, client, snapshot, clone, table } = await opened(context, { behaviour: { keepsIdsInClones } });
      const made = await client.change("clone-iscsi-lun-from-snapshot", [clone]);
      const [before, after] = [customer.zbsVolume(snapshot.id).id, customer.zbsVolume(made.id).id];
      const [ofSnapshot, ofClone] = [await table(before), await table(after)];
      assert.equal(ofSnapshot.pairs[0] === ofClone.pairs[0], keepsIdsInClones);
      assert.equal(ofClone.lextents[0]?.ever_exist, keepsIdsInClones);
    });
  }

  for (const tablesOfSnapshots of [true, false]) {
    test(`a snapshot's table is shown: ${tablesOfSnapshots}`, async (context) => {
      const { customer, snapshot, table } = await opened(context, { behaviour: { tablesOfSnapshots } });
      const { pairs, complaint } = await table(customer.zbsVolume(snapshot.id).id);
      assert.equal(pairs.length, tablesOfSnapshots ? 4 : 0);
      if (!tablesOfSnapshots) assert.match(complaint ?? "", /not found/);
    });
  }

  for (const marksOneRow of [true, false]) {
    test(`one write marks one row: ${marksOneRow}`, async (context) => {
      const { customer, table } = await opened(context, { behaviour: { marksOneRow } });
      const striped = await customer.createVolume({
        ...{ name: "striped", kind: "lun", sizeBytes: 512 * KiB },
        geometry: { extentBytes: 256 * KiB, stripeCount: 2, stripeBytes: 64 * KiB },
      });
      const before = await table(customer.zbsVolume(striped.id).id);
      const writer = customer.openVolume(striped.id);
      await writer.write(64 * KiB, new Uint8Array([1]));
      await writer.close();
      const after = await table(customer.zbsVolume(striped.id).id);
      assert.deepEqual(
        after.pairs.map((pair, i) => pair !== before.pairs[i]),
        [!marksOneRow, true],
      );
    });
  }
});
