import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progresses, Shard } from "../api/run.ts";
import { movedBy } from "./moved.ts";
import { defaultRetryPolicy } from "./retry-policy.ts";
import { firstShard } from "./shards.ts";
import { begin } from "./testing.ts";

const MiB = 1024 ** 2;

const shardOf = (step: Shard["step"], done?: Partial<Progresses>): Shard => {
  const told = { source: "a" as Shard["source"], sequence: 1 };
  const nothing = { extentsTotal: 0, extentsDone: 0, extentsUnchanged: 0, extentsHole: 0, bytesTotal: 0 };
  const none = { ...nothing, bytesRead: 0, bytesChanged: 0, bytesSent: 0 };
  const shard = firstShard({ step, shard: 0, count: 1, told }, begin, defaultRetryPolicy);
  return done === undefined ? shard : { ...shard, done: { ...none, ...done } };
};

test("what was moved is the sum over the shards, and data is what is no hole", () => {
  const one = { extentsTotal: 8, extentsHole: 6, bytesTotal: 8 * MiB, bytesChanged: 5, bytesSent: 3 };
  const other = { extentsTotal: 2, extentsHole: 0, bytesTotal: 2 * MiB, bytesChanged: 7, bytesSent: 4 };
  assert.deepEqual(movedBy([shardOf("transferring", one), shardOf("transferring", other)]), {
    dataBytes: 4 * MiB,
    bytesChanged: 12,
    bytesSent: 7,
  });
});

test("a small volume that is full makes a large one that is nearly empty no fuller", () => {
  const large = { extentsTotal: 4, extentsHole: 3, bytesTotal: 1024 * MiB };
  const small = { extentsTotal: 1, bytesTotal: 8 * MiB };
  assert.equal(movedBy([shardOf("transferring", large), shardOf("transferring", small)])?.dataBytes, 264 * MiB);
});

test("volumes of no bytes hold none, and nothing is said of other steps or of what nobody told", () => {
  assert.equal(movedBy([shardOf("transferring", {})])?.dataBytes, 0);
  assert.equal(movedBy([shardOf("transferring")]), undefined);
  assert.equal(movedBy([shardOf("publishing", { bytesTotal: 1, extentsTotal: 1 })]), undefined);
});
