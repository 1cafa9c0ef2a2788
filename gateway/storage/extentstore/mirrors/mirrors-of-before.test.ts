import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { LunObject } from "../../../../core/api/object/lun.ts";
import {
  fillExtent,
  groupId,
  noise,
  openMirror,
  owner,
  plain,
  readSnapshot,
  snapshotOf,
  takenAt,
} from "../../conformance/fixtures.ts";
import { lunOfSource, prepareAll, publicationOf, publishAll, volumeBytes } from "../../conformance/objects.ts";
import { Database } from "../database/database.ts";
import { migrate } from "../database/schema.ts";
import { ExtentStore } from "../extentstore.ts";
import { memoryDir } from "../testing/memory-dir.ts";

/** The last form in which an object had one volume. */
const formOfBefore = 6;
const object: LunObject = lunOfSource();
const [source] = object.volumes;
const mirrorId = "volume-0000000000000001";

/**
 * A store of before: one mirror, of which run 4's group is published, and run 5's is
 * prepared and half written.
 */
const storeOfBefore = (dir: string): void => {
  const database = new Database(join(dir, "store.sqlite"));
  const { planId, source: site } = owner;
  migrate(database, { to: formOfBefore });
  database.run("INSERT INTO tables (id, frozenEpoch) VALUES (1, 0), (2, 0)");
  database.run(
    `INSERT INTO volumes (id, role, kind, name, sizeBytes, extentBytes, stripeCount, stripeBytes, lunTarget, lunId,
       virtualSwitches, planId, source, tableId) VALUES (?, 'mirror', 'lun', ?, ?, ?, ?, ?, ?, 7, '[]', ?, ?, 1)`,
    mirrorId,
    object.name,
    volumeBytes,
    plain.extentBytes,
    plain.stripeCount,
    plain.stripeBytes,
    `mirror.${site}.${planId}.iscsi`,
    planId,
    site,
  );
  database.run(
    `INSERT INTO mirrors (volumeId, planId, source, sourceObjectId, sourceVolumeId, epoch, publishedSequence, groupId,
       baseGroupId, sequence, complete) VALUES (?, ?, ?, ?, ?, 3, 4, ?, ?, 5, 0)`,
    mirrorId,
    planId,
    site,
    object.id,
    source?.id ?? "",
    groupId(5),
    groupId(4),
  );
  database.run("INSERT INTO doneExtents (volumeId, extent) VALUES (?, 0)", mirrorId);
  database.run(
    "INSERT INTO preparedObjects (volumeId, sequence, groupId, objectIndex, object) VALUES (?, 5, ?, 0, ?)",
    mirrorId,
    groupId(5),
    JSON.stringify({ ...object, virtualSwitches: [] }),
  );
  const manifest = {
    takenAt,
    version: 2,
    planId,
    planName: "daily",
    source: site,
    groupId: groupId(4),
    sequence: 4,
    objects: [],
  };
  database.run(
    "INSERT INTO snapshotGroups (id, planId, source, takenAt, sequence, manifest) VALUES (?, ?, ?, ?, 4, ?)",
    groupId(4),
    planId,
    site,
    takenAt,
    JSON.stringify(manifest),
  );
  database.run(
    `INSERT INTO snapshots (id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount, stripeBytes, tableId)
     VALUES ('snapshot-0000000000000001', ?, ?, ?, ?, ?, ?, ?, 2)`,
    groupId(4),
    mirrorId,
    source?.id ?? "",
    volumeBytes,
    plain.extentBytes,
    plain.stripeCount,
    plain.stripeBytes,
  );
  database.close();
};

const withStoreOfBefore = async (body: (store: ExtentStore) => Promise<void>): Promise<void> => {
  const dir = await memoryDir("before");
  storeOfBefore(dir);
  const store = await ExtentStore.open(dir);
  try {
    await body(store);
  } finally {
    await store.close();
    await rm(dir, { recursive: true });
  }
};

test("a run that a version before prepared and half wrote goes on, and its manifest is what was prepared", async () => {
  await withStoreOfBefore(async (store) => {
    const { epoch, done } = await openMirror(store, mirrorId, { group: 5, base: 4, sizeBytes: volumeBytes });
    assert.deepEqual([epoch, done], [4, [0]]);
    const bytes = Buffer.concat([Buffer.alloc(plain.extentBytes), noise(volumeBytes - plain.extentBytes, 1)]);
    const writer = await store.openMirrorExtent({ mirrorVolumeId: mirrorId, epoch, extent: 1 });
    await fillExtent(writer, 1, { bytes, geometry: plain });
    await writer.commit();
    await store.completeMirror({ mirrorVolumeId: mirrorId, epoch });
    const mirrors = [{ sourceVolumeId: source?.id ?? "", mirrorVolumeId: mirrorId }];
    await store.publishGroup(publicationOf(5, mirrors, 1));
    const [newest] = await store.manifests();
    assert.equal(newest?.manifest.objects[0]?.name, object.name);
    assert.deepEqual(newest?.manifest.mappings, [null]);
    assert((await readSnapshot(store, await snapshotOf(store, groupId(5), mirrorId))).equals(bytes));
  });
});

test("a mirror of before is the one that is brought up to date, and its group is a base", async () => {
  await withStoreOfBefore(async (store) => {
    const [listed] = await store.inventory();
    assert.deepEqual(listed?.origin, { planId: owner.planId, siteId: owner.source, role: "mirror", planName: "daily" });
    assert.deepEqual(await prepareAll(store, 6, [{ ...object, name: "renamed" }]), [
      { sourceVolumeId: source?.id, mirrorVolumeId: mirrorId },
    ]);
    const [renamed] = await store.inventory();
    assert.equal(renamed?.name, "renamed");
    await openMirror(store, mirrorId, { group: 6, base: 4, sizeBytes: volumeBytes });
  });
});

test("a mirror of before is not listed any more when its plan does not have it, and its snapshots stay", async () => {
  await withStoreOfBefore(async (store) => {
    await publishAll(store, 6, [
      {
        ...object,
        id: "lun-00000000000000a2",
        volumes: object.volumes.map((one) => ({ ...one, id: "volume-00000000000000a2" })),
      },
    ]);
    assert.deepEqual(
      (await store.inventory()).map(({ volumes }) => volumes[0]?.id === mirrorId),
      [false],
    );
    await snapshotOf(store, groupId(4), mirrorId);
  });
});
