import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { multiCluster, sourceSite, targetSite } from "../../bench/ours/tasks.ts";
import { credentialsOf } from "../../gateway/transfer/testing/credentials.ts";
import { forgedHead, strangersTo } from "../../gateway/tunnel/envoy/testing/strangers.ts";
import type { CertificateWithKey } from "../../pki/authority.ts";
import { receivedAt } from "./envoy-stats.ts";
import { Lab } from "./lab.ts";
import type { LabHost } from "./link.ts";
import { authorityIn, LabRun, makeDisk, type Node } from "./sites.ts";
import { askFrom } from "./stranger.ts";

const extentBytes = 1024 * 1024;

describe("a gateway's public port", () => {
  let lab: Lab;
  let a: Node;
  let b: Node;
  let elsewhere: LabHost;
  let authority: CertificateWithKey;
  const forged = forgedHead("POST", "/v1/sessions", `spiffe://${multiCluster}/site/${sourceSite}/gateway/a1`);
  const ask = async (credentials: Parameters<typeof askFrom>[1]["credentials"], head: string) => {
    const [host = "", port] = b.endpoint.split(":");
    return (await askFrom(elsewhere, { host, port: Number(port), credentials, head })).answer;
  };

  before(async () => {
    lab = await Lab.create();
    a = await lab.startNode(sourceSite, await lab.link.addHost("a1", "10.77.0.1"));
    b = await lab.startNode(targetSite, await lab.link.addHost("b1", "10.77.0.2"));
    elsewhere = await lab.link.addHost("x", "10.77.0.3");
    authority = await authorityIn(lab.dir);
  });

  after(() => lab?.remove());

  test("lets no stranger of the network in, whatever he says of himself, and the log says why", async () => {
    for (const { name, credentials, reason } of await strangersTo(authority, multiCluster)) {
      const sinceMs = Date.now();
      assert.doesNotMatch(await ask(credentials, `${forged}content-length: 2\r\n\r\n{}`), /HTTP/, name);
      await b.logged(sinceMs, ({ msg, line }) => msg.includes("refused in the handshake") && reason.test(line));
    }
    assert.deepEqual(await receivedAt(b), { connections: 0, requests: 0 });
  });

  test("goes by the certificate of a site, which may not write what is another's", async () => {
    const run = new LabRun(1);
    const { object } = await makeDisk(a, { bytes: extentBytes, extentBytes });
    const snapshot = await run.snapshot(a, object);
    const [volume] = await run.prepare(b, snapshot.config);
    assert(volume !== undefined);
    const session = JSON.stringify({
      ...run.mirrorFields(volume.mirrorVolumeId),
      sizeBytes: extentBytes,
      geometry: object.volumes[0]?.geometry,
    });
    const head = `${forged}content-type: application/json\r\ncontent-length: ${session.length}\r\n\r\n${session}`;
    const sinceMs = Date.now();
    const refused = await ask(await credentialsOf(authority, "c", multiCluster), head);
    assert.match(refused, /^HTTP\/1.1 403/);
    assert.match(refused, /PEER_REFUSED.*not been told to take anything from site c/);
    await b.logged(sinceMs, ({ msg, line }) => msg === "a peer was refused" && line.includes("site c"));
    // The same from who may, so it was for the certificate that the other was refused.
    assert.match(await ask(await credentialsOf(authority, "a", multiCluster), head), /^HTTP\/1.1 200.*"epoch"/s);
    assert.equal((await receivedAt(b)).requests, 2, "what comes through is counted");
  });
});
