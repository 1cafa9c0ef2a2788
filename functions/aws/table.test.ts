import assert from "node:assert/strict";
import { test } from "node:test";
import { dueShardOf } from "./dynamodb-item.ts";
import { dueShards } from "./table.ts";

test("documents are spread evenly over the shards of the index, always the same way", () => {
  const counts = Array.from({ length: dueShards }, () => 0);
  for (let n = 0; n < 100 * dueShards; n++) {
    const shard = dueShardOf({ partition: `RUN#${n}`, sort: "RUN" });
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  assert(counts.every((count) => count > 50 && count < 150));
  assert.equal(dueShardOf({ partition: "", sort: "" }), (Math.imul(0x811c9dc5 ^ 0x0a, 0x01000193) >>> 0) % dueShards);
});
