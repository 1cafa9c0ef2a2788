import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Time } from "../../../time/time.ts";
import { owner, rejects, sourceObject } from "../../conformance/fixtures.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { prepareMirror } from "../../extentstore/mirrors/prepare.ts";
import { Ledger } from "../ledger/ledger.ts";
import { MemoryDevice } from "../ledger/testing/memory-device.ts";
import { baseName, ourName } from "../names.ts";
import { migrateRecords } from "../records/schema.ts";
import { Holder, listHolders } from "./holder.ts";
import { Reaper } from "./reaper.ts";
import type { OurThing, Remains } from "./remains.ts";

const minuteMs = 60_000;

/** Goes on when a test says so; who sleeps is woken then. */
class SetTime implements Time {
  #nowMs = 0;
  #wake = new Set<() => void>();
  nowMs(): number {
    return this.#nowMs;
  }
  sleep(_: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      this.#wake.add(resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
  /** @param wakes whether who sleeps notices */
  pass(minutes: number, { wakes = false } = {}): void {
    this.#nowMs += minutes * minuteMs;
    if (!wakes) return;
    for (const wake of this.#wake) wake();
    this.#wake = new Set();
  }
}

class FakeRemains implements Remains {
  things: OurThing[] = [];
  removed: string[] = [];
  asked: (readonly string[])[] = [];
  beforeList: (looks: number) => Promise<void> = async () => undefined;
  beforeRemoval: (thing: OurThing) => Promise<void> = async () => undefined;
  async list(volumes: readonly string[]): Promise<readonly OurThing[]> {
    this.asked.push(volumes);
    await this.beforeList(this.asked.length);
    return this.things;
  }
  async remove(thing: OurThing): Promise<void> {
    await this.beforeRemoval(thing);
    this.removed.push(thing.name);
    this.things = this.things.filter(({ id }) => id !== thing.id);
  }
}

const thing = (name: string, more: Partial<OurThing> = {}): OurThing => ({
  ...{ kind: "lun", id: `id of ${name}`, name, aliases: [] },
  ...more,
});

const noteVm = (database: Database): void => {
  database.run("INSERT INTO vmsOnCluster VALUES ('vm', 'id of new', 'l')");
};

const gateway = async (device: MemoryDevice, time: Time, remains: Remains) => {
  const ledger = await Ledger.open(device, { migrate: migrateRecords, time });
  const holder = new Holder({ ledger, time });
  return { ledger, holder, reaper: new Reaper({ ledger, remains, holder, time }) };
};

const withOne = async (
  work: (
    parts: Awaited<ReturnType<typeof gateway>> & { device: MemoryDevice; time: SetTime; remains: FakeRemains },
  ) => Promise<void>,
): Promise<void> => {
  const [device, time, remains] = [new MemoryDevice(), new SetTime(), new FakeRemains()];
  const one = await gateway(device, time, remains);
  await one.reaper.begin();
  remains.asked = [];
  await work({ ...one, device, time, remains });
  await one.holder.close();
  await one.ledger.close();
};

describe("what a death left on a cluster", () => {
  test("is removed where no record knows it, by whatever id", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      await ledger.change((database) => {
        database.run("INSERT INTO lunsOfVolumes VALUES ('v', 'id of known', 'zbs', 'used', 'iqn', 3, 1, 'vmv', 0)");
        database.run("INSERT INTO basesOfMirrors VALUES ('v', 'old id', 'iqn', 7)");
        database.run("INSERT INTO snapshotsOfTables VALUES (1, 'zbs:9', '9')");
        database.run("INSERT INTO vmsOnCluster VALUES ('vm', 'old vm', 'local')");
        database.run("INSERT INTO removals (kind, id) VALUES ('lun', 'id of going')");
      });
      remains.things = [
        ...[thing("known"), thing("after CloudTower came anew", { aliases: ["zbs"] })],
        ...[thing("base", { aliases: ["iqn 7"] }), thing("base of another", { aliases: ["iqn 77"] })],
        ...[thing("snapshot", { kind: "snapshot", aliases: ["9"] }), thing("vm", { kind: "vm", aliases: ["local"] })],
        ...[thing("used", { kind: "target" }), thing("unused", { kind: "target" }), thing("going")],
        ...[thing("left"), thing(ourName("read"), { kind: "target" }), thing(ourName("ledger"))],
      ];
      await reaper.reap();
      assert.deepEqual(remains.removed, ["base of another", "unused", "left"]);
    });
  });

