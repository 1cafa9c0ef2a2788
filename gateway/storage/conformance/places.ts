import assert from "node:assert/strict";
import type { StorageDriver } from "../driver.ts";

/*
 * Pools and switches that a test may name: made where the cluster can be told to, else
 * the ones that it has.
 */

/** The name of a switch, one for each of the names asked for. */
export const switchesNamed = async (driver: StorageDriver, names: readonly string[]): Promise<readonly string[]> => {
  if (driver.administration !== undefined) {
    const vlans = [{ name: "web", vlanId: 12 }];
    await driver.administration.createObjects(names.map((name) => ({ kind: "switch", name, vlans })));
    return names;
  }
  const { switches } = await driver.facilities();
  assert(switches.length >= names.length, `the tests need ${names.length} virtual switches on the cluster`);
  return switches.slice(0, names.length).map(({ name }) => name);
};

/** A pool whose capacity is known. */
export const smallPool = async (
  driver: StorageDriver,
): Promise<{ readonly name: string; readonly freeBytes: number }> => {
  const capacity = 2 ** 30;
  await driver.administration?.createObjects([{ kind: "pool", name: "small", capacity }]);
  const { pools } = await driver.facilities();
  const pool = pools.find(({ name, capacityBytes }) =>
    driver.administration === undefined ? capacityBytes !== undefined : name === "small",
  );
  assert(pool?.capacityBytes !== undefined, "the tests need a pool whose capacity is known");
  return { name: pool.name, freeBytes: pool.capacityBytes - (pool.usedBytes ?? 0) };
};
