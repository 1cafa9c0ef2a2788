import assert from "node:assert/strict";
import { VisibleError } from "../../../core/api/errors.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import {
  fillExtent,
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  publish,
  readSnapshot,
  sendAll,
  snapshotOf,
  sourceObject,
} from "../../../gateway/storage/conformance/fixtures.ts";
import { vmOfSource } from "../../../gateway/storage/conformance/objects.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import type { Customers } from "./customers.ts";

const KiB = 1024;
const volumeBytes = 512 * KiB;

/** Something that is done from its beginning to its end, after which nothing is left of it. */
export interface Scenario {
  readonly title: string;
  /** @param attempt 0, or 1 after a death */
  run(driver: StorageDriver, customers: Customers, attempt: number): Promise<void>;
}

const deleteGroups = async (driver: StorageDriver): Promise<void> => {
  for (const group of await driver.listGroups(owner)) await driver.deleteGroup({ groupId: group.groupId, owner });
};

const mirrors: Scenario = {
  title: "mirrors: a full backup, an increment, and their removal",
  run: async (driver, _, attempt) => {
    const object = sourceObject({ sizeBytes: volumeBytes });
    const [first, second] = [attempt * 10 + 1, attempt * 10 + 2];
    const bytes = noise(volumeBytes, attempt);
    await driver.prepareMirror({ owner, object: vmOfSource(), mapping: { switches: {} } });
    const mirror = await prepareMirror(driver, object);
    await sendAll(driver, mirror, { group: first, bytes });
    await publish(driver, first, mirror);
    const { epoch } = await openMirror(driver, mirror, { group: second, base: first, sizeBytes: volumeBytes });
    const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
    const later = Buffer.concat([bytes.subarray(0, 256 * KiB), noise(256 * KiB, 77)]);
    await fillExtent(writer, 1, { bytes: later, geometry: plain });
    await writer.commit();
    await driver.completeMirror({ mirrorVolumeId: mirror, epoch });
    await publish(driver, second, mirror);
    const read = async (group: number) => readSnapshot(driver, await snapshotOf(driver, groupId(group), mirror));
    assert(bytes.equals(await read(first)));
    assert(later.equals(await read(second)));
    await driver.releaseMirrors({ owner, sequence: second });
    await deleteGroups(driver);
  },
};

const groups: Scenario = {
  title: "groups: snapshots of all kinds are taken, read and deleted",
  run: async (driver, customers) => {
    const objects = await customers.objects(driver);
    const volumes = objects.flatMap((object) => object.volumes);
    await driver.snapshotGroup({ groupId: groupId(1), owner, objects, volumeIds: volumes.map(({ id }) => id) });
    for (const { id } of volumes) {
      const read = await readSnapshot(driver, await snapshotOf(driver, groupId(1), id));
      assert(read.equals(customers.contentOf(id)));
    }
    await deleteGroups(driver);
  },
};

const rebuilds: Scenario = {
  title: "rebuilds: of a LUN, a volume and a VM, and their removal",
  run: async (driver, customers, attempt) => {
    const objects = await customers.objects(driver);
    const volumes = objects.flatMap((object) => object.volumes);
    await driver.snapshotGroup({ groupId: groupId(1), owner, objects, volumeIds: volumes.map(({ id }) => id) });
    for (const object of objects) {
      const key = `restore/${object.name}`;
      const name = `again-${object.name}`;
      try {
        const made = await driver.rebuildObject({ key, owner, fromGroupId: groupId(1), object, name });
        for (const [n, { id }] of made.volumes.entries()) {
          assert(customers.madeContent(name, n).equals(customers.contentOf(object.volumes[n]?.id ?? "")), id);
        }
        await driver.deleteRebuilt({ key, owner, object: made });
      } catch (error) {
        // It was made and removed before the death.
        if (attempt === 0 || !VisibleError.is(error, "VOLUME_UNKNOWN")) throw error;
      }
    }
    await deleteGroups(driver);
  },
};

const rollbacks: Scenario = {
  title: "rollbacks: of what was written since, and of what a VM has got",
  run: async (driver, customers, attempt) => {
    const objects = await customers.objects(driver);
    const ids = objects.flatMap((object) => object.volumes.map(({ id }) => id));
    const take = (n: number) => driver.snapshotGroup({ groupId: groupId(n), owner, objects, volumeIds: ids });
    await take(1);
    if (attempt === 0) {
      for (const id of ids) customers.change(id);
      await customers.changeVm();
    }
    await rollAllBack(driver, { objects, attempt, take });
    for (const { id } of customers.volumes()) assert(customers.contentNow(id).equals(customers.contentOf(id)));
    await customers.deleteTakenOut();
    await deleteGroups(driver);
  },
};

/** To the first group, after the second was taken. */
const rollAllBack = async (
  driver: StorageDriver,
  of: {
    readonly objects: readonly ObjectConfig[];
    readonly attempt: number;
    readonly take: (n: number) => Promise<unknown>;
  },
): Promise<void> => {
  const { objects, attempt, take } = of;
  const safety = await take(2).catch((error: unknown) => {
    // It was done, and its safety group removed, before the death.
    if (attempt === 0 || !VisibleError.is(error, "GROUP_STALE")) throw error;
    return undefined;
  });
  if (safety !== undefined) {
    await driver.rollback({
      ...{ key: groupId(2), owner, from: { groupId: groupId(1), owner }, discardChanges: true },
      objects: objects.map(({ kind, id }) => ({ kind, id })),
    });
  }
};

const files: Scenario = {
  title: "files: one is made again beside the original, removed, and the original rolled back",
  run: async (driver, customers, attempt) => {
    const object = await customers.file(driver);
    const volumeIds = object.volumes.map(({ id }) => id);
    const take = (n: number) => driver.snapshotGroup({ groupId: groupId(n), owner, objects: [object], volumeIds });
    await take(1);
    const [key, name] = ["restore", "/exports/theirs/vm/again"];
    try {
      const made = await driver.rebuildObject({ key, owner, fromGroupId: groupId(1), object, name });
      assert(customers.madeContent("again", 0).equals(customers.contentOf(volumeIds[0] ?? "")));
      await driver.deleteRebuilt({ key, owner, object: made });
    } catch (error) {
      // It was made and removed before the death.
      if (attempt === 0 || !VisibleError.is(error, "VOLUME_UNKNOWN")) throw error;
    }
    if (attempt === 0) for (const id of volumeIds) customers.change(id);
    await rollAllBack(driver, { objects: [object], attempt, take });
    for (const id of volumeIds) assert(customers.contentNow(id).equals(customers.contentOf(id)));
    await deleteGroups(driver);
  },
};

export const scenarios: readonly Scenario[] = [mirrors, groups, rebuilds, rollbacks, files];
