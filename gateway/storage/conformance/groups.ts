import assert from "node:assert/strict";
import { describe } from "node:test";
import fc from "fast-check";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import { extentCount } from "../../../core/api/object/volume-shape.ts";
import { extentRanges } from "../../../core/extent/striping.ts";
import type { Owner } from "../control.ts";
import {
  createVolume,
  groupId,
  noise,
  owner,
  plain,
  readSnapshot,
  readVolume,
  rejects,
  snapshotOf,
  storageTest,
  strangers,
  striped,
  tokensOf,
  write,
} from "./fixtures.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

const extentBytes = (volume: Buffer, geometry: Geometry, extent: number): Buffer =>
  Buffer.concat(
    extentRanges(geometry, volume.byteLength, extent).map((range) =>
      volume.subarray(range.offset, range.offset + range.length),
    ),
  );

export const groupConformance = (open: () => Promise<StorageUnderTest>, { histories }: ClusterTraits): void => {
  describe("snapshot groups", () => {
    storageTest("a group holds its volumes as they were, whatever is written later", open, async (driver, storage) => {
      const first = await createVolume(driver, { name: "first" });
      const second = await createVolume(driver, { name: "second", geometry: striped });
      await write(driver, first, [0, noise(1024 * KiB, 1)]);
      await write(driver, second, [10, noise(500 * KiB, 2)]);
      const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [first, second] });
      const before = await Promise.all([readVolume(driver, first), readVolume(driver, second)]);
      await write(driver, first, [300 * KiB, noise(300 * KiB, 3)]);
      await write(driver, second, [0, Buffer.alloc(600 * KiB)]);
      assert.deepEqual(
        group.snapshots.map(({ volumeId, sizeBytes }) => ({ volumeId, sizeBytes })),
        [first, second].map((volumeId) => ({ volumeId, sizeBytes: 1024 * KiB })),
      );
      const reopened = await storage.reopen();
      assert.deepEqual(await reopened.findGroup(groupId(1)), group);
      for (const [index, { snapshotId }] of group.snapshots.entries()) {
        assert(before[index]?.equals(await readSnapshot(reopened, snapshotId)));
      }
    });

    storageTest(
      "what a writer hasn't flushed may miss the snapshot, and never gets into it later",
      open,
      async (driver) => {
        const id = await createVolume(driver);
        await write(driver, id, [0, noise(256 * KiB, 1)]);
        const handle = await driver.openVolume(id, "write");
        await handle.write(0, noise(256 * KiB, 2));
        await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
        const snapshotId = await snapshotOf(driver, groupId(1), id);
        const atOnce = await readSnapshot(driver, snapshotId);
        await handle.write(4096, noise(100 * KiB, 3));
        await handle.close();
        assert((await readSnapshot(driver, snapshotId)).equals(atOnce));
      },
    );

    storageTest("taking a group twice gives the one that is there", open, async (driver) => {
      const id = await createVolume(driver);
      const options = { groupId: groupId(1), owner, volumeIds: [id] };
      const group = await driver.snapshotGroup(options);
      await write(driver, id, [0, noise(1000, 1)]);
      assert.deepEqual(await driver.snapshotGroup(options), group);
      assert((await readSnapshot(driver, await snapshotOf(driver, groupId(1), id))).equals(Buffer.alloc(1024 * KiB)));
      for (const stranger of strangers) {
        await rejects(driver.snapshotGroup({ ...options, owner: stranger }), "NOT_OURS");
      }
    });

    storageTest("a group with a volume that isn't there is not taken at all", open, async (driver) => {
      const id = await createVolume(driver);
      await rejects(driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id, "nowhere"] }), "VOLUME_UNKNOWN");
      assert.equal(await driver.findGroup(groupId(1)), undefined);
      assert.deepEqual(await driver.listGroups(owner), []);
    });

    storageTest("groups are listed for their owner only", open, async (driver) => {
      const id = await createVolume(driver);
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      await driver.snapshotGroup({ groupId: groupId(2), owner, volumeIds: [id] });
      for (const [n, stranger] of strangers.entries()) {
        await driver.snapshotGroup({ groupId: groupId(3 + n), owner: stranger, volumeIds: [id] });
      }
      const listed = async (of: Owner) => (await driver.listGroups(of)).map((group) => group.groupId).sort();
      assert.deepEqual(await listed(owner), [groupId(1), groupId(2)]);
      for (const [n, stranger] of strangers.entries()) assert.deepEqual(await listed(stranger), [groupId(3 + n)]);
    });

    storageTest("deleting a group leaves every other group and the volume whole", open, async (driver, storage) => {
      const id = await createVolume(driver);
      const states: Buffer[] = [];
      for (let n = 0; n < 5; n++) {
        await write(driver, id, [n * 100 * KiB, noise(300 * KiB, n)], [900 * KiB, noise(10 + n, n)]);
        await driver.snapshotGroup({ groupId: groupId(n), owner, volumeIds: [id] });
        states.push(await readVolume(driver, id));
      }
      const gone = await snapshotOf(driver, groupId(2), id);
      for (const n of [2, 0, 4]) await driver.deleteGroup({ groupId: groupId(n), owner });
      const reopened = await storage.reopen();
      for (const n of [1, 3]) {
        assert(states[n]?.equals(await readSnapshot(reopened, await snapshotOf(reopened, groupId(n), id))));
      }
      assert(states[4]?.equals(await readVolume(reopened, id)));
      await rejects(reopened.openSnapshot({ snapshotId: gone, of: "anybody" }), "SNAPSHOT_UNKNOWN");
      assert.equal(await reopened.findGroup(groupId(2)), undefined);
    });

    storageTest("a group is deleted by its owner only, and deleting it again does nothing", open, async (driver) => {
      const id = await createVolume(driver);
      const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      for (const stranger of strangers) {
        await rejects(driver.deleteGroup({ groupId: groupId(1), owner: stranger }), "NOT_OURS");
      }
      assert.deepEqual(await driver.findGroup(groupId(1)), group);
      await driver.deleteGroup({ groupId: groupId(1), owner });
      await driver.deleteGroup({ groupId: groupId(1), owner });
    });

    for (const [shape, geometry] of Object.entries({ plain, striped })) {
      storageTest(
        `of a ${shape} volume, equal tokens mean equal data and a hole reads as zeros`,
        open,
        async (driver) => {
          const sizeBytes = 1300 * KiB;
          const change = fc.tuple(fc.nat(sizeBytes - 1), fc.integer({ min: 1, max: 200 * KiB }), fc.nat(3));
          let made = 0;
          await fc.assert(
            fc.asyncProperty(
              fc.array(fc.array(change, { maxLength: 3 }), { minLength: 2, maxLength: 4 }),
              async (rounds) => {
                const id = await createVolume(driver, { name: `v${made}`, sizeBytes, geometry });
                const seen = new Map<string, Buffer>();
                let before: Buffer | undefined;
                let tokensBefore: readonly (string | null)[] | undefined;
                for (const changes of rounds) {
                  const handle = await driver.openVolume(id, "write");
                  for (const [offset, wanted, seed] of changes) {
                    const length = Math.min(wanted, sizeBytes - offset);
                    if (seed === 0) await handle.zero(offset, length);
                    else await handle.write(offset, noise(length, seed));
                  }
                  await handle.close();
                  const group = { groupId: groupId(made++), owner, volumeIds: [id] };
                  await driver.snapshotGroup(group);
                  const snapshotId = await snapshotOf(driver, group.groupId, id);
                  const tokens = await tokensOf(driver, snapshotId);
                  const bytes = await readSnapshot(driver, snapshotId);
                  // Deleting every other group makes ids free, which must not
                  // make pairs come again.
                  if (made % 2 === 0) await driver.deleteGroup(group);
                  if (tokens === undefined) continue;
                  assert.equal(tokens.length, extentCount(geometry, sizeBytes));
                  for (const [extent, token] of tokens.entries()) {
                    const content = extentBytes(bytes, geometry, extent);
                    if (token === null) assert(content.equals(Buffer.alloc(content.byteLength)));
                    else assert(content.equals(seen.get(`${extent} ${token}`) ?? content));
                    if (token !== null) seen.set(`${extent} ${token}`, content);
                  }
                  if (changes.length === 0 && before !== undefined) assert.deepEqual(tokens, tokensBefore);
                  before = bytes;
                  tokensBefore = tokens;
                }
              },
            ),
            { numRuns: histories },
          );
        },
      );
    }
  });
};
