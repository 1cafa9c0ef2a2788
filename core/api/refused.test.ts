import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gatewayIdSchema, siteIdSchema } from "./ids.ts";
import { type RefusedPeer, refusedPeersSchema, withoutRefused, withRefused } from "./refused.ts";

const by = (site: string, code: string, times = 1): RefusedPeer => ({
  ...{ code, times },
  peer: { siteId: siteIdSchema.parse(site), gatewayId: gatewayIdSchema.parse("g1") },
});
const timesOf = (all: readonly RefusedPeer[]) => all.reduce((sum, { times }) => sum + times, 0);

describe("what peers were refused", () => {
  test("is counted by peer and reason", () => {
    const all = [by("a", "NOT_GRANTED"), by("c", "NOT_GRANTED"), by("a", "NOT_GRANTED", 2), by("a", "BAD_REQUEST")];
    assert.deepEqual(all.reduce(withRefused, [] as readonly RefusedPeer[]), [
      by("a", "NOT_GRANTED", 3),
      by("c", "NOT_GRANTED"),
      by("a", "BAD_REQUEST"),
    ]);
  });

  test("is 32 kinds and the others at most, whatever varies, and none is lost", () => {
    let all: readonly RefusedPeer[] = [];
    for (let kind = 0; kind < 1000; kind += 1) all = withRefused(all, by(`s${kind % 50}`, `CODE_${kind % 7}`));
    assert.deepEqual([all.length, timesOf(all)], [33, 1000]);
    assert.deepEqual(all.at(-1), { code: "OTHER", times: 1000 - timesOf(all.slice(0, -1)) });
    assert.deepEqual(refusedPeersSchema.parse(JSON.parse(JSON.stringify(all))), all);
    const twice = all.reduce(withRefused, all);
    assert.deepEqual([twice.length, timesOf(twice)], [33, 2000]);
  });

  test("stays when it came after what was told", () => {
    const told = [by("a", "NOT_GRANTED", 3), by("c", "BAD_REQUEST", 1)];
    const since = [by("a", "NOT_GRANTED", 5), by("c", "BAD_REQUEST", 1), by("d", "NOT_FOUND", 1)];
    assert.deepEqual(withoutRefused(since, told), [by("a", "NOT_GRANTED", 2), by("d", "NOT_FOUND", 1)]);
  });
});
