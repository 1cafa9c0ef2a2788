import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createObjects, isVm } from "../scenario.ts";
import { geometry, MovingPlans, sentBy } from "./world.ts";

const disks = [{ size: "8MiB", geometry }];
const nics = [{ switch: "prod", macAddress: "52:54:00:00:00:01" }];

describe("test failovers at two sites", () => {
  let world: MovingPlans;
  const plans = { near: "b", far: "c" } as const;

  before(async () => {
    world = await MovingPlans.of(["a", "b", "c"]);
    const { local } = world;
    await createObjects(local, "a", [
      { kind: "switch", name: "prod" },
      { kind: "vm", name: "near", memory: "1GiB", disks, nics },
      { kind: "vm", name: "far", memory: "1GiB", disks },
    ]);
    for (const site of ["b", "c"]) await createObjects(local, site, [{ kind: "switch", name: "prod" }]);
    for (const site of ["a", "b", "c"]) await local.refreshed(site);
    await world.does("site", "map", "a", "--to", "b", "prod=prod");
    for (const [name, site] of Object.entries(plans)) {
      await world.write({ site: "a", name }, 30);
      await world.does("object", "power-on", name, "--site", "a");
      await local.createPlan({
        name,
        objects: [{ kind: "vm", name }],
        targets: [{ site, retention: { keepLast: 3 } }],
      } as never);
      await world.backUp(name);
    }
  });
  after(() => world?.local.remove());

  test("run there beside the originals, with no NIC connected and the group's bytes", async () => {
    for (const [name, site] of Object.entries(plans)) {
      const original = await world.sha256({ site: "a", name });
      await world.does("failover", name, "--to", site, "--test", "--for", "1m", "--wait", "--yes");
      assert.equal((await world.shown(name, "--test")).state, "testing");
      const [made] = (await world.objects(site)).filter(isVm);
      assert.ok(made);
      assert.equal(made.name, `test-${name}`);
      assert.equal(made.vm.status, "RUNNING");
      assert.ok(made.vm.nics.every(({ virtualSwitch }) => virtualSwitch === null));
      assert.equal(await world.sha256({ site, name: made.name }), original);
    }
  });

  test("let backups go on meanwhile", async () => {
    for (const name of Object.keys(plans)) {
      const run = await world.backUp(name);
      assert.equal(run.targets[0]?.base?.why, "increment");
      assert.ok(sentBy(run) < 100_000, `${sentBy(run)} bytes were sent`);
    }
  });

  test("are gone by themselves after their time, also where the gateway was down at that moment", async () => {
    const pid = Number(await readFile(join(world.local.dir, "sites", "b", "b1.pid"), "utf8"));
    process.kill(pid, "SIGSTOP");
    try {
      await world.comesTo("removed", "far", "--test");
      assert.deepEqual(await world.names("c"), []);
      await world.comesTo("removing", "near", "--test");
      assert.deepEqual(await world.names("b"), ["test-near"]);
    } finally {
      process.kill(pid, "SIGKILL");
    }
    await world.comesTo("removed", "near", "--test");
    assert.deepEqual(await world.names("b"), []);
    assert.deepEqual(await world.names("a"), ["far", "near"]);
  });
});
