import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { groupId, openMirror, owner, rejects, sendAll } from "../../conformance/fixtures.ts";
import { mirrorSetOf } from "../../mirror-set.ts";
import { Writer } from "../data/locks.ts";
import { ExtentStore } from "../extentstore.ts";
import { checkConsistency } from "../testing/consistency.ts";
import { before, lunOfBefore, makeStoreOfBefore, manifestOfBefore } from "../testing/store-of-before.ts";
import { Database } from "./database.ts";
import { migrate } from "./schema.ts";

const inFolder = async (body: (dir: string) => Promise<void>): Promise<void> => {
  const dir = await mkdtemp(join(tmpdir(), "schema-"));
  try {
    await body(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
};

const withStoreOfBefore = (body: (store: ExtentStore, dir: string) => Promise<void>): Promise<void> =>
  inFolder(async (dir) => {
    makeStoreOfBefore(dir);
    const store = await ExtentStore.open(dir);
    try {
      await body(store, dir);
    } finally {
      await store.close();
    }
    checkConsistency(dir);
  });

describe("a store of before, which had LUNs and volumes", () => {
  test("lists what it listed, in the same order, and mirrors with the name of their plan", async () => {
    await withStoreOfBefore(async (store) => {
      const origin = { planId: owner.planId, siteId: owner.source };
      const mirror = { ...origin, role: "mirror", planName: "daily" };
      assert.deepEqual(
        (await store.inventory()).map(({ kind, id, name, origin }) => ({ kind, id, name, origin })),
        [
          { kind: "lun", id: before.lun, name: "database", origin: undefined },
          { kind: "volume", id: before.volume, name: "loose", origin: undefined },
          {
            kind: "volume",
            id: before.rebuilt,
            name: "again",
            origin: { ...origin, role: "rebuilt", planName: "daily" },
          },
          { kind: "lun", id: before.mirrorLun, name: "database", origin: mirror },
          { kind: "volume", id: before.mirrorVolume, name: "loose", origin: mirror },
        ],
      );
      const [lun] = await store.findObjects([{ kind: "lun", id: before.lun }]);
      assert.deepEqual(lun?.kind === "lun" && lun.lun, { target: "iscsi", lunId: 7 });
      assert.deepEqual((await store.facilities()).pools, [{ name: "default", usedBytes: 5 * before.sizeBytes }]);
    });
  });

  test("keeps its restore points, and what its own groups were taken of", async () => {
    await withStoreOfBefore(async (store) => {
      assert.deepEqual(await store.manifests(), [{ groupId: groupId(1), owner, manifest: manifestOfBefore }]);
      const [kept] = (await store.findGroup(groupId(10)))?.objects ?? [];
      assert.deepEqual(kept, { ...lunOfBefore, id: before.lun, volumes: [{ ...kept?.volumes[0] }] });
      assert.equal((await store.findGroup(groupId(11)))?.objects, null);
      assert.equal((await store.newestSourceGroup(owner))?.groupId, groupId(11));
      const objects = [
        { kind: "lun", id: before.lun },
        { kind: "volume", id: before.volume },
      ] as const;
      assert.deepEqual(await store.lastSequences({ owner, objects }), [{ ...objects[0], sequence: 10 }]);
      assert.equal((await store.listGroups(owner)).length, 3);
    });
  });

  test("goes on with what was being written, and publishes it as it was prepared", async () => {
    await withStoreOfBefore(async (store) => {
      const mirrors = ["4", "5"].map((n) => `volume-${n.padStart(16, "0")}`);
      const [first = "", second = ""] = mirrors;
      const session = await openMirror(store, first, { group: 2, base: 1, sizeBytes: before.sizeBytes });
      assert.deepEqual(session, { epoch: 6, done: [0, 2], damaged: [], begun: [], complete: false });
      await store.completeMirror({ mirrorVolumeId: first, epoch: session.epoch });
      await sendAll(store, second, { group: 2, bytes: Buffer.alloc(before.sizeBytes) });
      await store.publishGroup({
        ...{ groupId: groupId(2), owner, sequence: 2, takenAt: manifestOfBefore.takenAt, planName: "daily" },
        ...{ mirrors: mirrorSetOf(mirrors), objects: [null, null] },
      });
      const [newest] = await store.manifests();
      assert.deepEqual(
        newest?.manifest.objects.map(({ name }) => name),
        ["prepared 4", "prepared 5"],
      );
    });
  });

  test("prepares the same mirrors for its objects as before", async () => {
    await withStoreOfBefore(async (store) => {
      const run = { groupId: groupId(3), sequence: 3, index: 0, sender: owner.source };
      assert.deepEqual(await store.prepareMirror({ owner, object: lunOfBefore, run }), [
        { sourceVolumeId: lunOfBefore.volumes[0]?.id, mirrorVolumeId: `volume-${"4".padStart(16, "0")}` },
      ]);
      assert.equal((await store.inventory()).length, 5);
    });
  });

  test("rebuilds what it has rebuilt only once", async () => {
    await withStoreOfBefore(async (store) => {
      const rebuild = { key: "restore-1", owner, fromGroupId: groupId(1), object: lunOfBefore, name: "again" };
      assert.equal((await store.rebuildObject(rebuild)).id, before.rebuilt);
    });
  });

  test("has the tables, indexes and references that a new one has", async () => {
    await withStoreOfBefore(async (_, dir) => {
      const other = await mkdtemp(join(tmpdir(), "schema-new-"));
      try {
        await (await ExtentStore.open(other)).close();
        assert.deepEqual(schemaOf(dir), schemaOf(other));
        assert.ok(!schemaOf(dir).some(({ sql }) => sql.includes("newVolumes") || sql.includes("newMirrors")));
      } finally {
        await rm(other, { recursive: true });
      }
    });
  });

  test("is left as it is while a program of its version has it open, and opens when that has ended", async () => {
    await inFolder(async (dir) => {
      makeStoreOfBefore(dir);
      const database = new Database(join(dir, "store.sqlite"));
      const other = new Writer(database, join(dir, "locks"));
      await rejects(ExtentStore.open(dir), "STORE_IN_USE");
      assert.equal(database.pragma("user_version"), 6);
      other.close();
      database.close();
      await (await ExtentStore.open(dir)).close();
    });
  });

  test("is what it was when its form can't be changed", async () => {
    await inFolder(async (dir) => {
      makeStoreOfBefore(dir);
      const database = new Database(join(dir, "store.sqlite"));
      // Something else has a name that the new form needs.
      database.execute("CREATE TABLE vmNics (a TEXT)");
      const schema = schemaOf(dir);
      assert.throws(() => migrate(database));
      assert.deepEqual(schemaOf(dir), schema);
      database.execute("DROP TABLE vmNics");
      migrate(database);
      assert.deepEqual(database.all("PRAGMA foreign_key_check"), []);
      database.close();
    });
  });
});

const schemaOf = (dir: string): { name: string; sql: string }[] => {
  const database = new DatabaseSync(join(dir, "store.sqlite"), { readOnly: true });
  try {
    return database
      .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
      .all()
      .map(({ name, sql }) => ({ name: String(name), sql: String(sql) }));
  } finally {
    database.close();
  }
};
