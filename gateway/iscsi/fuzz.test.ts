import assert from "node:assert/strict";
import { test } from "node:test";
import { damagePdus } from "./testing/damage.ts";

test("damaged PDUs end as errors that say what is wrong, or do no harm, within their limit", async () => {
  const { damaged, codes } = await damagePdus(1000);
  assert.equal(damaged, 1000);
  assert.ok(codes.has("CLUSTER_UNREACHABLE"), [...codes].join());
});
