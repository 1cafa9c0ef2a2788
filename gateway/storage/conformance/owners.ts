import assert from "node:assert/strict";
import { describe } from "node:test";
import type { RunId } from "../../../core/api/ids.ts";
import type { Owner } from "../control.ts";
import type { StorageDriver } from "../driver.ts";
import {
  createVolume,
  groupId,
  openMirror,
  owner,
  plain,
  readVolume,
  rejects,
  sendAll,
  sender,
  storageTest,
  strangers,
} from "./fixtures.ts";
import {
  bytesIn,
  isMirror,
  looseVolume,
  mirrorOf,
  prepareAll,
  publicationOf,
  publishAll,
  volumeBytes,
} from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

/** A promise about owners, and what shows whether a driver keeps it. */
export interface OwnerCase {
  readonly title: string;
  readonly body: (driver: StorageDriver) => Promise<void>;
}

const source = looseVolume();
const shape = { sizeBytes: volumeBytes, geometry: plain };
const taken = async (driver: StorageDriver) => {
  const id = await createVolume(driver, { name: "disk" });
  const objects = await driver.inventory();
  const group = await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id], sequence: 5, objects });
  return { id, group };
};
const written = async (driver: StorageDriver) => {
  const mirrors = await prepareAll(driver, 1, [source]);
  const mirror = mirrorOf(mirrors, source.id);
  const epoch = await sendAll(driver, mirror, { group: 1, bytes: bytesIn(1, source.id) });
  return { mirrors, mirror, epoch };
};

/**
 * An owner is a plan *and* the site that it protects: two sites may have plans of the same id,
 * after one was moved or put back from a copy. What one owner has is out of reach of others,
 * whichever half it is that differs (I5).
 */
