import assert from "node:assert/strict";
import { test } from "node:test";
import { damagePdus } from "../../../gateway/iscsi/testing/damage.ts";

const MiB = 2 ** 20;

test("10,000 damaged PDUs end as errors within their limit, and leave nothing in memory", async () => {
  const { damaged } = await damagePdus(10_000);
  assert.equal(damaged, 10_000);
  const { arrayBuffers } = process.memoryUsage();
  assert.ok(arrayBuffers < 300 * MiB, `${arrayBuffers / MiB} MiB of buffers are left`);
});
