import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import { lunOf } from "../../../core/api/object.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  plain,
  readAll,
  readSnapshot,
  readVolume,
  rejects,
  snapshotOf,
  storageTest,
  striped,
  volumeOf,
  write,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

export const volumeConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("volumes", () => {
    storageTest(
      "a new volume has the size that was asked for and reads as zeros to the end of its last extent",
      open,
      async (driver) => {
        const object = await driver.createVolume({
          name: "v",
          kind: "volume",
          sizeBytes: 300 * KiB,
          geometry: striped,
        });
        assert.equal(volumeOf(object).sizeBytes, 300 * KiB);
        assert.deepEqual(volumeOf(object).geometry, striped);
        const reader = await driver.openVolume(volumeOf(object).id, "read");
        assert.equal(reader.sizeBytes, 300 * KiB);
        const rounded = Buffer.alloc(768 * KiB, 1);
        await reader.read(0, rounded);
        await reader.close();
        assert(rounded.equals(Buffer.alloc(768 * KiB)));
      },
    );

    storageTest("the inventory lists what was made, until it is deleted", open, async (driver) => {
      const object = await driver.createVolume({ name: "v", kind: "lun", sizeBytes: 64 * KiB, geometry: plain });
      assert.deepEqual(await driver.inventory(), [object]);
      await driver.deleteVolume(volumeOf(object).id);
      assert.deepEqual(await driver.inventory(), []);
    });

    storageTest("a volume whose name nothing could carry is not made; one in any script is", open, async (driver) => {
      for (const name of ["", "n".repeat(256), "a\nb", " a"])
        await rejects(createVolume(driver, { name }), "BAD_REQUEST");
      assert.deepEqual(await driver.inventory(), []);
      for (const name of ["büro", "数据库", "💾"]) await createVolume(driver, { name });
      const names = (await driver.inventory()).map(({ name }) => name);
      assert.deepEqual(names, ["büro", "数据库", "💾"]);
      await rejects(createVolume(driver, { name: "bu\u0308ro" }), "VOLUME_NAME_TAKEN");
    });

    storageTest("a volume gets another name, and keeps its id and its data", open, async (driver) => {
      const id = await createVolume(driver, { name: "one" });
      await createVolume(driver, { name: "two" });
      const bytes = noise(64 * KiB, 1);
      await write(driver, id, [0, bytes]);
      const renamed = await driver.renameVolume(id, "three");
      assert.deepEqual([renamed.name, volumeOf(renamed).id], ["three", id]);
      assert.deepEqual((await driver.renameVolume(id, "three")).name, "three");
      assert((await readVolume(driver, id)).subarray(0, bytes.length).equals(bytes));
      await rejects(driver.renameVolume(id, "two"), "VOLUME_NAME_TAKEN");
      await rejects(driver.renameVolume(id, "n".repeat(256)), "BAD_REQUEST");
      await rejects(driver.renameVolume("nowhere", "x"), "VOLUME_UNKNOWN");
      assert.deepEqual((await driver.inventory()).map(({ name }) => name).toSorted(), ["three", "two"]);
    });

    storageTest("two volumes can't have the same name", open, async (driver) => {
      await createVolume(driver, { name: "v" });
      await rejects(createVolume(driver, { name: "v" }), "VOLUME_NAME_TAKEN");
    });

    storageTest("a LUN gets the id that was asked for, or the lowest free one", open, async (driver) => {
      const make = async (name: string, lunId?: number) => {
        const lun = { target: "t", ...(lunId !== undefined && { lunId }) };
        return lunOf(await driver.createVolume({ name, kind: "lun", sizeBytes: 64 * KiB, geometry: plain, lun }));
      };
      assert.deepEqual(await make("one", 1), { target: "t", lunId: 1 });
      assert.deepEqual(await make("two"), { target: "t", lunId: 0 });
      assert.deepEqual(await make("three"), { target: "t", lunId: 2 });
    });

    storageTest("a second writer is refused until the first has closed; readers are not", open, async (driver) => {
      const id = await createVolume(driver);
      const writer = await driver.openVolume(id, "write");
      await rejects(driver.openVolume(id, "write"), "VOLUME_BUSY");
      await rejects(driver.deleteVolume(id), "VOLUME_BUSY");
      await (await driver.openVolume(id, "read")).close();
      await writer.close();
      await (await driver.openVolume(id, "write")).close();
    });

    storageTest("volumes that aren't there are VOLUME_UNKNOWN", open, async (driver) => {
      await rejects(driver.openVolume("nowhere", "read"), "VOLUME_UNKNOWN");
      await rejects(driver.openVolume("nowhere", "write"), "VOLUME_UNKNOWN");
      await rejects(driver.deleteVolume("nowhere"), "VOLUME_UNKNOWN");
    });

    storageTest("what was flushed is seen by open readers and outlives the driver", open, async (driver, storage) => {
      const id = await createVolume(driver);
      const reader = await driver.openVolume(id, "read");
      await write(driver, id, [100 * KiB + 5, noise(200 * KiB, 1)]);
      const expected = Buffer.alloc(1024 * KiB);
      noise(200 * KiB, 1).copy(expected, 100 * KiB + 5);
      assert((await readAll(reader)).equals(expected));
      assert((await readVolume(await storage.reopen(), id)).equals(expected));
    });

    for (const [shape, geometry] of Object.entries({ plain, striped })) {
      storageTest(
        `reads of a ${shape} volume give what was last written, across flushes and snapshots`,
        open,
        async (driver, storage) => {
          const sizeBytes = 1000 * KiB + 512;
          const range = fc.tuple(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 300 * KiB }));
          const step = fc.oneof(
            fc.record({ does: fc.constant("write" as const), range, seed: fc.nat(1000) }),
            fc.record({
              does: fc.constant("write" as const),
              range: fc.tuple(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 4096 })),
              seed: fc.nat(1000),
            }),
            fc.record({ does: fc.constant("zero" as const), range, seed: fc.constant(0) }),
            fc.record({ does: fc.constant("read" as const), range, seed: fc.constant(0) }),
            fc.record({ does: fc.constant("snapshot" as const), range, seed: fc.constant(0) }),
            fc.record({ does: fc.constant("flush" as const), range, seed: fc.constant(0) }),
          );
          let volumes = 0;
          let groups = 0;
          const snapshots: { id: string; model: Buffer }[] = [];
          const kept: { id: string; model: Buffer }[] = [];
          await fc.assert(
            fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
              const id = await createVolume(driver, { name: `v${volumes++}`, sizeBytes, geometry });
              const model = Buffer.alloc(sizeBytes);
              const handle = await driver.openVolume(id, "write");
              for (const {
                does,
                range: [offset, wanted],
                seed,
              } of steps) {
                const length = Math.min(wanted, sizeBytes - offset);
                if (does === "write") {
                  const data = noise(length, seed);
                  await handle.write(offset, data);
                  data.copy(model, offset);
                } else if (does === "zero") {
                  await handle.zero(offset, length);
                  model.fill(0, offset, offset + length);
                } else if (does === "flush") {
                  await handle.flush();
                } else if (does === "snapshot") {
                  await handle.flush();
                  const group = { groupId: groupId(groups++), owner, volumeIds: [id] };
                  await driver.snapshotGroup(group);
                  snapshots.push({ id: await snapshotOf(driver, group.groupId, id), model: Buffer.from(model) });
                } else {
                  const into = Buffer.alloc(length, 0xee);
                  await handle.read(offset, into);
                  assert(into.equals(model.subarray(offset, offset + length)));
                }
              }
              await handle.flush();
              assert((await readAll(handle)).equals(model));
              kept.push({ id, model });
            }),
            { numRuns: 25 },
          );
          const reopened = await storage.reopen();
          for (const { id, model } of kept) assert((await readVolume(reopened, id)).equals(model));
          for (const { id, model } of snapshots) assert((await readSnapshot(reopened, id)).equals(model));
        },
      );
    }
  });
};
