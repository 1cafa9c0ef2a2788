import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gatewayIdSchema, instantSchema, siteIdSchema } from "../core/api/ids.ts";
import { createTestApi, objectNamed } from "./api/testing.ts";
import { putInventoryPart, readInventory } from "./inventory.ts";
import { createMemoryStore } from "./memory/store.ts";
import { inventoryPrefix } from "./records.ts";
import { handleReport } from "./report.ts";

const siteId = siteIdSchema.parse("a");

/** A part whose one object says where it comes from. */
const partOf = (
  generation: number,
  part: number,
  parts: number,
  gateway = "gw-1",
): Parameters<typeof putInventoryPart>[1] => ({
  kind: "inventory",
  siteId,
  gatewayId: gatewayIdSchema.parse(gateway),
  generation,
  part,
  parts,
  observedAt: instantSchema.parse(new Date(generation * 1000).toISOString()),
  objects: [objectNamed(`${gateway}/${generation}.${part}`)],
});

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const depsAt = (now = "2026-11-24T01:00:00.000Z") => ({
  store: createMemoryStore(),
  clock: { now: () => instantSchema.parse(now) },
  log: quiet,
});

const names = async (deps: Parameters<typeof readInventory>[0]) =>
  (await readInventory(deps, siteId))?.objects.map(({ name }) => name);

test("an object that can't be used is in a list of its own, with its reason", async () => {
  const { deps } = await createTestApi();
  const body = { ...partOf(1, 0, 1), objects: [objectNamed("good"), { ...objectNamed("bad"), name: "" }, "no object"] };
  await handleReport(deps, JSON.parse(JSON.stringify(body)));
  const inventory = await readInventory(deps, siteId);
  assert.deepEqual(
    inventory?.objects.map(({ name }) => name),
    ["good"],
  );
  assert.deepEqual(
    inventory?.unusable?.map(({ id, unusable }) => [id, unusable]),
    [
      ["lun-bad", "it has no name"],
      ["", "it has no name"],
    ],
  );
});

const storedParts = async ({ store }: Parameters<typeof readInventory>[0]) =>
  (await store.query({ partition: `SITE#${siteId}`, prefix: inventoryPrefix, limit: 1000 })).items.length;

describe("inventory", () => {
  test("of a gateway whose clock is ahead is dropped, and hides nothing", async () => {
    const deps = depsAt("2026-11-24T01:00:00.000Z");
    const now = Date.parse("2026-11-24T01:00:00.000Z");
    await putInventoryPart(deps, { ...partOf(1, 0, 1), generation: now + 3_600_000 });
    await putInventoryPart(deps, { ...partOf(2, 0, 1), generation: now });
    assert.deepEqual(await names(deps), ["gw-1/2.0"]);
  });

  test("that was written when all clocks were ahead is known until the next one, which replaces it", async () => {
    let now = instantSchema.parse("2027-06-01T00:00:00.000Z");
    const deps = { ...depsAt(), clock: { now: () => now } };
    const generation = Date.parse(now);
    for (const part of [0, 1]) await putInventoryPart(deps, { ...partOf(7, part, 2), generation });
    now = instantSchema.parse("2026-11-24T01:00:00.000Z");
    assert.deepEqual(await names(deps), ["gw-1/7.0", "gw-1/7.1"]);
    await putInventoryPart(deps, { ...partOf(8, 0, 1), generation: Date.parse(now) });
    assert.deepEqual(await names(deps), ["gw-1/8.0"]);
    assert.equal(await storedParts(deps), 1);
  });

  test("is not there before all parts of one generation are", async () => {
    const deps = depsAt();
    assert.equal(await readInventory(deps, siteId), undefined);
    await putInventoryPart(deps, partOf(1, 1, 2));
    assert.equal(await readInventory(deps, siteId), undefined);
    await putInventoryPart(deps, partOf(1, 0, 2));
    assert.deepEqual(await names(deps), ["gw-1/1.0", "gw-1/1.1"]);
    assert.equal((await readInventory(deps, siteId))?.observedAt, "1970-01-01T00:00:01.000Z");
  });

  test("is the newest complete generation, in whatever order and how often parts come", async () => {
    const deps = depsAt();
    for (const part of [partOf(2, 0, 1), partOf(1, 0, 1), partOf(3, 0, 2), partOf(1, 0, 1), partOf(3, 0, 2)]) {
      await putInventoryPart(deps, part);
    }
    assert.deepEqual(await names(deps), ["gw-1/2.0"]);
    await putInventoryPart(deps, partOf(3, 1, 2));
    assert.deepEqual(await names(deps), ["gw-1/3.0", "gw-1/3.1"]);
  });

  test("older generations are deleted when a newer one is complete", async () => {
    const deps = depsAt();
    for (let part = 0; part < 250; part += 1) await putInventoryPart(deps, partOf(1, part, 250));
    assert.equal((await names(deps))?.length, 250);
    await putInventoryPart(deps, partOf(2, 0, 2));
    assert.equal(await storedParts(deps), 251);
    await putInventoryPart(deps, partOf(2, 1, 2));
    assert.equal(await storedParts(deps), 2);
  });

  test("two gateways that looked in the same millisecond are not mixed up", async () => {
    const deps = depsAt();
    await putInventoryPart(deps, partOf(1, 0, 1));
    for (const part of [partOf(2, 0, 2), partOf(2, 0, 2, "gw-2"), partOf(2, 1, 2)]) await putInventoryPart(deps, part);
    assert.deepEqual(await names(deps), ["gw-1/1.0"]);
    await putInventoryPart(deps, partOf(2, 1, 2, "gw-2"));
    assert.deepEqual(await names(deps), ["gw-2/2.0", "gw-2/2.1"]);
  });
});