export const ownerCases: readonly OwnerCase[] = [
  {
    title: "a group is nobody else's to take again, to list or to delete",
    body: async (driver) => {
      const { id, group } = await taken(driver);
      for (const stranger of strangers) {
        await rejects(driver.snapshotGroup({ groupId: groupId(1), owner: stranger, volumeIds: [id] }), "NOT_OURS");
        assert.deepEqual(await driver.listGroups(stranger), []);
        await rejects(driver.deleteGroup({ groupId: groupId(1), owner: stranger }), "NOT_OURS");
      }
      assert.deepEqual(await driver.findGroup(groupId(1)), group);
    },
  },
  {
    title: "a snapshot is nobody else's to open, not even as one of a group of his own",
    body: async (driver) => {
      const { id, group } = await taken(driver);
      const { snapshotId = "" } = group.snapshots[0] ?? {};
      const opened = (n: number, of: Owner) =>
        driver.openSnapshot({ snapshotId, of: { groupId: groupId(n), owner: of } });
      for (const [n, stranger] of strangers.entries()) {
        await driver.snapshotGroup({ groupId: groupId(2 + n), owner: stranger, volumeIds: [id] });
        for (const group of [1, 2 + n]) await rejects(opened(group, stranger), "NOT_OURS");
        await rejects(opened(2 + n, owner), "NOT_OURS");
      }
      await driver.closeSnapshot(await opened(1, owner));
    },
  },
  {
    title: "what one's newest group has says nothing of another's objects",
    body: async (driver) => {
      const { group } = await taken(driver);
      const objects = (group.objects ?? []).map(({ kind, id }) => ({ kind, id }));
      assert.deepEqual(await driver.newestSourceGroup(owner), group);
      assert.deepEqual(await driver.lastSequences({ owner, objects }), [{ ...objects[0], sequence: 5 }]);
      for (const stranger of strangers) {
        assert.equal(await driver.newestSourceGroup(stranger), undefined);
        assert.deepEqual(await driver.lastSequences({ owner: stranger, objects }), []);
      }
    },
  },
  {
    title: "each has an order of its groups of its own",
    body: async (driver) => {
      const { id } = await taken(driver);
      for (const [n, stranger] of strangers.entries()) {
        const options = { groupId: groupId(2 + n), owner: stranger, volumeIds: [id], sequence: 1 };
        assert.deepEqual((await driver.snapshotGroup(options)).owner, stranger);
      }
    },
  },
  {
    title: "each has mirrors of its own of the same object",
    body: async (driver) => {
      const mirrors = [...(await prepareAll(driver, 1, [source]))];
      for (const stranger of strangers) mirrors.push(...(await prepareAll(driver, 1, [source], stranger)));
      assert.equal(new Set(mirrors.map(({ mirrorVolumeId }) => mirrorVolumeId)).size, 1 + strangers.length);
      const origins = (await driver.inventory()).filter(isMirror).map(({ origin }) => [origin?.planId, origin?.siteId]);
      assert.deepEqual(
        origins.toSorted(),
        [owner, ...strangers].map(({ planId, source: siteId }) => [planId, siteId]).toSorted(),
      );
    },
  },
  {
    title: "a mirror is opened by its own only",
    body: async (driver) => {
      const { mirror, epoch } = await written(driver);
      const options = {
        mirrorVolumeId: mirror,
        groupId: groupId(2),
        sequence: 2,
        sender,
        baseGroupId: null,
        ...shape,
      };
      for (const stranger of strangers) await rejects(driver.openMirror({ ...options, owner: stranger }), "NOT_OURS");
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      assert((await readVolume(driver, mirror)).equals(bytesIn(1, source.id)));
    },
  },
  {
    title: "what is brought here for one restore stays when another's goes",
    body: async (driver) => {
      const staged = { restoreId: "restore_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z" as RunId, seed: null };
      const prepare = async (of: Owner) => {
        const run = { groupId: groupId(1), sequence: 1, sender, index: 0 };
        return mirrorOf(await driver.prepareMirror({ owner: of, object: source, run, staged }), source.id);
      };
      const mirror = await prepare(owner);
      for (const stranger of strangers) {
        const theirs = await prepare(stranger);
        await driver.dropStaged({ groupId: groupId(1), owner: stranger });
        assert.equal(await driver.findMirrorVolume(theirs), undefined);
        assert.equal((await driver.findMirrorVolume(mirror))?.grant?.sender, sender);
      }
    },
  },
  {
    title: "a group that another aborts goes on",
    body: async (driver) => {
      const { mirrors, mirror, epoch } = await written(driver);
      for (const stranger of strangers) await driver.abortGroup({ groupId: groupId(1), owner: stranger });
      await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
      await driver.publishGroup(publicationOf(1, mirrors, 1));
    },
  },
  {
    title: "what another has written is not published",
    body: async (driver) => {
      const { mirrors } = await written(driver);
      const options = { ...publicationOf(1, mirrors, 1), objects: [] };
      for (const stranger of strangers) {
        await rejects(driver.publishGroup({ ...options, owner: stranger }), "GROUP_INCOMPLETE");
      }
      assert.deepEqual(await driver.manifests(), []);
      await driver.publishGroup(publicationOf(1, mirrors, 1));
      for (const stranger of strangers) await rejects(driver.publishGroup({ ...options, owner: stranger }), "NOT_OURS");
      assert.deepEqual(
        (await driver.manifests()).map((one) => one.owner),
        [owner],
      );
    },
  },
  {
    title: "what another has prepared is not in the manifest",
    body: async (driver) => {
      const { mirrors } = await written(driver);
      for (const stranger of strangers) await prepareAll(driver, 1, [looseVolume({ name: "another's" })], stranger);
      await driver.publishGroup(publicationOf(1, mirrors, 1));
      const [kept] = await driver.manifests();
      assert.deepEqual([kept?.owner, kept?.manifest.source, kept?.manifest.objects], [owner, owner.source, [source]]);
    },
  },
  {
    title: "publishing takes no mirror from another, and makes none of its groups stale",
    body: async (driver) => {
      for (const stranger of strangers) await prepareAll(driver, 1, [source], stranger);
      await publishAll(driver, 7, [looseVolume({ id: "volume-00000000000000b2", name: "other" })]);
      for (const stranger of strangers) {
        const [mirror] = await prepareAll(driver, 1, [source], stranger);
        assert(mirror !== undefined);
        const { mirrorVolumeId } = mirror;
        const session = {
          groupId: groupId(1),
          sequence: 1,
          sender,
          baseGroupId: null,
          ...shape,
        };
        assert.deepEqual((await driver.openMirror({ ...session, owner: stranger, mirrorVolumeId })).done, []);
      }
    },
  },
  {
    title: "what is rebuilt says whose it was, and comes from its own groups only",
    body: async (driver) => {
      const mirrors = await publishAll(driver, 1, [source]);
      const options = { key: "1", owner, fromGroupId: groupId(1), object: source, name: "rebuilt" };
      for (const stranger of strangers) {
        await rejects(driver.rebuildObject({ ...options, owner: stranger }), "NOT_OURS");
      }
      const { origin } = await driver.rebuildObject(options);
      assert.deepEqual(origin, { planId: owner.planId, siteId: owner.source, role: "rebuilt", planName: "daily" });
      assert.equal(mirrors.length, 1);
    },
  },
  {
    title: "what is rebuilt is nobody else's to delete as such",
    body: async (driver) => {
      await publishAll(driver, 1, [source]);
      const made = await driver.rebuildObject({
        ...{ key: "1", owner, fromGroupId: groupId(1), object: source, name: "rebuilt" },
      });
      for (const stranger of strangers) {
        await rejects(driver.deleteRebuilt({ key: "1", owner: stranger, object: made }), "NOT_OURS");
      }
      await driver.deleteRebuilt({ key: "1", owner, object: made });
    },
  },
  {
    title: "a group is not a base for another's mirror",
    body: async (driver) => {
      await publishAll(driver, 1, [source]);
      for (const stranger of strangers) {
        const [mirror] = await prepareAll(driver, 2, [source], stranger);
        assert(mirror !== undefined);
        const { mirrorVolumeId } = mirror;
        const run = { groupId: groupId(2), sequence: 2, sender };
        const session = { ...run, baseGroupId: groupId(1), ...shape };
        await rejects(driver.openMirror({ ...session, owner: stranger, mirrorVolumeId }), "BASE_MISSING");
      }
      await openMirror(driver, mirrorOf(await prepareAll(driver, 2, [source]), source.id), {
        group: 2,
        base: 1,
        sizeBytes: volumeBytes,
      });
    },
  },
];

export const ownerConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("owners", () => {
    for (const { title, body } of ownerCases) storageTest(title, open, body);
  });
};
