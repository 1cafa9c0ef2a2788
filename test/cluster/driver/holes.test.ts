import assert from "node:assert/strict";
import { test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { Lun } from "../../../gateway/iscsi/lun/lun.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  readSnapshot,
  readVolume,
  write,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { openSmtx } from "../../../gateway/storage/smtx/open.ts";
import { probeCluster } from "../../../gateway/storage/smtx/probe/probe.ts";
import { openConfigured } from "../probe/configured.ts";
import { withCustomer } from "./with-customer.ts";

const KiB = 1024;
const sizeBytes = 2048 * KiB;
/** Where something is written, in 64 KiB. */
const places = [0, 3, 4, 9, 17, 31];

const opened = async (context: { after: (work: () => Promise<void>) => void }) => {
  const { standIn, config, close } = await openConfigured();
  context.after(close);
  const own = await openSmtx(config);
  context.after(() => own.close());
  const driver = withCustomer(own, standIn);
  const volume = await createVolume(driver, { name: "sparse", sizeBytes });
  await write(driver, volume, ...places.map((at) => [at * 64 * KiB, noise(64 * KiB, at)] as const));
  const snapshotOf = async (group: number): Promise<string> => {
    const of = { groupId: groupId(group), owner, volumeIds: [volume], sequence: group };
    const { snapshots } = await driver.snapshotGroup(of);
    return snapshots[0]?.snapshotId ?? assert.fail("there is no snapshot");
  };
  return { config, driver, volume, snapshotOf };
};

/** What is read of LUNs from now on. */
const countReads = (context: { mock: { method: typeof test.mock.method } }) => {
  const reads = context.mock.method(Lun.prototype, "read").mock;
  return () => reads.calls.reduce((sum, call) => sum + (call.arguments[1]?.length ?? 0), 0);
};

test("holes of a snapshot are not read where a probe has seen that the cluster tells them", async (context) => {
  const { config, driver, volume, snapshotOf } = await opened(context);
  const wanted = await readVolume(driver, volume);
  const first = await snapshotOf(1);
  const before = countReads(context);
  assert.ok((await readSnapshot(driver, first)).equals(wanted));
  assert.ok(before() >= sizeBytes, `${before()} bytes were read`);
  context.mock.restoreAll();

  await probeCluster(config);
  const after = countReads(context);
  assert.ok((await readSnapshot(driver, first)).equals(wanted));
  assert.ok(after() < sizeBytes / 2, `${after()} bytes were read`);
  await write(driver, volume, [20 * 64 * KiB + 512, noise(4 * KiB, 77)], [0, Buffer.alloc(64 * KiB)]);
  const changed = await readVolume(driver, volume);
  assert.ok((await readSnapshot(driver, await snapshotOf(2))).equals(changed));
  assert.ok((await readSnapshot(driver, first)).equals(wanted));
});

test("a cluster whose holes have something is caught, and believed no more", async (context) => {
  const { config, driver, volume, snapshotOf } = await opened(context);
  await probeCluster(config);
  await write(driver, volume, [0, noise(sizeBytes, 5)]);
  const snapshot = await snapshotOf(1);
  context.mock.method(Lun.prototype, "mapped", async (offset: number, length: number) => [
    { offset, length, isMapped: false },
  ]);
  await assert.rejects(readSnapshot(driver, snapshot), (error) => VisibleError.is(error, "DISK_FAILED"));
  assert.ok((await readSnapshot(driver, snapshot)).equals(noise(sizeBytes, 5)));
});
