import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { placeOf, shareOf, storageConfigSchema } from "../storage/config.ts";
import { openStorage } from "../storage/open.ts";
import { hostAndPort } from "../storage/smtx-config.ts";
import { parseGatewayConfig } from "./config.ts";

const smtx = {
  kind: "smtx",
  cluster: "production",
  tower: { url: "https://tower.example", user: "backup", passwordFile: "tower.password" },
  iscsi: { portals: ["10.0.0.10", "10.0.0.11:3261"], chap: { user: "us", secretFile: "chap.secret" } },
  ssh: { hosts: ["node1", "[fd00::1]:2222"], user: "backup", keyFile: "id", knownHostsFile: "/etc/known" },
};
const parse = (storage: object) =>
  parseGatewayConfig(
    {
      ...{ gatewayId: "a1", siteId: "a", multiCluster: "mc", storage },
      ...{ tls: { ca: "ca.pem", certificate: "c.pem", key: "k.pem" }, queues: { prefix: "smtx" } },
    },
    "/etc/smtx/gateway.yaml",
  ).storage;
const refusal = (changes: object): string => {
  try {
    parse({ ...smtx, ...changes });
  } catch (error) {
    assert.ok(VisibleError.is(error, "BAD_REQUEST"));
    return error.message;
  }
  return assert.fail("the configuration was taken");
};

describe("the configuration of an SMTX OS cluster", () => {
  test("takes the paths of its secrets from the folder of its file", () => {
    const storage = parse({ ...smtx, tower: { ...smtx.tower, ca: "tower-ca.pem" } });
    assert(storage.kind === "smtx");
    assert.deepEqual(storage.tower, {
      ...{ url: "https://tower.example", user: "backup", source: "local" },
      ...{ passwordFile: "/etc/smtx/tower.password", ca: "/etc/smtx/tower-ca.pem" },
    });
    assert.deepEqual(
      [storage.iscsi.chap?.secretFile, storage.ssh?.keyFile, storage.ssh?.knownHostsFile],
      ["/etc/smtx/chap.secret", "/etc/smtx/id", "/etc/known"],
    );
  });

  test("makes do without CHAP, SSH and NFS, and is the same for each of its drivers, as plain data", () => {
    const { chap: _, ...iscsi } = smtx.iscsi;
    const { ssh: __, ...others } = smtx;
    const storage = parse({ ...others, iscsi });
    assert.deepEqual(shareOf(storage, 5), storage);
    assert.deepEqual(storageConfigSchema.parse(JSON.parse(JSON.stringify(storage))), storage);
    assert.equal(placeOf(storage), "the cluster “production” of https://tower.example");
  });

  test("sends a password by https only, but on this host", () => {
    const at = (url: string) => ({ tower: { ...smtx.tower, url } });
    assert.match(refusal(at("http://tower.example")), /storage\.tower\.url: must begin with https/);
    assert.match(refusal(at("https://me:secret@tower.example")), /must have no user name or password in it/);
    assert.equal(parse({ ...smtx, ...at("http://127.0.0.1:8080") }).kind, "smtx");
  });

  test("has no secret in itself: what is no file's path is unknown", () => {
    assert.match(
      refusal({ tower: { ...smtx.tower, password: "x" } }),
      /storage\.tower\.password: unknown; “passwordFile” is/,
    );
    const chap = { ...smtx.iscsi.chap, secret: "x" };
    assert.match(
      refusal({ iscsi: { ...smtx.iscsi, chap } }),
      /storage\.iscsi\.chap\.secret: unknown; known here: user, secretFile/,
    );
  });

  test("takes no address that a program would take for an option", () => {
    for (const host of ["-oProxyCommand=x", "a b", "node1:port", "root@node1", ""]) {
      assert.match(
        refusal({ ssh: { ...smtx.ssh, hosts: [host] } }),
        /storage\.ssh\.hosts\.0: a host, or host:port/,
        host,
      );
      assert.match(refusal({ iscsi: { portals: [host] } }), /storage\.iscsi\.portals\.0: a host, or host:port/, host);
    }
    assert.match(refusal({ ssh: { ...smtx.ssh, user: "-x" } }), /storage\.ssh\.user: letters, digits/);
    assert.match(refusal({ iscsi: { portals: [] } }), /storage\.iscsi\.portals: at least 1 entry/);
  });

  test("knows which kinds there are", () => {
    assert.match(refusal({ kind: "zbs" }), /storage\.kind: it must be one of extentstore, smtx/);
    assert.match(refusal({ dir: "store" }), /storage\.dir: it does not go with what else is there/);
  });
});

test("an address is a host with its port, or with the usual one", () => {
  assert.deepEqual(
    ["10.0.0.1", "node1:2222", "[fd00::1]", "[fd00::1]:3261"].map((written) => hostAndPort(written, 22)),
    [
      { host: "10.0.0.1", port: 22 },
      { host: "node1", port: 2222 },
      { host: "fd00::1", port: 22 },
      { host: "fd00::1", port: 3261 },
    ],
  );
});

test("files with secrets are closed to other users when a cluster is opened", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-secrets-"));
  t.after(() => rm(dir, { recursive: true }));
  const passwordFile = join(dir, "password");
  await writeFile(passwordFile, "correct horse");
  await chmod(passwordFile, 0o644);
  const tower = { ...smtx.tower, url: "http://127.0.0.1:1", passwordFile };
  const { ssh: _, ...others } = smtx;
  const config = storageConfigSchema.parse({ ...others, tower, iscsi: { portals: ["127.0.0.1:1"] } });
  let told = 0;
  const onTightened = (count: number) => {
    told = count;
  };
  await assert.rejects(openStorage(config, { onTightened }), (error) => VisibleError.is(error));
  assert.deepEqual([told, ((await stat(passwordFile)).mode & 0o777).toString(8)], [1, "600"]);
});
