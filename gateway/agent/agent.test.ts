import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { messageText, newestMessageFormat } from "../../core/api/message.ts";
import type { Report } from "../../core/api/report.ts";
import type { StorageDriver } from "../storage/driver.ts";
import { identity, runTaskFields } from "../tasks/testing.ts";
import { vmOf } from "../tasks/testing-objects.ts";
import { settle } from "./testing.ts";
import { result, setUp, task, volume } from "./testing-agent.ts";

describe("the queue", () => {
  test("no more tasks are taken than there are places, and the next one when a place is free", async () => {
    const { queue, tries, firstTry, stop } = setUp({ concurrency: 2 });
    for (const id of ["t1", "t2", "t3"]) await queue.deliver(task({ id }));
    assert.deepEqual(
      tries.map(({ task: { id } }) => id),
      ["t1", "t2"],
    );
    await firstTry().resolve(result);
    assert.equal(tries[2]?.task.id, "t3");
    await stop();
  });

  test("is not kept waiting by another one whose places are all taken", async () => {
    const { queue, other, tries, stop } = setUp({ concurrency: 1, twoQueues: true });
    for (const id of ["long1", "long2"]) await queue.deliver(task({ id }));
    await other?.deliver(task({ id: "short" }));
    assert.deepEqual(
      tries.map(({ task: { id } }) => id),
      ["long1", "short"],
    );
    await stop();
  });

  test("is asked with long polls, but for short ones while something of it is worked on", async () => {
    const { queue, other, firstTry, time, stop } = setUp({ twoQueues: true });
    await time.advance(40_000);
    assert.deepEqual(queue.polls, [20, 20, 20]);
    await queue.deliver(task());
    await time.advance(20_000);
    assert.deepEqual(queue.polls.slice(3), [10, 10, 10]);
    await firstTry().resolve(result);
    await time.advance(10_000);
    assert.equal(queue.polls.at(-1), 20);
    assert.ok(other?.polls.every((seconds) => seconds === 20));
    await stop();
  });

  for (const [what, body] of [
    ["is not JSON", "{"],
    ["is no task", { kind: "transfer" }],
    ["is another site's", task({ siteId: runTaskFields.target })],
    ["is a newer version's", { ...task(), format: newestMessageFormat + 1 }],
  ] as const) {
    test(`a message that ${what} is logged as an error and left to the dead-letter queue`, async () => {
      const { queue, tries, log, time, stop } = setUp();
      await queue.deliver(body);
      await time.advance(20_000);
      assert.equal(tries.length, 0);
      assert.deepEqual(queue.calls, []);
      assert.equal(log.lines.filter(({ level }) => level === "error").length, 1);
      await stop();
    });
  }

  test("a poll that fails is tried again with back-off", async () => {
    const { queue, tries, time, log, stop } = setUp();
    const { receive } = queue.source;
    let failures = 3;
    queue.source.receive = (options) => (failures-- > 0 ? Promise.reject(new Error("no network")) : receive(options));
    await time.advance(40_000);
    await queue.deliver(task());
    assert.equal(log.lines.filter(({ message }) => message.startsWith("could not ask")).length, 3);
    assert.equal(tries.length, 1);
    await stop();
  });
});

