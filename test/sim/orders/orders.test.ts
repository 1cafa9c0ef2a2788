import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, test } from "node:test";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { siteA, siteB } from "../../../functions/api/testing.ts";
import { cancelRun } from "../../../functions/engine/commands.ts";
import {
  hasChanged,
  readCompared,
  readObstacles,
  readStarted,
  readStopped,
} from "../../../functions/orders/order-answers.ts";
import { OrdersWorld, reasonOf } from "./world.ts";

const worldTest = (title: string, body: (world: OrdersWorld) => Promise<void>): void => {
  test(title, async () => {
    const world = await OrdersWorld.open();
    try {
      await body(world);
      await world.checkNothingHeld();
    } finally {
      await world.close();
    }
  });
};

const names = (objects: readonly { readonly name: string }[]) => objects.map(({ name }) => name).sort();
const original = { namePrefix: "", keepMacs: true, keepLunIds: true };

describe("an order to look", () => {
  worldTest("tells all names, LUN ids, paths and MACs that are taken there, and makes nothing", async (world) => {
    const groupId = await world.backUp();
    const web = world.named("web");
    assert.ok(web.kind === "vm");
    const macAddress = web.vm.nics[0]?.macAddress;
    const look = async (rebuild = original) => {
      const before = await world.b.driver.inventory();
      const run = await world.order({ order: "look", siteId: siteB, groupId, rebuild });
      assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
      assert.deepEqual(await world.b.driver.inventory(), before);
      const all = await readObstacles(world.deps, run.id);
      return Object.fromEntries(all.map(({ object, obstacles }) => [object.name, obstacles.map(({ code }) => code)]));
    };
    assert.deepEqual(await look(), {});
    const small = { size: "64KiB" };
    await world.make(
      world.b,
      { kind: "vm", name: "db", vcpu: 1, memory: "1GiB", disks: [] },
      { kind: "vm", name: "other", vcpu: 1, memory: "1GiB", nics: [{ switch: "prod", macAddress }] },
      { kind: "lun", name: "else", target: "t1", lunId: 7, ...small },
      { kind: "volume", name: "db-0", ...small },
      { kind: "nfs-file", name: "/exports/e1/vm", ...small },
    );
    const taken = {
      web: ["MAC_ADDRESS_TAKEN"],
      db: ["OBJECT_NAME_TAKEN", "VOLUME_NAME_TAKEN"],
      log: ["LUN_ID_TAKEN"],
      "/exports/e1/vm/a.img": ["OBJECT_NAME_TAKEN"],
    };
    assert.deepEqual(await look(), taken);
    const others = { ...original, renames: [{ object: "db", name: "db-2" }], disconnectNics: true, keepLunIds: false };
    assert.deepEqual(await look(others), { "/exports/e1/vm/a.img": ["OBJECT_NAME_TAKEN"] });
  });

  worldTest("refuses guest agents that a stage waits for where there are none", async (world) => {
    const groupId = await world.backUp();
    const stages = [{ objects: ["db"], ready: { guestAgent: true as const } }];
    const run = await world.order({ order: "look", siteId: siteB, groupId, rebuild: original, stages });
    const [only, ...others] = await readObstacles(world.deps, run.id);
    assert.deepEqual([only?.object.name, only?.obstacles[0]?.code, others], ["db", "GUEST_AGENT_ABSENT", []]);
  });
});

