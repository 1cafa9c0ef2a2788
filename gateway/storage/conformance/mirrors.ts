import assert from "node:assert/strict";
import { describe } from "node:test";
import { lunOf } from "../../../core/api/object.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { extentRanges } from "../../../core/extent/striping.ts";
import { isSame } from "../block-hash.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import {
  createVolume,
  fillExtent,
  groupId,
  hashesOf,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  publish,
  readSnapshot,
  readVolume,
  rejects,
  sendAll,
  sender,
  snapshotOf,
  sourceObject,
  storageTest,
  strangers,
  striped,
  takenAt,
  write,
} from "./fixtures.ts";
import type { ClusterTraits, StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;

const volumeBytes = 1024 * KiB;

const readGroup = async (driver: StorageDriver, group: number, mirror: string) =>
  readSnapshot(driver, await snapshotOf(driver, groupId(group), mirror));

const writeExtent = async (
  driver: StorageDriver,
  mirrorVolumeId: string,
  epoch: number,
  extent: number,
  bytes: Buffer,
) => {
  const writer = await driver.openMirrorExtent({ mirrorVolumeId, epoch, extent });
  await fillExtent(writer, extent, { bytes, geometry: plain });
  await writer.commit();
};

export const mirrorConformance = (
  open: () => Promise<StorageUnderTest>,
  { isConsole, atomicExtents }: ClusterTraits,
): void => {
  describe("mirrors", () => {
    storageTest(
      "a mirror volume is found by its id, whose it is and its shape; no other volume is",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject({ geometry: striped }));
        const found = await driver.findMirrorVolume(mirror);
        assert.deepEqual(found, { owner, sizeBytes: volumeBytes, geometry: striped, grant: undefined });
        const { volumes } = await driver.createVolume({ kind: "volume", name: "own", sizeBytes: volumeBytes });
        assert.equal(await driver.findMirrorVolume(volumes[0]?.id ?? ""), undefined);
        assert.equal(await driver.findMirrorVolume("nowhere"), undefined);
      },
    );

    storageTest("preparing makes one mirror, and brings it up to date the next time", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject({ geometry: striped }));
      assert.equal(
        await prepareMirror(driver, sourceObject({ name: "renamed", sizeBytes: 2048 * KiB, geometry: striped })),
        mirror,
      );
      const [object, ...others] = await driver.inventory();
      assert.equal(others.length, 0);
      assert.equal(object?.name, "renamed");
      assert.equal(lunOf(object)?.lunId, 7);
      assert.deepEqual(object?.volumes, [{ id: mirror, sizeBytes: 2048 * KiB, geometry: striped }]);
      assert.deepEqual(object?.origin, { planId: owner.planId, siteId: owner.source, role: "mirror" });
    });

    storageTest(
      "each owner has mirrors of its own, and names of mirrors don't get in the way",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject({ name: "disk" }));
        const mirrors = new Set([mirror]);
        for (const stranger of strangers) {
          const [other] = await driver.prepareMirror({ owner: stranger, object: sourceObject({ name: "disk" }) });
          mirrors.add(other?.mirrorVolumeId ?? mirror);
        }
        assert.equal(mirrors.size, 1 + strangers.length);
        await createVolume(driver, { name: "disk" });
      },
    );

    storageTest("nobody but a transfer writes or deletes a mirror, and everybody may read it", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      if (isConsole) {
        await rejects(driver.openVolume(mirror, "write"), "VOLUME_IS_MIRROR");
        await rejects(driver.deleteVolume(mirror), "VOLUME_IS_MIRROR");
        await rejects(driver.renameVolume(mirror, "another"), "VOLUME_IS_MIRROR");
      }
      assert((await readVolume(driver, mirror)).equals(Buffer.alloc(volumeBytes)));
    });

    for (const [shape, geometry] of Object.entries({ plain, striped })) {
      storageTest(`a published group of a ${shape} mirror is what was sent`, open, async (driver, storage) => {
        const object = sourceObject({ geometry });
        const mirror = await prepareMirror(driver, object);
        const bytes = noise(volumeBytes, 1);
        bytes.fill(0, 100 * KiB, 700 * KiB);
        await sendAll(driver, mirror, { group: 1, bytes, geometry });
        const group = await publish(driver, 1, mirror);
        assert.equal(group.takenAt, takenAt);
        const reopened = await storage.reopen();
        assert.deepEqual(await reopened.findGroup(groupId(1)), group);
        assert((await readGroup(reopened, 1, mirror)).equals(bytes));
      });
    }

    storageTest(
      "nothing of an extent is visible before its commit, or ever when it is discarded",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const { epoch } = await openMirror(driver, mirror, { group: 1 });
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
        await writer.write(256 * KiB, noise(256 * KiB, 1));
        const discarded = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 2 });
        await discarded.write(512 * KiB, noise(256 * KiB, 2));
        await discarded.discard();
        // Elsewhere a mirror between groups is nobody's.
        if (atomicExtents) assert((await readVolume(driver, mirror)).equals(Buffer.alloc(volumeBytes)));
        await writer.commit();
        const expected = Buffer.alloc(volumeBytes);
        noise(256 * KiB, 1).copy(expected, 256 * KiB);
        const written = await readVolume(driver, mirror);
        const [from, until] = atomicExtents ? [0, volumeBytes] : [256 * KiB, 512 * KiB];
        assert(written.subarray(from, until).equals(expected.subarray(from, until)));
      },
    );

    storageTest("what was not committed is in no group that is published later", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const bytes = noise(volumeBytes, 1);
      await sendAll(driver, mirror, { group: 1, bytes });
      await publish(driver, 1, mirror);
      const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1 });
      const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
      await writer.write(256 * KiB, noise(256 * KiB, 2));
      await writer.discard();
      await driver.abortGroup({ groupId: groupId(2), owner });
      const next = await openMirror(driver, mirror, { group: 3, base: 1 });
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch: next.epoch });
      await publish(driver, 3, mirror);
      for (const group of [1, 3]) assert((await readGroup(driver, group, mirror)).equals(bytes));
    });

    storageTest(
      "block hashes are those of the extent's content in the extent's order, before and after the commit",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject({ geometry: striped, sizeBytes: 768 * KiB }));
        const { epoch } = await openMirror(driver, mirror, { group: 1, sizeBytes: 768 * KiB, geometry: striped });
        const target = { mirrorVolumeId: mirror, epoch, extent: 1 };
        const ranges = extentRanges(striped, 768 * KiB, 1);
        const content = noise(256 * KiB, 1);
        content.fill(0, blockBytes, 2 * blockBytes);
        content.fill(0, 3 * blockBytes + 100);
        const hashes = hashesOf(content);
        const writer = await driver.openMirrorExtent(target);
        for (const { offset, length, offsetInExtent } of ranges) {
          await writer.write(offset, content.subarray(offsetInExtent, offsetInExtent + 1000));
          await writer.write(offset + 1000, content.subarray(offsetInExtent + 1000, offsetInExtent + length));
        }
        const [, second] = ranges;
        await writer.zero(second?.offset ?? 0, blockBytes);
        assert(isSame(await writer.blockHashes(), hashes));
        await writer.commit();
        const again = await driver.openMirrorExtent(target);
        assert(isSame(await again.blockHashes(), hashes));
        await again.discard();
      },
    );

    storageTest(
      "an extent that begins as zeros has nothing of what it was, written in part or not at all",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const { epoch } = await openMirror(driver, mirror, { group: 1 });
        for (const extent of [0, 1]) await writeExtent(driver, mirror, epoch, extent, noise(volumeBytes, 1));
        const zeros = { mirrorVolumeId: mirror, epoch, from: "zeros" } as const;
        const emptied = await driver.openMirrorExtent({ ...zeros, extent: 0 });
        await emptied.commit();
        const rewritten = await driver.openMirrorExtent({ ...zeros, extent: 1 });
        await rewritten.write(256 * KiB + 100, noise(1000, 2));
        const expected = Buffer.alloc(256 * KiB);
        noise(1000, 2).copy(expected, 100);
        assert(isSame(await rewritten.blockHashes(), hashesOf(expected)));
        await rewritten.commit();
        const bytes = await readVolume(driver, mirror);
        assert(bytes.subarray(0, 512 * KiB).equals(Buffer.concat([Buffer.alloc(256 * KiB), expected])));
      },
    );

    storageTest("whoever opened the mirror before is fenced off, wherever it was", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const old = await openMirror(driver, mirror, { group: 1 });
      const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch: old.epoch, extent: 0 });
      await writer.write(0, noise(256 * KiB, 1));
      const { epoch } = await openMirror(driver, mirror, { group: 1 });
      assert(epoch > old.epoch);
      await rejects(writer.commit(), "FENCED");
      await writer.discard();
      await rejects(driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch: old.epoch, extent: 0 }), "FENCED");
      await rejects(driver.completeMirror({ mirrorVolumeId: mirror, epoch: old.epoch }), "FENCED");
      assert((await readVolume(driver, mirror)).equals(Buffer.alloc(volumeBytes)));
      await writeExtent(driver, mirror, epoch, 0, noise(volumeBytes, 2));
    });

    storageTest(
      "a session of the same group and base goes on with the extents that are done",
      open,
      async (driver, storage) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const bytes = noise(volumeBytes, 1);
        const first = await openMirror(driver, mirror, { group: 1 });
        assert.deepEqual(first.done, []);
        for (const extent of [3, 1]) await writeExtent(driver, mirror, first.epoch, extent, bytes);
        const reopened = await storage.reopen();
        const second = await openMirror(reopened, mirror, { group: 1 });
        assert.deepEqual([...second.done].sort(), [1, 3]);
        assert.equal(second.complete, false);
        for (const extent of [0, 2]) await writeExtent(reopened, mirror, second.epoch, extent, bytes);
        await reopened.completeMirror({ mirrorVolumeId: mirror, epoch: second.epoch });
        await reopened.completeMirror({ mirrorVolumeId: mirror, epoch: second.epoch });
        assert.equal((await openMirror(reopened, mirror, { group: 1 })).complete, true);
        await publish(reopened, 1, mirror);
        assert((await readGroup(reopened, 1, mirror)).equals(bytes));
      },
    );

    storageTest("another group or base starts over from the base group, or from nothing", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const base = noise(volumeBytes, 1);
      await sendAll(driver, mirror, { group: 1, bytes: base });
      await publish(driver, 1, mirror);
      const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1 });
      await writeExtent(driver, mirror, epoch, 2, noise(volumeBytes, 2));
      const other = await openMirror(driver, mirror, { group: 3, base: 1 });
      assert.deepEqual(other.done, []);
      assert((await readVolume(driver, mirror)).equals(base));
      await writeExtent(driver, mirror, other.epoch, 0, noise(volumeBytes, 3));
      assert.deepEqual((await openMirror(driver, mirror, { group: 3 })).done, []);
      assert((await readVolume(driver, mirror)).equals(Buffer.alloc(volumeBytes)));
      assert((await readGroup(driver, 1, mirror)).equals(base));
    });

    storageTest("a base that isn't there is BASE_MISSING, and the session stays as it was", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const { epoch } = await openMirror(driver, mirror, { group: 1 });
      await rejects(openMirror(driver, mirror, { group: 1, base: 9 }), "BASE_MISSING");
      await writeExtent(driver, mirror, epoch, 0, noise(volumeBytes, 1));
    });

    storageTest("a mirror of another geometry than before starts from nothing", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject({ geometry: plain }));
      const bytes = noise(volumeBytes, 1);
      const before = await sendAll(driver, mirror, { group: 1, bytes });
      await publish(driver, 1, mirror);
      assert.equal(await prepareMirror(driver, sourceObject({ geometry: striped })), mirror);
      await rejects(driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch: before, extent: 0 }), "FENCED");
      await rejects(openMirror(driver, mirror, { group: 2, base: 1, geometry: striped }), "BASE_MISSING");
      await sendAll(driver, mirror, { group: 2, bytes: noise(volumeBytes, 2), geometry: striped });
      await publish(driver, 2, mirror);
      assert((await readGroup(driver, 1, mirror)).equals(bytes));
      assert((await readGroup(driver, 2, mirror)).equals(noise(volumeBytes, 2)));
    });

    storageTest(
      "an increment on a base shows the base where nothing was sent, in a volume that has grown too",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const base = noise(volumeBytes, 1);
        await sendAll(driver, mirror, { group: 1, bytes: base });
        await publish(driver, 1, mirror);
        await prepareMirror(driver, sourceObject({ sizeBytes: 2 * volumeBytes }));
        const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1, sizeBytes: 2 * volumeBytes });
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 5 });
        await writer.write(1400 * KiB, noise(1000, 2));
        await writer.commit();
        await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
        await publish(driver, 2, mirror);
        const expected = Buffer.alloc(2 * volumeBytes);
        base.copy(expected);
        noise(1000, 2).copy(expected, 1400 * KiB);
        assert((await readGroup(driver, 2, mirror)).equals(expected));
        await driver.deleteGroup({ groupId: groupId(1), owner });
        assert((await readGroup(driver, 2, mirror)).equals(expected));
      },
    );

    storageTest(
      "a group that isn't newer than the newest published is stale, even when that is deleted",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const epoch = await sendAll(driver, mirror, { group: 2, bytes: noise(volumeBytes, 1) });
        await publish(driver, 2, mirror);
        await rejects(openMirror(driver, mirror, { group: 1 }), "GROUP_STALE");
        await rejects(driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 }), "FENCED");
        await driver.deleteGroup({ groupId: groupId(2), owner });
        await rejects(openMirror(driver, mirror, { group: 2 }), "GROUP_STALE");
        await openMirror(driver, mirror, { group: 3 });
      },
    );

    storageTest(
      "a group that is older than the one being written can't take the mirror from it, whose extents stay done",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        await openMirror(driver, mirror, { group: 1 });
        await sendAll(driver, mirror, { group: 2, bytes: noise(volumeBytes, 1) });
        await rejects(openMirror(driver, mirror, { group: 1 }), "GROUP_STALE");
        await publish(driver, 2, mirror);
      },
    );

    storageTest(
      "an aborted group's writer is fenced off, and it is never opened or published",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const { epoch } = await openMirror(driver, mirror, { group: 1 });
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 });
        await writer.write(0, noise(1000, 2));
        assert.equal(await driver.isAborted({ groupId: groupId(1), owner }), false);
        await driver.abortGroup({ groupId: groupId(1), owner });
        await driver.abortGroup({ groupId: groupId(1), owner });
        assert.equal(await driver.isAborted({ groupId: groupId(1), owner }), true);
        for (const other of strangers)
          assert.equal(await driver.isAborted({ groupId: groupId(1), owner: other }), false);
        await rejects(writer.commit(), "FENCED");
        await writer.discard();
        await rejects(openMirror(driver, mirror, { group: 1 }), "GROUP_ABORTED");
        await rejects(publish(driver, 1, mirror), "GROUP_ABORTED");
        assert.equal(await driver.findGroup(groupId(1)), undefined);
        await sendAll(driver, mirror, { group: 2, bytes: noise(volumeBytes, 3) });
        await driver.abortGroup({ groupId: groupId(1), owner });
        await publish(driver, 2, mirror);
        await sendAll(driver, mirror, { group: 3, base: 2, bytes: noise(volumeBytes, 4) });
        await driver.abortGroup({ groupId: groupId(3), owner });
        await rejects(publish(driver, 3, mirror), "GROUP_ABORTED");
      },
    );

    storageTest("strangers who abort a group of the same name stop nobody", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const epoch = await sendAll(driver, mirror, { group: 1, bytes: noise(volumeBytes, 1) });
      for (const stranger of strangers) await driver.abortGroup({ groupId: groupId(1), owner: stranger });
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      await publish(driver, 1, mirror);
    });

    storageTest("a group is published with all of its mirrors or not at all", open, async (driver) => {
      const first = await prepareMirror(driver, sourceObject({ lunId: 1 }));
      const second = await prepareMirror(driver, sourceObject({ lunId: 2 }));
      await sendAll(driver, first, { group: 1, bytes: noise(volumeBytes, 1) });
      await rejects(publish(driver, 1, first, second), "GROUP_INCOMPLETE");
      await openMirror(driver, second, { group: 1 });
      await rejects(publish(driver, 1, first, second), "GROUP_INCOMPLETE");
      assert.equal(await driver.findGroup(groupId(1)), undefined);
      assert.deepEqual(await driver.manifests(), []);
      await sendAll(driver, second, { group: 2, bytes: noise(volumeBytes, 2) });
      await rejects(publish(driver, 1, first, second), "GROUP_INCOMPLETE");
      await sendAll(driver, first, { group: 2, bytes: noise(volumeBytes, 1) });
      assert.equal((await publish(driver, 2, first, second)).snapshots.length, 2);
    });

    storageTest("publishing again gives the group that is there, and is its owner's only", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const epoch = await sendAll(driver, mirror, { group: 1, bytes: noise(volumeBytes, 1) });
      const group = await publish(driver, 1, mirror);
      assert.deepEqual(await publish(driver, 1, mirror), group);
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      const mirrors = mirrorSetOf([mirror]);
      const again = { groupId: groupId(1), sequence: 1, takenAt, mirrors, planName: "daily", objects: [] };
      for (const stranger of strangers) {
        await rejects(driver.publishGroup({ ...again, owner: stranger }), "NOT_OURS");
      }
      // Neither where the group is another one, and only the mirror is not theirs.
      await sendAll(driver, mirror, { group: 2, base: 1, bytes: noise(volumeBytes, 2) });
      const next = { ...again, groupId: groupId(2), sequence: 2 };
      for (const stranger of strangers) {
        await rejects(driver.publishGroup({ ...next, owner: stranger }), "GROUP_INCOMPLETE");
      }
      assert.equal((await driver.manifests()).length, 1);
    });

    storageTest("manifests come with their groups, the newest first, and go with them", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      for (const group of [1, 2, 10]) {
        await sendAll(driver, mirror, { group, bytes: noise(volumeBytes, group) });
        await publish(driver, group, mirror);
      }
      await driver.deleteGroup({ groupId: groupId(2), owner });
      assert.deepEqual(
        await driver.manifests(),
        [10, 1].map((sequence) => {
          const group = { groupId: groupId(sequence), sequence, takenAt };
          return {
            groupId: groupId(sequence),
            owner,
            manifest: { version: 3, ...owner, planName: "daily", ...group, objects: [], mappings: [] },
          };
        }),
      );
    });

    storageTest("strangers can't open a mirror, nor anybody a volume that is none", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const run = { groupId: groupId(1), sequence: 1, sender };
      const options = { owner, ...run, baseGroupId: null, sizeBytes: volumeBytes, geometry: plain };
      for (const stranger of strangers) {
        await rejects(driver.openMirror({ ...options, owner: stranger, mirrorVolumeId: mirror }), "NOT_OURS");
      }
      const volume = await createVolume(driver, { name: "mine" });
      await write(driver, volume, [0, noise(1000, 1)]);
      // What a console of its own has made a driver need not know.
      await rejects(
        driver.openMirror({ ...options, mirrorVolumeId: volume }),
        isConsole ? "NOT_OURS" : "VOLUME_UNKNOWN",
      );
      await rejects(driver.openMirror({ ...options, mirrorVolumeId: "nowhere" }), "VOLUME_UNKNOWN");
    });
  });
};
