import assert from "node:assert/strict";
import { describe } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { StorageDriver } from "../driver.ts";
import { mirrorSetOf } from "../mirror-set.ts";
import {
  groupId,
  noise,
  owner,
  rejects,
  sendAll,
  sender,
  sourceObject,
  storageTest,
  strangers,
  takenAt,
} from "./fixtures.ts";
import { prepareAll } from "./objects.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const bytes = noise(1024 * 1024, 1);
const objectOf = (index: number, name = `disk ${index}`): ObjectConfig => ({
  ...sourceObject({ lunId: index + 1, name }),
  labels: { lan: "wän" },
});

/** Prepares an object for the run of a number. @returns the mirror's id */
const prepareFor = async (driver: StorageDriver, group: number, index: number, object: ObjectConfig) => {
  const run = { groupId: groupId(group), sequence: group, index, sender };
  const [mirror] = await driver.prepareMirror({ owner, object, run });
  assert(mirror !== undefined);
  return mirror.mirrorVolumeId;
};

const publication = (group: number, mirrors: readonly string[], objects: readonly (ObjectConfig | null)[]) => ({
  ...{ groupId: groupId(group), owner, sequence: group, takenAt, planName: "daily" },
  mirrors: mirrorSetOf(mirrors),
  objects,
});
const manifestOf = (group: number, objects: readonly ObjectConfig[]) => ({
  ...{ groupId: groupId(group), owner },
  manifest: {
    ...{ version: 3, planId: owner.planId, planName: "daily", source: owner.source },
    ...{ groupId: groupId(group), sequence: group, takenAt, objects, mappings: objects.map(() => null) },
  },
});

