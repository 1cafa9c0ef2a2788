import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { sourceSite, targetSite } from "../../bench/ours/tasks.ts";
import { needBbr } from "../need.ts";
import { Lab } from "./lab.ts";
import type { Line } from "./line.ts";
import { LabRun, makeDisk, type Node, overwriteDisk, type RandomDisk, type Snapshot } from "./sites.ts";

const mib = 1024 * 1024;
/**
 * At 200 Mbit/s, 16 s at least: what a connection takes to find its speed does not count for much.
 */
const volumeBytes = 384 * mib;
/**
 * Those of a cluster are 256 MiB. After each, nothing is sent over its connection
 * until it is acknowledged.
 */
const extentBytes = 16 * mib;
const timesMax = 3;
const changedBytes = 16 * mib;
const mbitPerSecond = 200;
const roundTripMs = 100;

describe(`a line of ${mbitPerSecond} Mbit/s and ${roundTripMs} ms`, () => {
  let lab: Lab;
  let line: Line;
  let a: Node;
  let b: Node;
  let disk: RandomDisk;
  let sequence = 0;
  let last: { readonly run: LabRun; readonly snapshot: Snapshot };

  before(async () => {
    lab = await Lab.create();
    const hosts = [await lab.link.addHost("a1", "10.77.0.1"), await lab.link.addHost("b1", "10.77.0.2")] as const;
    line = await lab.layLine(hosts, { roundTripMs, mbitPerSecond, seed: 1 });
    a = await lab.startNode(sourceSite, line.ends[0]);
    b = await lab.startNode(targetSite, line.ends[1]);
    disk = await makeDisk(a, { bytes: volumeBytes, extentBytes });
  });

  after(() => lab?.remove());

  /**
   * Backs up, in full unless there is a base, and compares every byte.
   * @returns how long the transfer took, in seconds
   */
  const backUp = async (base: Parameters<LabRun["transfer"]>[3] = null): Promise<number> => {
    const run = new LabRun(++sequence);
    const snapshot = await run.snapshot(a, disk.object);
    const { snapshotId } = snapshot;
    const volumes = await run.prepare(b, snapshot.config);
    const mirrorVolumeId = volumes[0]?.mirrorVolumeId;
    assert(mirrorVolumeId !== undefined);
    const begunMs = performance.now();
    await run.transfer(a, [b], { snapshotId, mirrorVolumeId }, base);
    const seconds = (performance.now() - begunMs) / 1000;
    assert.equal(await run.publish(b, snapshot, volumes), disk.digest);
    last = { run, snapshot };
    return seconds;
  };

  /**
   * That a full backup takes no longer than the volume's bytes at this share of the line. What
   * others do on this machine can only make it slower, so it may be measured again.
   */
  const assertShare = async (t: TestContext, wanted: number): Promise<void> => {
    for (let times = 1; ; times++) {
      const seconds = await backUp();
      const share = (volumeBytes * 8) / seconds / (mbitPerSecond * 1e6);
      t.diagnostic(`${seconds.toFixed(1)} s, ${(share * 100).toFixed(1)} % of the line`);
      if (share >= wanted) return;
      assert.ok(times < timesMax, `${share} of the line, and ${wanted} are wanted`);
    }
  };

  test("carries a full backup with 80 % of what it could", async (t) => {
    await assertShare(t, 0.8);
  });

  test("carries one with 65 % when it loses every hundredth packet, and BBR is there", async (t) => {
    if (!(await needBbr(t))) return;
    line.lose(0.01);
    await assertShare(t, 0.65);
  });

  test("carries an increment over the same losses, of which the object is rebuilt", async (t) => {
    line.lose(0.01);
    const base = { run: last.run, snapshotId: last.snapshot.snapshotId };
    disk = await overwriteDisk(a, disk, changedBytes);
    t.diagnostic(`${(await backUp(base)).toFixed(1)} s`);
    assert.equal(await last.run.rebuild(b, last.snapshot), disk.digest);
  });

  test("was a line as it should be", async (t) => {
    const { there, back } = await line.end();
    t.diagnostic(JSON.stringify({ there, back }));
    assert.ok(Math.max(there.latestMs, back.latestMs) < roundTripMs, "it kept up");
  });
});
