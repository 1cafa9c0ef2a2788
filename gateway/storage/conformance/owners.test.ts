import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import type { SiteId } from "../../../core/api/ids.ts";
import type { StorageDriver } from "../driver.ts";
import { memoryDir } from "../extentstore/testing/memory-dir.ts";
import { openStorage } from "../open.ts";
import { owner } from "./fixtures.ts";
import { forgetful, ownerCalls } from "./forgetful.ts";
import { ownerCases } from "./owners.ts";

/**
 * The promises about owners that a driver breaks. @param isEnough how many of them are looked for
 */
const brokenBy = async (
  change: (driver: StorageDriver) => StorageDriver,
  isEnough = ownerCases.length,
): Promise<readonly string[]> => {
  const broken: string[] = [];
  for (const { title, body } of ownerCases) {
    if (broken.length === isEnough) break;
    const dir = await memoryDir("owners");
    const driver = await openStorage({ kind: "extentstore", dir });
    try {
      await body(change(driver)).catch(() => broken.push(title));
    } finally {
      await driver.close();
      await rm(dir, { recursive: true });
    }
  }
  return broken;
};

test("a driver that keeps owners apart breaks no promise about them", async () => {
  assert.deepEqual(await brokenBy((driver) => driver), []);
});

for (const [name, half] of Object.entries({
  "the site that it protects": { source: "x" as SiteId },
  "the plan": { planId: owner.planId },
})) {
  test(`a driver that knows an owner without ${name} breaks most of them`, async () => {
    const broken = await brokenBy((driver) => forgetful(driver, { half, calls: ownerCalls }));
    assert(broken.length > ownerCases.length / 2, broken.join("; "));
  });
}

for (const call of ownerCalls) {
  test(`a driver that ignores the site of an owner in ${call} only is found out`, async () => {
    const half = { source: owner.source };
    assert.equal((await brokenBy((driver) => forgetful(driver, { half, calls: [call] }), 1)).length, 1);
  });
}
