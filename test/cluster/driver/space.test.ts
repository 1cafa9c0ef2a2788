import assert from "node:assert/strict";
import { test } from "node:test";
import {
  groupId,
  noise,
  owner,
  prepareMirror,
  publish,
  sendAll,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import { openDriver } from "./under-test.ts";

const KiB = 1024;
const sizeBytes = 1024 * KiB;
/** An extent, as the stand-in has them. */
const manifestBytes = 256 * KiB;

test("space is told as far as CloudTower tells it: of one group exactly, of several not at all, and of the cluster", async (context) => {
  const standIn = await ClusterStandIn.open();
  context.after(() => standIn.close());
  const driver = await openDriver(standIn);
  context.after(() => driver.close());
  const mirror = await prepareMirror(driver, sourceObject({ sizeBytes }));
  await sendAll(driver, mirror, { group: 1, bytes: noise(sizeBytes, 1) });
  await publish(driver, 1, mirror);
  const of = (groups: readonly number[]) => driver.spaceOf({ owner, groups: groups.map(groupId), mirrors: false });
  assert.deepEqual(await of([1]), { bytes: 0, is: "exact" }, "the mirror has all of it");
  await sendAll(driver, mirror, { group: 2, base: 1, bytes: noise(sizeBytes, 2) });
  await publish(driver, 2, mirror);
  // What the mirror was written from, and nobody waits for, shares the group until it is gone.
  await driver.tend({ time: steadyTime });
  assert.deepEqual(await of([1]), { bytes: sizeBytes + manifestBytes, is: "exact" });
  assert.equal(await of([1, 2]), undefined);
  assert.equal(await driver.spaceOf({ owner, groups: [groupId(1)], mirrors: true }), undefined);
  const stranger = { ...owner, source: "z" as typeof owner.source };
  const none = await driver.spaceOf({ owner: stranger, groups: [groupId(1)], mirrors: false });
  assert.deepEqual(none, { bytes: 0, is: "exact" });

  const [pool, ...others] = (await driver.facilities()).pools;
  const { total_data_capacity: total, used_data_space: used } = standIn.cluster;
  const half = (bytes: number) => Math.ceil(bytes / 2);
  assert.deepEqual(
    [pool, others],
    [{ name: "default", capacityBytes: half(total), usedBytes: half(used), isThin: true }, []],
  );
});
