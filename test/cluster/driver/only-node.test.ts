import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { checkPortals } from "../../../gateway/check/smtx/portals.ts";
import { Initiator } from "../../../gateway/iscsi/initiator.ts";
import { owner } from "../../../gateway/storage/conformance/fixtures.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { initiatorName } from "../../../gateway/storage/smtx/reach.ts";
import { openConfigured } from "../probe/configured.ts";
import { handOvers } from "./hand-overs.ts";

const contentBytes = 2 ** 20;

test("where reservations hold at one node only, all gateways go through that one, and another one when a person says so", async (context) => {
  const { standIn, config, close } = await openConfigured({ nodes: { sharesReservations: false }, hasShell: false });
  context.after(close);
  const [first, second] = standIn.portal.nodes.map(({ host, port }) => `${host}:${port}`) as [string, string];
  const ledger = () => standIn.tower.model.targets.all().find(({ name }) => name === "smtx-backup.ledger");
  const { answers } = await probeCluster(config, { contentBytes });
  const { evidence } = answers.find(({ ability }) => ability === "reservationsHoldAcrossNodes") ?? assert.fail();
  assert.match(evidence, /went on writing|not known.*Restart all gateways/);
  assert.ok(ledger()?.description.endsWith(`Gateways go through ${first} only.`), ledger()?.description);
  assert.match(await checkPortals(config), new RegExp(`^${first} lets us in; .*hold at one node only`));

  const atSecond = { ...config, iscsi: { portals: [second] } };
  const drivers = [await openSmtx(config), await openSmtx(atSecond)] as const;
  await handOvers(standIn, { drivers, count: 20 });

  const { iqn_name: targetName } = ledger() ?? assert.fail();
  const initiator = new Initiator({ portals: [standIn.portal], initiatorName, isSentOn: false });
  await assert.rejects(initiator.openLun({ targetName, lun: 1 }), { code: "CLUSTER_REFUSED" });
  await initiator.close();

  await standIn.killNode();
  const isUnreachable = (error: unknown) =>
    VisibleError.is(error, "CLUSTER_UNREACHABLE") && error.message.includes(first) && !error.message.includes(second);
  await assert.rejects(openSmtx(config), isUnreachable);
  const there = ledger() ?? assert.fail();
  there.description = there.description.replace(first, second);
  const other = await openSmtx(config);
  assert.deepEqual(await other.listGroups(owner), []);
  await other.close();
});

test("where they are seen to hold everywhere, gateways go wherever the cluster sends them", async (context) => {
  const { standIn, config, close } = await openConfigured({ nodes: { sharesReservations: true }, hasShell: false });
  context.after(close);
  await (await openSmtx(config)).close();
  const ledger = standIn.tower.model.targets.all().find(({ name }) => name === "smtx-backup.ledger") ?? assert.fail();
  const { host, port } = standIn.portal.nodes[0] ?? assert.fail();
  ledger.description = `Made by smtx-backup; leave it alone. Gateways go through ${host}:${port} only.`;
  await probeCluster(config, { contentBytes });
  assert.equal(ledger.description, "Made by smtx-backup; leave it alone.");
});
