import assert from "node:assert/strict";
import { test } from "node:test";
import { type PlanId, runIdOf } from "../../core/api/ids.ts";
import { planKey, runKey } from "../documents/records.ts";
import { dueShardOf } from "./dynamodb-item.ts";
import { dueShards } from "./table.ts";

test("documents that are due at the same minute are spread over the index: no shard takes 5 % of 10,000", () => {
  const ids = Array.from({ length: 10_000 }, (_, index) => `plan_${index.toString().padStart(26, "0")}` as PlanId);
  const slot = "2026-11-24T01:00:00.000Z";
  for (const keys of [ids.map(planKey), ids.map((id) => runKey(runIdOf(id, slot as never)))]) {
    const counts = new Map<number, number>();
    for (const shard of keys.map(dueShardOf)) counts.set(shard, (counts.get(shard) ?? 0) + 1);
    assert.equal(counts.size, dueShards);
    const most = Math.max(...counts.values());
    assert(most < 500, `a shard has ${most} of 10,000`);
  }
});
