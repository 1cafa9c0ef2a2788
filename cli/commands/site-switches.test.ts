import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Facilities } from "../../core/api/facilities.ts";
import { siteA, siteB } from "../../functions/api/testing.ts";
import { createWorld, tellInventory } from "../testing.ts";

const facilities: Readonly<Record<string, Facilities>> = {
  a: {
    kinds: ["lun", "vm"],
    pools: [{ name: "default" }, { name: "fast", capacityBytes: 100 * 2 ** 30, usedBytes: 2 ** 30 }],
    switches: [
      { name: "prod", vlans: [{ name: "web", vlanId: 100 }] },
      { name: "backend", vlans: [] },
    ],
  },
  b: { kinds: ["lun", "vm"], pools: [], switches: [{ name: "dr-prod", vlans: [] }] },
};

const setUp = async () => {
  const world = await createWorld();
  for (const site of [siteA, siteB]) await tellInventory(world.api, site, { objects: [], facilities });
  const map = (...args: string[]) => world.run(["site", "map", "a", "--to", "b", ...args]);
  return { world, map };
};

describe("site map", () => {
  test("maps switches, keeps what is not said, takes away what has a dash, and shows what is mapped", async () => {
    const { map } = await setUp();
    const before = await map();
    assert.equal(before.stdout, "SWITCH   AT B\nprod     not mapped\nbackend  not mapped\n");
    assert.match((await map("prod=dr-prod")).stdout, /\nprod +dr-prod\nbackend +not mapped\n$/);
    const both = await map("backend=dr-prod", "--json");
    assert.deepEqual(JSON.parse(both.stdout), {
      site: "a",
      target: "b",
      switches: { prod: "dr-prod", backend: "dr-prod" },
    });
    assert.match((await map("prod=-")).stdout, /\nprod +not mapped\nbackend +dr-prod\n$/);
    assert.match((await map("backend-")).stdout, /\nbackend +not mapped\n$/);
  });

  test("that changes what is no switch, or is not mapped, is refused, and changes nothing", async () => {
    const { map } = await setUp();
    await map("prod=dr-prod");
    for (const pairs of [["prod"], ["=x"], ["prod="], ["backend=-"], ["prod=-", "prod=dr-prod"]]) {
      const { exitCode, stderr } = await map(...pairs);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, /\(BAD_REQUEST\)\n {2}hint: Write prod=dr-prod .* prod=- /);
    }
    const unknown = await map("prod=nowhere");
    assert.equal(unknown.exitCode, 2);
    assert.match(unknown.stderr, /no virtual switch “nowhere”.*\(SWITCH_UNKNOWN\)\n {2}hint: It has: “dr-prod”/);
    assert.match((await map()).stdout, /\nprod +dr-prod\n/);
  });

  test("says when what a switch is mapped to is not there any more", async () => {
    const { world, map } = await setUp();
    await map("prod=dr-prod");
    const without = { ...facilities, b: { kinds: [], pools: [], switches: [] } };
    world.api.pass(1);
    await tellInventory(world.api, siteB, { objects: [], facilities: without });
    assert.match((await map()).stdout, /\nprod +dr-prod, which it does not have\n/);
  });
});

describe("site show", () => {
  test("tells pools with what is in them, switches with their VLANs, and what takes their place at targets", async () => {
    const { world, map } = await setUp();
    await map("prod=dr-prod");
    const { stdout } = await world.run(["site", "show", "a"]);
    assert.match(stdout, /^a\nMulti-cluster +main\n/);
    assert.match(stdout, /\nProtects +lun, vm\n/);
    assert.match(stdout, /\nfast +100 GiB +1 GiB\n/);
    assert.match(stdout, /\nprod +web \(100\) +b: dr-prod\nbackend +– +–\n/);
    const json = JSON.parse((await world.run(["site", "show", "a", "--json"])).stdout);
    assert.deepEqual([json.facilities, json.switchMaps], [facilities["a"], { b: { prod: "dr-prod" } }]);
  });

  test("of a site whose gateways have not told yet says so", async () => {
    const world = await createWorld();
    assert.match(
      (await world.run(["site", "show", "b"])).stdout,
      /\nNo gateway of the site has told yet what it has\.\n$/,
    );
    assert.equal((await world.run(["site", "show", "nowhere"])).exitCode, 3);
  });
});