describe("what a gateway tells of itself", () => {
  const inventories = (reports: readonly Report[]) => reports.filter((report) => report.kind === "inventory");

  test("it tells the inventory at the start, and again only when it has changed", async () => {
    const { reports, time, world, stop } = setUp();
    await time.advance(20_000);
    assert.equal(inventories(reports).length, 1);
    world.inventory = [volume("v2"), volume("v1")];
    await time.advance(5_000);
    world.inventory = [volume("v1"), volume("v2")];
    await time.advance(5_000);
    const told = inventories(reports);
    assert.equal(told.length, 2);
    assert.ok((told[1]?.generation ?? 0) > (told[0]?.generation ?? 0));
    await stop();
  });

  test("it tells within 5 s what was found damaged, and when it is mended, and its log names the groups", async () => {
    const { reports, time, world, log, stop } = setUp();
    const { groupId } = runTaskFields;
    await settle();
    world.damage = [{ groupId, sourceVolumeId: "v1", name: "db", extents: 3 }];
    await time.advance(10_000);
    world.damage = [];
    await time.advance(5_000);
    const entry = { groupId, volumeId: "v1", name: "db", extents: 3 };
    assert.deepEqual(
      inventories(reports).map(({ part, damage }) => [part, damage]),
      [
        [0, []],
        [0, [entry]],
        [0, []],
      ],
    );
    const warned = log.lines.filter(({ message }) => message.startsWith("groups of this site are damaged"));
    assert.deepEqual(
      warned.map(({ fields }) => fields["damage"]),
      [[entry]],
    );
    await stop();
  });

  test("it tells the inventory again after six hours, and when the clock was put back behind what it said", async () => {
    const { reports, time, setClock, stop } = setUp();
    await time.advance(5_000);
    setClock(-180 * 86_400_000);
    await time.advance(10_000);
    const [first, second, ...others] = inventories(reports);
    assert.ok(first !== undefined && second !== undefined && second.observedAt < first.observedAt);
    assert.deepEqual(others, []);
    await time.advance(21_590_000);
    assert.equal(inventories(reports).length, 2);
    await time.advance(20_000);
    assert.equal(inventories(reports).length, 3);
    await stop();
  });

  test("an inventory that takes long is looked at for a twentieth of the time, and not left for more than a minute", async () => {
    for (const [seconds, looks] of [
      [0, 61],
      [1, 16],
      [30, 4],
    ] as const) {
      let begun = 0;
      const inventory = async () => {
        begun += 1;
        // The first look comes before its agent is here.
        await undefined;
        if (seconds > 0) await time.sleep(seconds * 1000, new AbortController().signal);
        return [];
      };
      const facilities = async () => ({ kinds: [], pools: [], switches: [] });
      const storage = { inventory, facilities, damage: async () => undefined };
      const { time, stop } = setUp({ context: { storage: storage as unknown as StorageDriver } });
      await time.advance(300_000);
      assert.equal(begun, looks);
      await stop();
    }
  });

  test("an inventory that could not be told is told 5 s later", async () => {
    const { reports, time, world, stop } = setUp();
    await settle();
    world.inventory = [];
    world.reportsFail = true;
    await time.advance(5_000);
    world.reportsFail = false;
    await time.advance(5_000);
    assert.deepEqual(inventories(reports).at(-1)?.objects, []);
    await stop();
  });

  test("it tells what the site has besides objects in the first part, and again when that has changed, but for how full it is", async () => {
    const { reports, time, world, stop } = setUp();
    await settle();
    const pool = { name: "fast", capacityBytes: 100, usedBytes: 1 };
    const [empty, used] = [1, 2].map((usedBytes) => ({ ...world.facilities, pools: [{ ...pool, usedBytes }] }));
    for (const facilities of [empty, used, { ...used, switches: [{ name: "prod", vlans: [] }] }]) {
      world.facilities = facilities as typeof world.facilities;
      await time.advance(5_000);
    }
    assert.deepEqual(
      inventories(reports).map(({ facilities }) => [facilities?.pools.length, facilities?.switches.length]),
      [
        [0, 0],
        [1, 0],
        [1, 1],
      ],
    );
    await stop();
  });

  test("5,000 objects go in messages of 256 KB at most, once, and again when one of them has changed", async () => {
    const { reports, time, world, stop } = setUp();
    await settle();
    const vm = (number: number) =>
      vmOf(`服务-${number}`, { disks: [0, 1, 2, 3].map((disk) => `${number}-${disk}`), switches: ["prod", "backup"] });
    const all = [
      ...Array.from({ length: 1000 }, (_, number) => vm(number)),
      ...Array.from({ length: 4000 }, (_, number) => volume(`loose-${number}`)),
    ];
    world.inventory = all;
    world.facilities = {
      kinds: ["lun", "volume", "nfs-file", "vm"],
      pools: Array.from({ length: 200 }, (_, number) => ({ name: `pool-${number}`, capacityBytes: 1e15 })),
      switches: Array.from({ length: 200 }, (_, number) => ({
        name: `switch-${number}`,
        vlans: Array.from({ length: 200 }, (_, vlanId) => ({ name: `vlan-${vlanId}`, vlanId })),
      })),
    };
    const tellAll = async () => {
      const before = reports.length;
      await time.advance(15_000);
      return inventories(reports.slice(before));
    };
    const told = await tellAll();
    assert.equal(told.length, told[0]?.parts);
    for (const report of told) assert.ok(messageText(report).length < 256_000, `${messageText(report).length} bytes`);
    const ids = (some: readonly { readonly objects: readonly { readonly id: string }[] }[]) =>
      new Set(some.flatMap(({ objects }) => objects.map(({ id }) => id)));
    assert.deepEqual(ids(told), new Set(all.map(({ id }) => id)));
    assert.deepEqual(
      told.map(({ facilities }) => [facilities?.pools.length, facilities?.switches.length]),
      told.map((_, part) => (part === 0 ? [200, 200] : [undefined, undefined])),
    );
    assert.deepEqual(await tellAll(), []);
    world.inventory = [...all.slice(0, -1), { ...volume("loose-3999"), name: "renamed" }];
    const again = await tellAll();
    assert.ok(again.some(({ objects }) => objects.some(({ name }) => name === "renamed")));
    assert.deepEqual(await tellAll(), []);
    await stop();
  });

  test("an inventory task makes it tell the inventory though nothing has changed", async () => {
    const { queue, reports, stop } = setUp();
    await settle();
    await queue.deliver({ kind: "inventory", id: "i1", siteId: identity.siteId, issuedAt: runTaskFields.issuedAt });
    assert.equal(inventories(reports).length, 2);
    assert.deepEqual(queue.calls, ["remove r1"]);
    await stop();
  });
});

