import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { FailoverId } from "../../../core/api/ids.ts";
import { siteB } from "../../../functions/api/testing.ts";
import { needFailover } from "../../../functions/failover/failovers.ts";
import { OrdersWorld } from "./world.ts";

const worldTest = (title: string, body: (world: OrdersWorld) => Promise<void>): void => {
  test(title, async () => {
    const world = await OrdersWorld.open();
    try {
      await body(world);
    } finally {
      await world.close();
    }
  });
};

const stateOf = async (world: OrdersWorld, id: FailoverId) => {
  const { state, halted } = await needFailover(world.deps, id);
  return halted === undefined ? state : `${state}: ${halted.code}`;
};

/** What a site has that is no mirror. */
const ordinaryAt = async (world: OrdersWorld, site: "a" | "b") =>
  (await world[site].driver.inventory()).filter(({ origin }) => origin?.role !== "mirror");
const testObjects = async (world: OrdersWorld) =>
  (await ordinaryAt(world, "b")).map(({ name }) => name).filter((name) => name.includes("test-"));

const hour = 3600;

/** A plan of which a VM is on, and a test of it that lasts an hour. */
const tested = async (world: OrdersWorld) => {
  await world.a.driver.powerOn(world.named("web"));
  await world.backUp();
  const id = await world.beginFailover("test", { forSeconds: hour });
  await world.pass(60);
  assert.equal(await stateOf(world, id), "testing");
  return id;
};

describe("a test of a failover", () => {
  worldTest("has copies that run, connected to nothing, beside a plan that is backed up meanwhile", async (world) => {
    const id = await tested(world);
    assert.deepEqual([await world.on(world.a), await world.on(world.b)], [["web"], ["test-web"]]);
    for (const object of await ordinaryAt(world, "b")) {
      if (object.kind !== "vm") continue;
      assert.deepEqual(
        object.vm.nics.map(({ virtualSwitch }) => virtualSwitch),
        [null],
      );
    }
    assert.equal((await world.plan())?.place, undefined);
    await world.write(world.named("log"), 1);
    await world.backUp();
    assert.equal(await stateOf(world, id), "testing");
  });

  worldTest("is gone when its time is over, and nothing else with it", async (world) => {
    await world.make(world.b, { kind: "volume", name: "test-of-somebody", size: "64KiB" });
    const id = await tested(world);
    const home = await ordinaryAt(world, "a");
    await world.pass(hour - 180);
    assert.equal(await stateOf(world, id), "testing");
    await world.pass(300);
    assert.equal(await stateOf(world, id), "removed");
    assert.deepEqual(await testObjects(world), ["test-of-somebody"]);
    assert.deepEqual(await ordinaryAt(world, "a"), home);
    assert.deepEqual(await world.on(world.a), ["web"]);
    await world.backUp();
    await world.checkNothingHeld();
  });

  worldTest("is gone though its site was down for two days at that moment", async (world) => {
    const id = await tested(world);
    world.down.add(siteB);
    await world.pass(2 * 24 * hour, 600);
    assert.notEqual(await stateOf(world, id), "removed");
    assert.equal((await testObjects(world)).length > 0, true);
    world.down.delete(siteB);
    await world.pass(2 * hour, 600);
    assert.equal(await stateOf(world, id), "removed");
    assert.deepEqual(await testObjects(world), []);
    await world.checkNothingHeld();
  });

  worldTest("is removed sooner when a person says so, and another one may follow", async (world) => {
    const id = await tested(world);
    await assert.rejects(world.beginFailover("test"), { code: "FAILOVER_UNDER_WAY" });
    await world.say(id, "undo");
    await world.pass(120);
    assert.equal(await stateOf(world, id), "removed");
    assert.deepEqual(await testObjects(world), []);
    const other = await world.beginFailover("test", { forSeconds: hour });
    await world.pass(60);
    assert.equal(await stateOf(world, other), "testing");
  });
});

describe("a planned failover", () => {
  worldTest("waits for what somebody switches on after it was stopped, and then loses nothing", async (world) => {
    await world.a.driver.powerOn(world.named("web"));
    await world.backUp();
    let isOn = false;
    world.after = async (task) => {
      if (task.kind !== "transfer" || isOn) return;
      isOn = true;
      await world.a.driver.powerOn(world.named("db"));
    };
    const id = await world.beginFailover("planned");
    await world.pass(60);
    assert.equal(await stateOf(world, id), "confirming");
    await world.say(id, "continue");
    await world.pass(60);
    assert.equal(await stateOf(world, id), "comparing: CHANGED_AFTER_STOP");
    assert.match((await needFailover(world.deps, id)).halted?.message ?? "", /switched machines on: “db”/);
    await world.write(world.named("db"), 5);
    await world.say(id, "continue");
    await world.pass(60);
    assert.equal(await stateOf(world, id), "confirming", "who uses LUNs and files is asked again");
    assert.deepEqual(await world.on(world.a), []);
    await world.say(id, "continue");
    await world.pass(60);
    assert.equal(await stateOf(world, id), "failed-over");
    assert.deepEqual([await world.on(world.a), (await world.on(world.b)).toSorted()], [[], ["db", "web"]]);
    const there = (await ordinaryAt(world, "b")).find(({ name }) => name === "db");
    assert.ok(there);
    assert.ok((await world.b.read(there.volumes[0]?.id ?? "")).equals(await world.read(world.named("db"))));
  });
});
