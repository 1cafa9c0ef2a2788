import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { VisibleError } from "../../../core/api/errors.ts";
import { credentialsOf, newAuthority, site } from "../../transfer/testing/credentials.ts";
import { bootstrap, clustersFile, identityFile, listenersFile, trustFile } from "./bootstrap.ts";
import { findEnvoy } from "./find.ts";
import { layoutIn } from "./layout.ts";
import { receiverClusterOf, receivingListener } from "./receiving.ts";
import { resources } from "./resources.ts";
import { sendingListener, siteCluster, siteEndpoints, splitEndpoint } from "./sending.ts";

const badRequest = (error: unknown) => VisibleError.is(error, "BAD_REQUEST");

describe("Envoy's configuration", () => {
  let dir: string;
  let envoy: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "envoy-"));
    envoy = await findEnvoy("auto");
  });
  after(() => rm(dir, { recursive: true }));

  const longest = `a${"-0".repeat(15)}`;
  const validate = async (listen: { host: string; port: number }, sites: readonly string[], hasBbr: boolean) => {
    const layout = layoutIn(dir);
    const credentials = await credentialsOf(await newAuthority(), "a");
    const [multiCluster, siteId] = [site("mc"), site("a")];
    const listeners = [
      receivingListener({ layout, multiCluster, ...listen }),
      ...sites.map((id) => sendingListener(layout, site(id))),
    ];
    const clusters = [
      receiverClusterOf(layout),
      ...sites.map((id) => siteCluster({ layout, multiCluster, siteId: site(id), hasBbr })),
    ];
    const endpoints = [splitEndpoint("10.0.0.1:9443"), splitEndpoint("[fd00::1]:9443")];
    const addresses = endpoints.map(({ host, port }) => ({ address: host, port }));
    const files = {
      [layout.clusters]: clustersFile([]),
      [layout.listeners]: listenersFile([]),
      [layout.identity]: identityFile(credentials),
      [layout.trust]: trustFile(credentials),
      [layout.bootstrap]: bootstrap({ layout, gatewayId: "a-1", siteId, listeners, clusters }),
      ...Object.fromEntries(
        sites.map((id) => [layout.endpointsOf(site(id)), resources([siteEndpoints(site(id), addresses)])]),
      ),
    };
    for (const [file, content] of Object.entries(files)) await writeFile(file, JSON.stringify(content));
    const { stderr } = await promisify(execFile)(envoy, ["--mode", "validate", "-c", layout.bootstrap]);
    assert.doesNotMatch(stderr, /deprecated|\[error\]|\[warning\]/i);
  };

  test("is one that Envoy accepts, whatever the sites, the addresses and the kernel", async () => {
    await validate({ host: "127.0.0.1", port: 9443 }, [], false);
    await validate({ host: "::", port: 1 }, ["b"], true);
    await validate({ host: "0.0.0.0", port: 65_535 }, ["b", "c-1", longest.slice(0, 32)], false);
  });

  test("is refused by Envoy when something in it is wrong", async () => {
    await assert.rejects(validate({ host: "no address", port: 1 }, [], false), /malformed IP address/);
  });
});

test("endpoints are split into host and port", () => {
  assert.deepEqual(splitEndpoint("10.0.0.1:9443"), { host: "10.0.0.1", port: 9443, isAddress: true });
  assert.deepEqual(splitEndpoint("[fd00::1]:1"), { host: "fd00::1", port: 1, isAddress: true });
  assert.deepEqual(splitEndpoint("gw.example:9443"), { host: "gw.example", port: 9443, isAddress: false });
});

test("a folder with too long a path for sockets is refused", () => {
  assert.throws(() => layoutIn(`/${"x".repeat(100)}`), badRequest);
  assert.throws(() => layoutIn(`/${"x".repeat(80)}`).socketTo(site("a".repeat(32))), badRequest);
});

test("an Envoy that is not there is said to be missing, and how to get it", async () => {
  await assert.rejects(findEnvoy("/nowhere/envoy", {}), badRequest);
});