/** What a publication need not be told, because the mirrors were prepared from it. */
export const manifestConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("a manifest of what was prepared", () => {
    storageTest("is the one that is told in full, in the order of the run", open, async (driver, storage) => {
      const objects = [0, 1, 2].map((index) => objectOf(index));
      const manifests: string[] = [];
      for (const [group, told] of [
        [1, [null, null, null]],
        [2, objects],
        [3, [null, objects[1] ?? null, null]],
      ] as const) {
        const mirrors: string[] = [];
        for (const index of [2, 0, 1]) {
          mirrors.push(await prepareFor(driver, group, index, objects[index] ?? objectOf(9)));
        }
        const reopened = await storage.reopen();
        for (const mirror of mirrors) await sendAll(reopened, mirror, { group, bytes });
        await reopened.publishGroup(publication(group, mirrors, told));
        const [newest] = await reopened.manifests();
        assert.deepEqual(newest, manifestOf(group, objects));
        manifests.push(JSON.stringify(newest?.manifest.objects));
        driver = reopened;
      }
      assert.equal(new Set(manifests).size, 1);
    });

    storageTest("keeps how the plan is set, where that is told", open, async (driver, storage) => {
      const mirror = await prepareFor(driver, 1, 0, objectOf(0));
      await sendAll(driver, mirror, { group: 1, bytes });
      const plan = {
        targets: [{ site: owner.source, retention: { keepLast: 3 }, switches: {} }],
        compression: { enabled: true, level: 1, dictionary: false },
        entries: [{ kind: "vm" as const, match: "web-*" }],
      };
      await driver.publishGroup({ ...publication(1, [mirror], [null]), plan });
      const [newest] = await (await storage.reopen()).manifests();
      assert.deepEqual(newest?.manifest.plan, plan);
    });

    storageTest("has each of its objects by kind and id, and no others", open, async (driver) => {
      const objects = [0, 1].map((index) => objectOf(index));
      const mirrors = await Promise.all(objects.map((object, index) => prepareFor(driver, 1, index, object)));
      for (const mirror of mirrors) await sendAll(driver, mirror, { group: 1, bytes });
      await driver.publishGroup(publication(1, mirrors, [null, null]));
      const find = (of: number, { kind, id }: Pick<ObjectConfig, "kind" | "id">) =>
        driver.objectOfGroup({ groupId: groupId(of), object: { kind, id } });
      for (const object of objects) assert.deepEqual(await find(1, object), object);
      const [first] = objects;
      assert(first !== undefined);
      assert.equal(await find(1, { ...first, kind: "vm" }), undefined);
      assert.equal(await find(1, objectOf(2)), undefined);
      assert.equal(await find(2, first), undefined);
    });

    storageTest("is not changed by what newer runs prepare, or give up", open, async (driver) => {
      const mirror = await prepareFor(driver, 1, 0, objectOf(0, "first"));
      await sendAll(driver, mirror, { group: 1, bytes });
      for (const group of [2, 3]) await prepareFor(driver, group, 0, objectOf(0, `run ${group}`));
      await driver.abortGroup({ groupId: groupId(2), owner });
      for (const stranger of strangers) await driver.abortGroup({ groupId: groupId(3), owner: stranger });
      await driver.publishGroup(publication(1, [mirror], [null]));
      await sendAll(driver, mirror, { group: 3, base: 1, bytes });
      // A late copy of a preparation that nobody waits for any more.
      await prepareFor(driver, 2, 0, objectOf(0, "late")).catch(() => undefined);
      await driver.publishGroup(publication(3, [mirror], [null]));
      assert.deepEqual(await driver.manifests(), [
        manifestOf(3, [objectOf(0, "run 3")]),
        manifestOf(1, [objectOf(0, "first")]),
      ]);
    });

    storageTest("is refused for good where an object is not kept for the group", open, async (driver) => {
      const mirror = await prepareFor(driver, 1, 0, objectOf(0));
      await sendAll(driver, mirror, { group: 1, bytes });
      const isRefused = (error: unknown) => VisibleError.is(error, "GROUP_INCOMPLETE") && !error.retryable;
      await assert.rejects(driver.publishGroup(publication(1, [mirror], [null, null])), isRefused);
      // In another place of the run, it is not what is to be published in this one.
      await prepareFor(driver, 2, 1, objectOf(0));
      await sendAll(driver, mirror, { group: 2, bytes });
      await assert.rejects(driver.publishGroup(publication(2, [mirror], [null])), isRefused);
      assert.deepEqual(await driver.listGroups(owner), []);
      await driver.publishGroup(publication(2, [mirror], [objectOf(0)]));
    });

    storageTest("says how each mirror was mapped, as it was prepared for that group", open, async (driver, storage) => {
      const mappings = [{ switches: { prod: "dr-prod" } }, null, { switches: {} }];
      const objects = mappings.map((_, index) => objectOf(index));
      const prepared = async (group: number, mapped: typeof mappings) => {
        const mirrors = await prepareAll(
          driver,
          group,
          objects.map((object, index) => {
            const mapping = mapped[index];
            return mapping === null || mapping === undefined ? object : { object, mapping };
          }),
        );
        for (const { mirrorVolumeId } of mirrors) await sendAll(driver, mirrorVolumeId, { group, bytes });
        return mirrors.map(({ mirrorVolumeId }) => mirrorVolumeId);
      };
      const mirrors = await prepared(1, mappings);
      // A control plane of before tells objects, and knows of no mapping.
      await driver.publishGroup(publication(1, mirrors, [objects[0] ?? null, null, null]));
      await driver.publishGroup(publication(2, await prepared(2, mappings.toReversed()), [null, null, null]));
      const kept = (await (await storage.reopen()).manifests()).map(({ manifest }) => manifest.mappings);
      assert.deepEqual(kept, [mappings.toReversed(), mappings]);
    });

    storageTest("is of exactly the mirrors that are meant", open, async (driver) => {
      const mirrors = [await prepareFor(driver, 1, 0, objectOf(0)), await prepareFor(driver, 1, 1, objectOf(1))];
      const [first = "", second = ""] = mirrors;
      for (const mirror of mirrors) await sendAll(driver, mirror, { group: 1, bytes });
      for (const others of [[first], [first, "another"], [first, second, "a third"]]) {
        await rejects(driver.publishGroup(publication(1, others, [null, null])), "GROUP_INCOMPLETE");
      }
      const group = await driver.publishGroup(publication(1, [second, first], [null, null]));
      assert.deepEqual(new Set(group.snapshots.map(({ volumeId }) => volumeId)), new Set(mirrors));
      // Nothing is kept any more, and nothing is needed.
      assert.deepEqual(await driver.publishGroup(publication(1, mirrors, [null, null])), group);
    });
  });
};