describe("an order to stop", () => {
  for (const [when, loses] of [
    ["", false],
    [", though each answer to that is lost, and it is done again", true],
  ] as const) {
    worldTest(`knows what was on when it has switched it off${when}`, async (world) => {
      const groupId = await world.backUp();
      await world.a.driver.powerOn(world.named("web"));
      if (loses) world.loses = ({ kind }) => kind === "order";
      // The group of the other site says which objects are meant, and is held there.
      const run = await world.order({ order: "stop", siteId: siteA, groupId, readAt: siteB });
      assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
      assert.deepEqual(await world.on(world.a), []);
      const { wereOn, cantBe, gone } = await readStopped(world.deps, run.id);
      assert.deepEqual([names(wereOn), names(cantBe), gone], [["web"], ["/exports/e1/vm/a.img", "log"], []]);
      const stopped = world.done.filter((task) => task.kind === "order" && task.order.type === "stop");
      assert.equal(stopped.length, loses ? 8 : 4);
      assert.ok(!world.done.some(({ kind }) => kind === "unstage"), "nothing was brought there for it");
    });
  }

  worldTest("counts what was switched on only before its turn, and names what is gone", async (world) => {
    const groupId = await world.backUp();
    const [web, db] = [world.named("web"), world.named("db")];
    await world.a.driver.administration?.deleteObject(db);
    // Somebody switches it on between the look and the stop.
    world.after = async (task) => {
      if (task.kind === "order" && task.order.type === "look") await world.a.driver.powerOn(web);
    };
    const run = await world.order({ order: "stop", siteId: siteA, groupId });
    const { wereOn, gone } = await readStopped(world.deps, run.id);
    assert.deepEqual([names(wereOn), names(gone)], [["web"], ["db"]]);
    assert.deepEqual(await world.on(world.a), []);
  });
});

describe("an order to compare", () => {
  worldTest("tells what has changed since the group, what is on, and what is gone", async (world) => {
    const groupId = await world.backUp();
    const compared = async () => {
      const run = await world.order({ order: "compare", siteId: siteA, groupId });
      assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
      return readCompared(world.deps, run.id);
    };
    assert.deepEqual((await compared()).filter(hasChanged), []);
    await world.write(world.named("log"), 1);
    await world.a.driver.powerOn(world.named("web"));
    await world.a.driver.administration?.deleteObject(world.named("db"));
    const all = await compared();
    assert.deepEqual(names(all.filter(hasChanged)), ["log"]);
    assert.deepEqual(
      all.map(({ name, power, extents }) => [name, power, extents]),
      [
        ["web", "on", 0],
        ["db", "gone", null],
        ["log", "none", 1],
        ["/exports/e1/vm/a.img", "none", 0],
      ],
    );
  });
});

describe("an order to start", () => {
  worldTest("switches on what stands for the objects that it is told, and waits for the stage", async (world) => {
    const groupId = await world.backUp();
    const restoreId = await world.rebuild(groupId);
    const about = { siteId: siteB, groupId, standIns: [restoreId] } as const;
    const start = (name: string, more: object = {}) =>
      world.order({ order: "start", ...about, objects: [world.named(name)], ...more });
    const run = await start("db");
    assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
    assert.deepEqual([await world.on(world.a), await world.on(world.b)], [[], ["db"]]);
    assert.deepEqual(names((await readStarted(world.deps, run.id)).on), ["db"]);
    const absent = await start("db", { pause: { ready: { guestAgent: true } } });
    assert.deepEqual([statusOf(absent), reasonOf(absent)], ["failed", "GUEST_AGENT_ABSENT"]);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const tcp = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const waited = await start("web", { pause: { ready: { tcp } } });
    server.close();
    assert.equal(statusOf(waited), "succeeded", JSON.stringify(waited.targets));
    assert.deepEqual((await world.on(world.b)).toSorted(), ["db", "web"]);
    const stop = await world.order({ order: "stop", ...about });
    assert.deepEqual(names((await readStopped(world.deps, stop.id)).wereOn), ["db", "web"]);
    assert.deepEqual(await world.on(world.b), []);
  });

  worldTest("is no order where the group has none of the objects", async (world) => {
    const groupId = await world.backUp();
    const other: ObjectConfig = { ...world.named("web"), id: "vm-0000000000000000" };
    await assert.rejects(world.order({ order: "start", siteId: siteB, groupId, objects: [other] }), {
      code: "OBJECT_UNKNOWN",
    });
  });
});

worldTest("an order that is cancelled lets its group go, and its site does nothing more for it", async (world) => {
  const groupId = await world.backUp();
  await world.a.driver.powerOn(world.named("web"));
  world.loses = () => true;
  const { run } = await world.begin({ order: "stop", siteId: siteA, groupId });
  await cancelRun(world.deps, run.id);
  const ended = await world.settle(run.id);
  assert.deepEqual([statusOf(ended), reasonOf(ended)], ["cancelled", "CANCELLED"]);
  assert.deepEqual(await world.on(world.a), ["web"], "what was told comes too late, and counts no more");
});
