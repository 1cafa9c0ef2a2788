import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { type ExtentstoreConfig, type StorageConfig, shareOf } from "../storage/config.ts";
import { loadGatewayConfig, parseGatewayConfig } from "./config.ts";

const minimal = {
  gatewayId: "a1",
  siteId: "a",
  multiCluster: "mc",
  storage: { kind: "extentstore", dir: "store" },
  tls: { ca: "ca.pem", certificate: "/etc/gateway.pem", key: "key.pem" },
  queues: { prefix: "smtx" },
};

const refusal = (changes: object): string => {
  try {
    parseGatewayConfig({ ...minimal, ...changes }, "/etc/smtx/gateway.yaml");
  } catch (error) {
    assert.ok(VisibleError.is(error, "BAD_REQUEST"));
    return error.message;
  }
  return assert.fail("the configuration was taken");
};

const extentstore = (storage: StorageConfig): ExtentstoreConfig => {
  assert(storage.kind === "extentstore");
  return storage;
};

describe("a gateway's configuration", () => {
  let dir = "";
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "gateway-config-"));
  });
  after(() => rm(dir, { recursive: true }));

  test("has defaults for all but who it is, its storage, its certificates and its queues", () => {
    const config = parseGatewayConfig(minimal, "/etc/smtx/gateway.yaml");
    assert.deepEqual(config.listen, { host: "127.0.0.1", port: 0 });
    assert.deepEqual(config.concurrency, {
      transfers: 4,
      tasks: 4,
      extentsInFlight: 4,
      workers: availableParallelism(),
    });
    assert.equal(config.logLevel, "info");
    assert.equal(config.advertise, undefined);
  });

  test("takes relative paths from the folder of its file", () => {
    const { storage, tls } = parseGatewayConfig(minimal, "/etc/smtx/gateway.yaml");
    assert.equal(extentstore(storage).dir, "/etc/smtx/store");
    assert.deepEqual(tls, {
      ca: "/etc/smtx/ca.pem",
      certificate: "/etc/gateway.pem",
      key: "/etc/smtx/key.pem",
      revocations: "/etc/gateway.pem.revoked",
    });
  });

  test("names an API by https, or on this host", () => {
    const at = (api: string) => parseGatewayConfig({ ...minimal, api }, "/etc/smtx/gateway.yaml").api;
    for (const api of ["https://backup.example", "http://127.0.0.1:8080", "http://[::1]:1", "http://localhost:1"]) {
      assert.equal(at(api), api);
    }
    assert.match(refusal({ api: "http://backup.example" }), /api: must begin with https/);
    assert.match(refusal({ api: "http://127.0.0.1.example" }), /api: must begin with https/);
    assert.match(refusal({ api: "ftp://127.0.0.1" }), /api/);
  });

  test("with envoy has a port for it, and a folder", () => {
    const listen = { port: 9443 };
    const at = (envoy: string) => parseGatewayConfig({ ...minimal, listen, envoy }, "/etc/smtx/gateway.yaml");
    assert.equal(at("auto").envoy, "auto");
    assert.equal(at("bin/envoy").envoy, "/etc/smtx/bin/envoy");
    assert.equal(at("auto").envoyDir, "/etc/smtx/envoy");
    assert.match(refusal({ envoy: "auto" }), /listen\.port: needed with envoy/);
  });

  test("is read from YAML and from JSON", async () => {
    const yaml = `
gatewayId: a1
siteId: a
multiCluster: mc
storage: { kind: extentstore, dir: store }
tls: { ca: ca.pem, certificate: /etc/gateway.pem, key: key.pem }
queues: { prefix: smtx }
`;
    await writeFile(join(dir, "gateway.yaml"), yaml);
    await writeFile(join(dir, "gateway.json"), JSON.stringify(minimal));
    const fromYaml = await loadGatewayConfig(join(dir, "gateway.yaml"));
    assert.deepEqual(fromYaml, await loadGatewayConfig(join(dir, "gateway.json")));
    assert.equal(extentstore(fromYaml.storage).dir, join(dir, "store"));
  });

  test("the files that a gateway opens are shared out among its threads", () => {
    const configured = (openFiles?: number) => {
      const storage = { kind: "extentstore", dir: "store", ...(openFiles !== undefined && { openFiles }) };
      return extentstore(shareOf(parseGatewayConfig({ ...minimal, storage }, "/x.yaml").storage, 5)).openFiles;
    };
    assert.equal(configured(100), 20);
    assert.equal(configured(), 51);
    assert.equal(configured(3), 3, "each needs one to read and two to write");
    assert.match(refusal({ storage: { kind: "extentstore", dir: "x", openFiles: 2 } }), /storage\.openFiles: /);
  });

  test("a key with a slip of the pen is refused with the one that is meant", () => {
    assert.match(refusal({ concurency: {} }), /concurency: unknown; “concurrency” is what is known here/);
    assert.match(refusal({ concurrency: { worker: 1 } }), /concurrency\.worker: unknown; “workers” is/);
    const storage = { kind: "extentstore", dir: "x", dirr: "y" };
    assert.match(refusal({ storage }), /storage\.dirr: unknown; “dir” is/);
  });

  test("a key that is like none is refused with those that are known there", () => {
    assert.match(refusal({ queues: { prefix: "x", region: "eu" } }), /queues\.region: unknown; known here: prefix/);
  });

  test("every wrong field is named by its path, in one message", () => {
    const message = refusal({
      gatewayId: "A 1",
      tls: { ca: "x", key: "y" },
      listen: { port: 70000 },
      advertise: "here",
    });
    for (const field of [
      /gatewayId: lower-case/,
      /tls\.certificate: missing \(a text\)/,
      /listen\.port: /,
      /advertise: host:port/,
    ]) {
      assert.match(message, field);
    }
  });

  test("a gateway that listens on all addresses has to say where it is reached", () => {
    assert.match(refusal({ listen: { host: "0.0.0.0" } }), /advertise: needed/);
    const reachable = { ...minimal, listen: { host: "0.0.0.0", port: 7443 }, advertise: "gateway.example:7443" };
    assert.equal(parseGatewayConfig(reachable, "/x.yaml").advertise, "gateway.example:7443");
  });

  test("a file that is not there, or no YAML, is refused by its name", async () => {
    await assert.rejects(loadGatewayConfig(join(dir, "none.yaml")), { code: "BAD_REQUEST", message: /none\.yaml/ });
    await writeFile(join(dir, "bad.yaml"), "a: [");
    await assert.rejects(loadGatewayConfig(join(dir, "bad.yaml")), { code: "BAD_REQUEST", message: /bad\.yaml/ });
    await writeFile(join(dir, "empty.yaml"), "");
    await assert.rejects(loadGatewayConfig(join(dir, "empty.yaml")), {
      code: "BAD_REQUEST",
      message: /the file: .*, and is nothing/,
    });
  });
});
