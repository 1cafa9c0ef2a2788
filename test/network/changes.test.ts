import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { multiCluster, sourceSite, targetSite } from "../../bench/ours/tasks.ts";
import { credentialsOf } from "../../gateway/transfer/testing/credentials.ts";
import { until } from "../patience.ts";
import { receivedAt } from "./envoy-stats.ts";
import { Lab } from "./lab.ts";
import type { LabHost } from "./link.ts";
import { authorityIn, LabRun, makeDisk, type Node, type RandomDisk, renewCertificate } from "./sites.ts";
import { askFrom } from "./stranger.ts";

const mib = 1024 * 1024;
const volumeBytes = 40 * mib;
/** Incompressible, so the volume takes 42 s, and not while the changes are made. */
const rate = "8mbit";
const rateAfterwards = "128mbit";
const smallExtents = { bytes: 4 * 64 * 1024, extentBytes: 64 * 1024 };
/** Beginning, at least one connection for the extents, and the end. */
const smallRequests = 3;

describe("in the middle of a transfer, without an error in it", () => {
  let lab: Lab;
  let hosts: { readonly a1: LabHost; readonly b1: LabHost; readonly b2: LabHost };
  let a1: Node;
  let b1: Node;
  let b2: Node;
  let disk: RandomDisk;
  let small: RandomDisk;
  let sequence = 0;

  before(async () => {
    lab = await Lab.create();
    hosts = {
      a1: await lab.link.addHost("a1", "10.77.0.1", rate),
      b1: await lab.link.addHost("b1", "10.77.0.2"),
      b2: await lab.link.addHost("b2", "10.77.0.3"),
    };
    a1 = await lab.startNode(sourceSite, hosts.a1);
    b1 = await lab.startNode(targetSite, hosts.b1);
    b2 = await lab.startNode(targetSite, hosts.b2);
    disk = await makeDisk(a1, { bytes: volumeBytes, extentBytes: 4 * mib });
    small = await makeDisk(a1, { name: "small", ...smallExtents });
  });

  after(() => lab?.remove());

  const prepared = async ({ object }: RandomDisk) => {
    const run = new LabRun(++sequence);
    const snapshot = await run.snapshot(a1, object);
    const volumes = await run.prepare(b1, snapshot.config);
    const mirrorVolumeId = volumes[0]?.mirrorVolumeId;
    assert(mirrorVolumeId !== undefined);
    const send = (targets: readonly Node[]) =>
      run.transfer(a1, targets, { snapshotId: snapshot.snapshotId, mirrorVolumeId });
    return { send, publish: () => run.publish(b1, snapshot, volumes) };
  };

  const serialNumberOf = async ({ endpoint }: Node): Promise<string | undefined> => {
    const [host = "", port] = endpoint.split(":");
    const credentials = await credentialsOf(await authorityIn(lab.dir), "a", multiCluster);
    const head = "GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    const { answer, serialNumber } = await askFrom(hosts.b2, { host, port: Number(port), credentials, head });
    assert.match(answer, /^HTTP\/1.1 200/);
    return serialNumber;
  };

  /** Resolves when the node shows a new certificate. */
  const renewed = async (node: Node): Promise<number> => {
    const before = await serialNumberOf(node);
    await renewCertificate(node);
    const begunMs = performance.now();
    const isRenewed = async () => (await serialNumberOf(node)) !== before;
    await until("it to be taken up", isRenewed, 50, 15_000);
    return (performance.now() - begunMs) / 1000;
  };

  test("certificates are renewed at both ends, and gateways of the target are added and taken away", async (t) => {
    const { send, publish } = await prepared(disk);
    const sinceMs = Date.now();
    const before = await lab.link.sentBytes(hosts.a1);
    const part = async () => ((await lab.link.sentBytes(hosts.a1)) - before) / volumeBytes;
    const sent = send([b1]);
    // Whoever waits for it hears of it.
    sent.catch(() => undefined);
    await lab.link.sent(hosts.a1, before + 0.1 * volumeBytes);

    for (const node of [a1, b1]) {
      t.diagnostic(`${node.host.name} has its new certificate after ${(await renewed(node)).toFixed(1)} s`);
    }
    // Whose connections are new, and so both ends show their new certificates.
    await (await prepared(small)).send([b1, b2]);
    const added = await receivedAt(b2);
    assert.ok(added.requests > 0, "the one that was added gets its share");
    await (await prepared(small)).send([b2]);
    const alone = await receivedAt(b2);
    t.diagnostic(`requests at the added one: ${added.requests}, then ${alone.requests - added.requests}`);
    assert.ok(alone.requests - added.requests >= smallRequests, "the one that is left gets all that is new");

    const changed = await part();
    assert.ok(changed < 0.9, `${changed} of the volume had been sent when all was done`);
    await lab.link.limit(hosts.a1, rateAfterwards);
    await sent;
    assert.equal(await publish(), disk.digest);
    const warnings = (await a1.warnings()).filter(({ atMs }) => atMs >= sinceMs);
    assert.deepEqual(warnings, []);
    assert.ok((await part()) < 1.1, "nothing was sent again");
  });
});
