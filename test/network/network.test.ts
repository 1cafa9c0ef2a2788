import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sourceSite, targetSite } from "../../bench/ours/tasks.ts";
import { type LabHost, Link } from "./link.ts";
import { LabRun, makeDisk, type Node, type RandomDisk, type Snapshot, startNode } from "./sites.ts";

const mib = 1024 * 1024;
const extentBytes = 4 * mib;
const volumeBytes = 64 * mib;
/** Incompressible, so the volume takes 8 s. */
const rate = "64mbit";
const usualSeconds = (volumeBytes * 8) / 64e6;
/** As the control plane does for a broken link. */
const triesMax = 10;
const waitMs = 2_000;
/** What may be sent again: four extents in flight, and what the link carries besides. */
const againBytes = 4 * extentBytes + 2 * mib;

describe("two sites of two nodes each, with an Envoy a node", () => {
  let dir: string;
  let link: Link;
  let hosts: { a1: LabHost; a2: LabHost; b1: LabHost; b2: LabHost };
  let nodes: { a1: Node; a2: Node; b1: Node; b2: Node };
  const started: Node[] = [];
  const start = async (siteId: typeof sourceSite, host: LabHost): Promise<Node> => {
    const node = await startNode(dir, siteId, host);
    started.push(node);
    return node;
  };
  let disk: RandomDisk;
  let sequence = 0;

  before(async () => {
    link = await Link.create();
    dir = await mkdtemp(join(tmpdir(), "net-"));
    hosts = {
      a1: await link.addHost("a1", "10.77.0.1", rate),
      a2: await link.addHost("a2", "10.77.0.2", rate),
      b1: await link.addHost("b1", "10.77.0.3"),
      b2: await link.addHost("b2", "10.77.0.4"),
    };
    nodes = {
      a1: await start(sourceSite, hosts.a1),
      a2: await start(sourceSite, hosts.a2),
      b1: await start(targetSite, hosts.b1),
      b2: await start(targetSite, hosts.b2),
    };
    disk = await makeDisk(nodes.a1, { bytes: volumeBytes, extentBytes });
  });

  after(async () => {
    await Promise.all(started.map(({ gateway }) => gateway.kill()));
    await link?.remove();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  /** A run that is ready to send, with its tries; `from` says which node is at each. */
  const begin = async () => {
    const run = new LabRun(++sequence);
    const snapshot: Snapshot = await run.snapshot(nodes.a1, disk.object);
    const volumes = await run.prepare(nodes.b2, snapshot.config);
    const mirrorVolumeId = volumes[0]?.mirrorVolumeId;
    assert(mirrorVolumeId !== undefined);
    const before = { a1: await link.sentBytes(hosts.a1), a2: await link.sentBytes(hosts.a2) };
    const failures: unknown[] = [];
    const send = (from: () => Node, targets: () => readonly Node[]) => {
      const begunMs = performance.now();
      const sent = (async () => {
        for (let tries = 1; ; tries++) {
          try {
            await run.transfer(from(), targets(), { snapshotId: snapshot.snapshotId, mirrorVolumeId });
            return (performance.now() - begunMs) / 1000;
          } catch (error) {
            failures.push(error);
            if (tries === triesMax) throw error;
            await sleep(waitMs);
          }
        }
      })();
      // Whoever waits for it hears of it.
      sent.catch(() => undefined);
      return sent;
    };
    return {
      failures,
      send,
      /** That what happens now happens in the middle of it. */
      assertUnderWay: async () => {
        const part = ((await link.sentBytes(hosts.a1)) - before.a1) / volumeBytes;
        assert.ok(part > 0.1 && part < 0.9, `${part} of the volume has been sent`);
      },
      sentBytes: async () =>
        (await link.sentBytes(hosts.a1)) - before.a1 + (await link.sentBytes(hosts.a2)) - before.a2,
      assertSame: async (node = nodes.b2) => assert.equal(await run.publish(node, snapshot, volumes), disk.digest),
    };
  };
  const bothTargets = () => [nodes.b1, nodes.b2];

  test("back up", async (t) => {
    const { send, sentBytes, assertSame, failures } = await begin();
    const seconds = await send(() => nodes.a1, bothTargets);
    await assertSame();
    t.diagnostic(`${seconds.toFixed(1)} s, ${await sentBytes()} bytes sent for ${volumeBytes}`);
    assert.deepEqual(failures, []);
    assert.ok((await sentBytes()) < 1.05 * volumeBytes);
  });

  test("go on through the other node when one of the target dies", async (t) => {
    const { send, sentBytes, assertSame, assertUnderWay } = await begin();
    const sent = send(() => nodes.a1, bothTargets);
    await sleep(3_000);
    await assertUnderWay();
    const killedMs = Date.now();
    await nodes.b1.gateway.kill();
    const seconds = await sent;
    const noticed = (await nodes.a1.warnings()).some(({ atMs }) => atMs >= killedMs);
    assert.ok(noticed, "something was on its way to the node that died");
    t.diagnostic(`${seconds.toFixed(1)} s, ${await sentBytes()} bytes sent`);
    await assertSame();
    assert.ok(seconds < usualSeconds + 20, `${seconds} s`);
    assert.ok((await sentBytes()) < 1.05 * volumeBytes + againBytes, "acknowledged extents are not sent again");
    nodes.b1 = await start(targetSite, hosts.b1);
  });

  test("resume by themselves after a link that carried nothing for 60 s, which was noticed within 30 s", async (t) => {
    const { send, sentBytes, assertSame, assertUnderWay, failures } = await begin();
    const sent = send(() => nodes.a1, bothTargets);
    await sleep(3_000);
    await assertUnderWay();
    const cutMs = Date.now();
    await link.pass(false);
    await sleep(60_000);
    await link.pass(true);
    const seconds = await sent;
    t.diagnostic(`${seconds.toFixed(1)} s, ${await sentBytes()} bytes sent, ${failures.length} tries failed`);
    await assertSame();
    const noticed = (await nodes.a1.warnings()).find(({ atMs }) => atMs > cutMs);
    assert(noticed !== undefined);
    t.diagnostic(`noticed after ${((noticed.atMs - cutMs) / 1000).toFixed(1)} s: ${noticed.msg}`);
    assert.ok(noticed.atMs - cutMs < 30_000);
    assert.ok(seconds < usualSeconds + 60 + 30, `${seconds} s`);
    assert.ok((await sentBytes()) < 1.05 * volumeBytes + 2 * againBytes, "acknowledged extents are not sent again");
  });

  test("take over from a node of the source that died, and send nothing again that was acknowledged", async (t) => {
    const { send, sentBytes, assertSame, assertUnderWay, failures } = await begin();
    const sentByOther = await link.sentBytes(hosts.a2);
    let from = nodes.a1;
    const sent = send(() => from, bothTargets);
    await sleep(4_000);
    await assertUnderWay();
    from = nodes.a2;
    await nodes.a1.gateway.kill();
    const seconds = await sent;
    assert.equal(failures.length, 1);
    assert.ok((await link.sentBytes(hosts.a2)) - sentByOther > 0.1 * volumeBytes, "the other node has sent the rest");
    t.diagnostic(`${seconds.toFixed(1)} s, ${await sentBytes()} bytes sent`);
    await assertSame();
    assert.ok(seconds < usualSeconds + 20, `${seconds} s`);
    assert.ok((await sentBytes()) < 1.05 * volumeBytes + againBytes, "acknowledged extents are not sent again");
  });
});
