import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { measureCluster } from "./cluster-times.ts";

const MiB = 2 ** 20;
/** Of iSCSI's headers, and of the ledger. */
const otherBytesMax = 2 * MiB;

test("a cluster's 5 % is read from changed extents alone, by the driver's count and by the nodes'", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "bench-cluster-test-"));
  context.after(() => rm(dir, { recursive: true }));
  const said: string[] = [];
  const options = { dir, sizeBytes: 64 * MiB, extentBytes: 16 * MiB, seed: "1" };
  const times = await measureCluster({ ...options, say: (text) => said.push(text) });
  assert.deepEqual(said, []);
  assert(times !== undefined);
  assert(times.clusterSeconds > 0 && times.extentstoreSeconds > 0 && times.copyingSeconds > 0);
  assert.deepEqual([times.bytesOfChanged, times.bytesRead], [16 * MiB, 16 * MiB]);
  // Half of it are holes, and some of the base is read beside it.
  assert(times.bytesSent >= 0.5 * times.bytesRead, `${times.bytesSent} bytes were sent`);
  assert(times.bytesSent <= 0.8 * times.bytesRead + otherBytesMax, `${times.bytesSent} bytes were sent`);
  // All of the changed extents would be more, and nothing else is read back whole.
  assert(times.bytesAtTarget < times.bytesOfChanged, `${times.bytesAtTarget} bytes at the target's nodes`);
  assert.deepEqual(await readdir(dir), []);
});