  test("is, of a group's snapshot, without the parts that a record knows", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      await ledger.change((database) => database.run("INSERT INTO snapshotsOfTables VALUES (1, 'part', '9')"));
      const parts: (readonly string[] | undefined)[] = [];
      remains.beforeRemoval = async (one) => void parts.push(one.parts);
      remains.things = [
        thing("whole", { kind: "group-snapshot", parts: ["a", "b"] }),
        thing("known", { kind: "group-snapshot", parts: ["part", "c"] }),
      ];
      await reaper.reap();
      assert.deepEqual(parts, [["a", "b"], []]);
    });
  });

  test("is not what was there when the records began: others may have been lost", async () => {
    const [device, time, remains] = [new MemoryDevice(), new SetTime(), new FakeRemains()];
    remains.things = [thing("mirror"), thing("snapshot", { kind: "snapshot" })];
    const { ledger, reaper } = await gateway(device, time, remains);
    await reaper.begin();
    remains.things = [...remains.things, thing("left")];
    await reaper.begin();
    await reaper.reap();
    assert.deepEqual(remains.removed, ["left"]);
    await ledger.close();
  });

  test("costs no change of the records where there is nothing", async () => {
    await withOne(async ({ reaper, remains, device }) => {
      const before = device.counts.writes;
      await reaper.reap();
      assert.equal(device.counts.writes, before);
      assert.equal(remains.asked.length, 1);
    });
  });

  test("is looked for at once, and then every ten minutes", async () => {
    await withOne(async ({ reaper, remains, time }) => {
      await reaper.tend();
      time.pass(9);
      await reaper.tend();
      assert.equal(remains.asked.length, 1);
      time.pass(1);
      await reaper.tend();
      assert.equal(remains.asked.length, 2);
    });
  });

  test("that can't be removed keeps nothing else, and is told", async () => {
    await withOne(async ({ reaper, remains }) => {
      remains.things = [thing("stuck"), thing("left")];
      remains.beforeRemoval = async ({ name }) => {
        if (name === "stuck") throw new Error("stuck");
      };
      await assert.rejects(reaper.reap(), /stuck/);
      assert.deepEqual(remains.removed, ["left"]);
    });
  });

  test("is left alone by one whom another has taken over", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      remains.things = [thing("one"), thing("two")];
      remains.beforeRemoval = async () => {
        await ledger.change((database) => database.run("UPDATE ledgerLeases SET number = number + 1"));
      };
      await rejects(reaper.reap(), "CLUSTER_BUSY");
      assert.deepEqual(remains.removed, ["one"]);
    });
  });

  test("is not what was made and written down since it was found", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      remains.things = [thing("new", { kind: "vm" })];
      remains.beforeList = async (looks) => {
        if (looks === 2) await ledger.change(noteVm);
      };
      await reaper.reap();
      assert.equal(remains.asked.length, 2);
      assert.deepEqual(remains.removed, []);
    });
  });

  test("is looked for at so many volumes in turn, so that all have theirs", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      const id = (n: number) => `${n}`.padStart(3, "0");
      await ledger.change((database) => {
        for (let n = 0; n < 80; n++) {
          database.run("INSERT INTO lunsOfVolumes VALUES (?, ?, ?, 't', 'i', 1, 1, NULL, 0)", id(n), id(n), id(n));
        }
      });
      await reaper.reap();
      await reaper.reap();
      assert.deepEqual(
        remains.asked.map((asked) => [asked.length, asked[0]]),
        [
          [50, id(0)],
          [50, id(50)],
        ],
      );
    });
  });
});

describe("what snapshots are read through", () => {
  const clone = (holder: Holder, n: number) => ourName("read", holder.id, `${n}`);

  test("stays while its reader lives, and goes after five minutes' silence", async () => {
    await withOne(async ({ device, time, remains, ledger, reaper }) => {
      const other = await gateway(device, time, remains);
      const name = clone(other.holder, 1);
      await other.holder.hold(name);
      remains.things = [thing(name)];
      await reaper.reap();
      for (let n = 0; n < 3; n++) {
        const before = (await ledger.read(listHolders))[0]?.beat ?? 0;
        time.pass(4, { wakes: true });
        while (((await ledger.read(listHolders))[0]?.beat ?? 0) === before) await new Promise(setImmediate);
        await reaper.reap();
      }
      assert.deepEqual(remains.removed, []);
      time.pass(4);
      await reaper.reap();
      assert.deepEqual(remains.removed, []);
      time.pass(1);
      await reaper.reap();
      assert.deepEqual(remains.removed, [name]);
      await reaper.reap();
      assert.deepEqual(await ledger.read(listHolders), []);
      await other.holder.close();
      await other.ledger.close();
    });
  });

  test("goes at once where its reader was never heard of", async () => {
    await withOne(async ({ reaper, remains }) => {
      remains.things = [thing(ourName("read", "nobody", "1"))];
      await reaper.reap();
      assert.equal(remains.removed.length, 1);
    });
  });

  test("goes at once where it is our own and we have it open no more", async () => {
    await withOne(async ({ reaper, remains, holder }) => {
      const [open, closed] = [clone(holder, 1), clone(holder, 2)];
      await Promise.all([holder.hold(open), holder.hold(closed)]);
      await holder.letGo(closed);
      remains.things = [thing(open), thing(closed)];
      await reaper.reap();
      assert.deepEqual(remains.removed, [closed]);
    });
  });

  test("stays of a mirror's base while its epoch is the current one, which may have no row yet", async () => {
    await withOne(async ({ ledger, reaper, remains }) => {
      const mirror = await ledger.change((database) => {
        const [made] = prepareMirror(database, { owner, object: sourceObject() });
        database.run("UPDATE mirrors SET epoch = 3");
        return made?.mirrorVolumeId ?? assert.fail();
      });
      remains.things = [thing(baseName(mirror, 3)), thing(baseName(mirror, 2))];
      await reaper.reap();
      assert.deepEqual(remains.removed, [baseName(mirror, 2)]);
    });
  });
});
