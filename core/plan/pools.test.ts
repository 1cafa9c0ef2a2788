import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Facilities, facilitiesSchema } from "../api/facilities.ts";
import { siteIdSchema } from "../api/ids.ts";
import { poolWarnings } from "./pools.ts";

const gib = 1024 ** 3;
const site = siteIdSchema.parse("b");
const has = (...pools: object[]): Facilities => facilitiesSchema.parse({ kinds: ["lun"], pools, switches: [] });
const volume = (id: string) => ({
  id,
  sizeBytes: gib,
  geometry: { extentBytes: 2 ** 28, stripeCount: 1, stripeBytes: 2 ** 28 },
});
/** Two volumes, one of which two objects have. */
const objects = [{ volumes: [volume("1"), volume("2")] }, { volumes: [volume("2")] }];

describe("a pool that can't hold a plan's mirrors", () => {
  const told = (
    facilities: Facilities | undefined,
    { pool, isNew = true }: { pool?: string; isNew?: boolean } = {},
  ) => {
    const target = { site, retention: { keepLast: 1 }, switches: {}, ...(pool !== undefined && { pool }) };
    const known = new Map(facilities === undefined ? [] : [[site, facilities] as const]);
    return poolWarnings({ targets: [target] }, objects, { facilities: known, isNew }).map(({ message }) => message);
  };

  test("is told with how much is wanted and how much is free, each volume counted once", () => {
    const small = has({ name: "dr", capacityBytes: 3 * gib, usedBytes: 2 * gib }, { name: "large" });
    assert.match(told(small, { pool: "dr" })[0] ?? "", /take 2 GiB in the pool “dr” of site “b”, which has 1 GiB free/);
    assert.deepEqual(told(small, { pool: "large" }), []);
    assert.equal(told(has({ name: "only", capacityBytes: gib })).length, 1);
  });

  test("may hold them for a while, where only what is written counts", () => {
    const thin = has({ name: "dr", capacityBytes: gib, isThin: true });
    assert.match(told(thin)[0] ?? "", /take up to 2 GiB .* 1 GiB free: runs may fail there, once so much is written/);
  });

  test("is not told where it is not known which pool it is, or how much that has", () => {
    const small = { capacityBytes: gib };
    assert.deepEqual(told(undefined), []);
    assert.deepEqual(told(has({ name: "one", ...small }, { name: "two", ...small })), []);
    assert.deepEqual(told(has({ name: "only" })), []);
  });

  test("counts none of what is used against a plan that has mirrors there already", () => {
    const full = has({ name: "only", capacityBytes: 2 * gib, usedBytes: 2 * gib });
    assert.deepEqual(told(full, { isNew: false }), []);
    assert.equal(told(full).length, 1);
  });
});