describe("a graceful stop", () => {
  test("lets go of running tasks and releases their messages, without a report of failure", async () => {
    const { agent, queue, aboutTasks, stop } = setUp();
    await queue.deliver(task({ id: "t1" }));
    await queue.deliver(task({ id: "t2" }));
    await stop();
    await agent.ended;
    assert.deepEqual(queue.calls.toSorted(), ["release r1", "release r2"]);
    assert.ok(aboutTasks().every(({ kind }) => kind === "working"));
  });

  test("a poll that waits for messages is called off", async () => {
    const { agent, time } = setUp();
    await settle();
    const stopped = agent.stop();
    await time.advance(0);
    await Promise.all([stopped, agent.ended]);
  });

  test("a message that comes all the same with the last poll is given back", async () => {
    const { agent, queue, tries, time } = setUp();
    const { receive } = queue.source;
    queue.source.receive = (options) => receive({ ...options, signal: new AbortController().signal });
    await time.advance(20_000);
    const stopped = agent.stop();
    await queue.deliver(task());
    await time.advance(2_000);
    await stopped;
    assert.equal(tries.length, 0);
    assert.deepEqual(queue.calls, ["release r1"]);
  });

  test("a task that ends well while the gateway stops is reported and removed", async () => {
    const { agent, queue, aboutTasks, firstTry, stop } = setUp({ obeysAbort: false });
    await queue.deliver(task());
    const stopped = agent.stop();
    await firstTry().resolve(result);
    await stop();
    await stopped;
    assert.equal(aboutTasks().at(-1)?.kind, "completed");
    assert.deepEqual(queue.calls, ["remove r1"]);
  });

  test("a task that does not let go holds it up for 5 s, and its message is released all the same", async () => {
    const { agent, queue, time } = setUp({ obeysAbort: false });
    await queue.deliver(task());
    const stopped = agent.stop();
    await time.advance(5_000);
    await stopped;
    assert.deepEqual(queue.ended(), ["release r1"]);
  });

  test("it ends within 10 s though neither the task nor the queue answers", async () => {
    const { agent, queue, time } = setUp({ obeysAbort: false });
    await queue.deliver(task());
    queue.source.release = () => new Promise(() => undefined);
    queue.source.receive = () => new Promise(() => undefined);
    await time.advance(20_000);
    const stopped = agent.stop();
    await time.advance(10_000);
    await stopped;
    assert.equal(await agent.stop(), undefined);
  });
});
