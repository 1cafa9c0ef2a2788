import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkGateway } from "../../../gateway/check/check-gateway.ts";
import { smtxChecks } from "../../../gateway/check/smtx/checks.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import type { SmtxConfig } from "../../../gateway/storage/smtx-config.ts";
import type { FakeFault } from "../rest/faults.ts";
import { namesOn, openConfigured } from "./configured.ts";

/** What the checks of a cluster say of a configuration, as `gateway check` gives it. */
const look = async (dir: string, storage: SmtxConfig) => {
  const file = join(dir, "gateway.json");
  const tls = { ca: "ca.pem", certificate: "a.pem", key: "a.key" };
  const others = { gatewayId: "a-1", siteId: "a", multiCluster: "mc", queues: { prefix: "none" }, tls };
  await writeFile(file, JSON.stringify({ ...others, storage }));
  const checks = smtxChecks.map(([what, check]) => [what, () => check(storage)] as const);
  const findings = await checkGateway(file, { checks });
  return new Map(findings.map(({ what, passed, text, hint }) => [what, { passed, text: `${text} ${hint ?? ""}` }]));
};

test("a check of a cluster that is well passes, and makes nothing there", async (context) => {
  const { standIn, config, dir, close } = await openConfigured();
  context.after(close);
  const found = await look(dir, config);
  for (const [what, { passed, text }] of found) assert.ok(passed, `${what}: ${text}`);
  assert.match(found.get("CloudTower")?.text ?? "", /^4\.8\.0 at .* lets backup in, and shows it 1 cluster/);
  assert.match(found.get("cluster")?.text ?? "", /2 of 2 nodes healthy/);
  assert.match(found.get("iSCSI")?.text ?? "", /(?:answers|takes connections); whether CHAP is right shows when/);
  const changes = standIn.tower.requests.filter(({ operation }) => !/^(get-|login)/.test(operation));
  assert.deepEqual([changes, namesOn(standIn), standIn.tower.breaches], [[], [], []]);
});

test("where the ledger is there, CHAP is tried and an extent table is looked at", async (context) => {
  const { config, dir, close } = await openConfigured({ nodes: { sharesReservations: true } });
  context.after(close);
  const chap = { user: "gateway", secretFile: join(dir, "chap") };
  await writeFile(chap.secretFile, "abcdefgh1234", { mode: 0o600 });
  const asked = { ...config, iscsi: { ...config.iscsi, chap } };
  await (await openSmtx(asked)).close();
  const good = await look(dir, asked);
  for (const [what, { passed, text }] of good) assert.ok(passed, `${what}: ${text}`);
  assert.match(good.get("iSCSI")?.text ?? "", /lets us in and sends us to 127\.0\.0\.2/);
  assert.match(good.get("SSH")?.text ?? "", /shows extent tables/);

  await writeFile(chap.secretFile, "another12345");
  const bad = await look(dir, { ...asked, extentBytes: 2 ** 20 });
  assert.match(bad.get("iSCSI")?.text ?? "", /refused our CHAP name or secret.*Compare CHAP/);
  assert.match(bad.get("SSH")?.text ?? "", /with extents of 1048576 bytes it would have .*storage\.extentBytes/);
});

test("a check says what is wrong with the account, the cluster, the portal and the nodes, and what to do", async (context) => {
  const { standIn, config, dir, close } = await openConfigured();
  context.after(close);
  const textOf = async (what: string, changes: Partial<SmtxConfig> = {}) => {
    const { passed, text } = (await look(dir, { ...config, ...changes })).get(what) ?? assert.fail(what);
    assert.ok(!passed, text);
    return text;
  };
  const forbidden: FakeFault = { kind: "forbidden" };
  standIn.tower.faults.add("get-vms", forbidden);
  standIn.tower.faults.add("get-labels", forbidden);
  assert.match(
    await textOf("rights"),
    /may not see VMs, labels\. Give the account's role the rights that docs\/smtx\.md/,
  );
  assert.match(await textOf("cluster", { cluster: "nowhere" }), /knows no cluster “nowhere”/);
  assert.match(await textOf("iSCSI", { iscsi: { portals: ["127.0.0.1:9"] } }), /can't be reached at 127\.0\.0\.1:9/);
  const passwordFile = join(dir, "wrong");
  await writeFile(passwordFile, "wrong");
  const wrongTower = { ...config.tower, passwordFile };
  assert.match(await textOf("CloudTower", { tower: wrongTower }), /does not let “backup” in.*passwordFile/);
  const missing = { ...config.tower, passwordFile: join(dir, "missing") };
  assert.match(await textOf("CloudTower", { tower: missing }), /missing can't be read: ENOENT/);

  await (await standIn.ssh()).changeHostKey();
  assert.match(await textOf("SSH"), /is another one than the one that is pinned.*Find out on the node/);
});

test("a check says who may read a secret, and where hashes can't be kept", async (context) => {
  const { config, dir, close } = await openConfigured();
  context.after(close);
  const [hashesDir, open, key] = [join(dir, "hashes"), join(dir, "open"), config.ssh?.keyFile ?? ""];
  const good = await look(dir, { ...config, hashesDir });
  assert.match(good.get("secrets")?.text ?? "", /^2 files that others can't read/);
  assert.match(good.get("hashes")?.text ?? "", /hashes, to be made, \d+ GiB free/);

  for (const [file, mode, told] of [
    [config.tower.passwordFile, 0o644, /mode 0644.*chmod 600/],
    [key, 0o640, /mode 0640.*chmod 600/],
  ] as const) {
    await chmod(file, mode);
    const { passed, text } = (await look(dir, config)).get("secrets") ?? assert.fail();
    assert.ok(!passed && told.test(text), text);
    await chmod(file, 0o600);
  }
  await chmod(config.tower.passwordFile, 0o640);
  assert.ok((await look(dir, config)).get("secrets")?.passed, "a group may read a password");

  await mkdir(open);
  await chmod(open, 0o777);
  await writeFile(hashesDir, "");
  for (const [at, told] of [
    [open, /others may write to it.*storage\.hashesDir/],
    [join(hashesDir, "below"), /ENOTDIR.*storage\.hashesDir/],
  ] as const) {
    const { passed, text } = (await look(dir, { ...config, hashesDir: at })).get("hashes") ?? assert.fail();
    assert.ok(!passed && told.test(text), text);
  }
});

test("a check of a cluster without SSH says what that costs", async (context) => {
  const { config, dir, close } = await openConfigured({ hasShell: false });
  context.after(close);
  const { passed, text } = (await look(dir, config)).get("SSH") ?? assert.fail();
  assert.deepEqual([passed, /every extent is read and compared/.test(text)], [true, true]);
});
