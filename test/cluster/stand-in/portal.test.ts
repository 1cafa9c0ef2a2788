import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Initiator } from "../../../gateway/iscsi/initiator.ts";
import { need } from "../rest/model.ts";
import { PlainClient } from "./plain-client.ts";
import { type QemuLogin, qemuIo } from "./qemu.ts";
import { ClusterStandIn, type ClusterStandInOptions } from "./stand-in.ts";

const ours = "iqn.2020-01.test:ours";
const theirs = "iqn.2020-01.test:theirs";

const opened = async (context: TestContext, options: ClusterStandInOptions = {}) => {
  const standIn = await ClusterStandIn.open(options);
  context.after(() => standIn.close());
  const client = new PlainClient(standIn.tower);
  const { id } = await standIn.customer.createVolume({ name: "disk", kind: "lun", sizeBytes: 2 ** 20 });
  const [target] = standIn.tower.model.targets.all();
  const update = (data: object) => client.change("update-iscsi-target", { where: { id: target?.id }, data });
  const read = (login?: QemuLogin) => qemuIo(standIn, id, ["read 0 64k"], login);
  return { standIn, client, id, update, read };
};

test("only who is named may log in, from the next login on", async (context) => {
  const { update, read } = await opened(context);
  await read({ initiator: theirs });
  await update({ iqn_whitelist: ours });
  await read({ initiator: ours });
  await assert.rejects(read({ initiator: theirs }));
  await update({ iqn_whitelist: `${ours},${theirs}` });
  await read({ initiator: theirs });
});

test("a secret is asked for as long as one is set, and another one when it was changed", async (context) => {
  const { update, read } = await opened(context);
  const chap = { user: "us", secret: "secretsecret1" };
  await update({ chap_enabled: true, chap_name: chap.user, chap_secret: chap.secret });
  await assert.rejects(read());
  await read({ chap });
  await update({ chap_secret: "secretsecret2" });
  await assert.rejects(read({ chap }));
  await read({ chap: { ...chap, secret: "secretsecret2" } });
  await update({ chap_enabled: false });
  await read();
});

for (const sharesReservations of [true, false]) {
  const nodes = { sharesReservations };
  test(`when a node dies the other one has what was written${sharesReservations ? "" : ", where it lives already"}`, async (context) => {
    const { standIn, id } = await opened(context, { nodes });
    await qemuIo(standIn, id, ["write -P 7 0 64k", "flush"]);
    await standIn.killNode();
    await qemuIo(standIn, id, ["read -P 7 0 64k", "write -P 8 0 64k", "flush"]);
    const into = new Uint8Array(1);
    const volume = standIn.customer.openVolume(id);
    await volume.read(0, into);
    await volume.close();
    assert.equal(into[0], 8);
  });
}

test("a LUN's reservation can be lost, and a LUN can vanish, under who has it open", async (context) => {
  const { standIn, id } = await opened(context);
  const { iscsi_target: target, lun_id: lun } = need(standIn.tower.model.luns, id);
  const portals = [{ host: standIn.portal.host, port: standIn.portal.port }];
  const initiator = new Initiator({ portals, initiatorName: ours });
  context.after(() => initiator.close());
  const disk = await initiator.openLun({ targetName: target.iqn_name, lun, reservationKey: 7n });
  const other = await initiator.openLun({ targetName: target.iqn_name, lun });
  assert.deepEqual(await other.reservation.holder(), { key: 7n, type: 5 });
  await standIn.loseReservation(id);
  assert.equal(await other.reservation.holder(), undefined);
  await standIn.customer.deleteVolume(id);
  await assert.rejects(disk.read(0, new Uint8Array(512)), { code: "VOLUME_UNKNOWN" });
});
