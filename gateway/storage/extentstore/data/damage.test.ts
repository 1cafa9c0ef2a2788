import assert from "node:assert/strict";
import { rmSync, statSync, truncateSync } from "node:fs";
import { describe, type TestContext, test } from "node:test";
import { VisibleError } from "../../../../core/api/errors.ts";
import { extentDigest } from "../../block-hash.ts";
import {
  createVolume,
  fillExtent,
  groupId,
  hashesOf,
  noise,
  openMirror,
  owner,
  plain,
  readSnapshot,
  readVolume,
  rejects,
  snapshotOf,
  sourceObject,
  volumeOf,
  write,
} from "../../conformance/fixtures.ts";
import { looseVolume, mirrorOf, publishAll, vmOfSource } from "../../conformance/objects.ts";
import { openSnapshotReader } from "../../snapshot-reader.ts";
import { ExtentStore } from "../extentstore.ts";

import {
  blockBytes,
  changed,
  extentBytes,
  flip,
  flipTable,
  setUp,
  sizeBytes,
  withDamagedBlock,
} from "../testing/damaged.ts";

describe("damage", () => {
  test("that a reader finds marks every group that shares the block, and no other", async (t) => {
    const world = await withDamagedBlock(t);
    assert.deepEqual(await world.damage(), [], "nobody has looked");
    await rejects(readSnapshot(world.store, await world.snapshot(2)), "STORE_CORRUPT");
    assert.deepEqual(await world.damage(), [
      [groupId(1), 1],
      [groupId(2), 1],
    ]);
    await world.isWhole(3);
  });

  test("says of each group which object it is in, by the source's id and by name", async (t) => {
    const world = await withDamagedBlock(t);
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    assert.deepEqual(
      { ...(await world.store.damage())[0] },
      { groupId: groupId(1), sourceVolumeId: "source-volume-7", name: "database", extents: 1 },
    );
  });

  test("of an object that its plan has no more is in the groups before, by the name that it had", async (t) => {
    const { store, files } = await setUp(t);
    const [gone, other] = [vmOfSource(), looseVolume()];
    const mirrors = await publishAll(store, 1, [gone, other]);
    await publishAll(store, 2, [other]);
    const [, damaged] = gone.vm.disks;
    for (const file of files()) truncateSync(file, 100);
    const mirror = mirrorOf(mirrors, damaged?.volumeId ?? "");
    await rejects(
      snapshotOf(store, groupId(1), mirror).then((id) => readSnapshot(store, id)),
      "STORE_CORRUPT",
    );
    const found = (await store.damage()).filter(({ sourceVolumeId }) => sourceVolumeId === damaged?.volumeId);
    assert.deepEqual(
      found.map(({ name }) => name),
      [damaged?.name],
    );
  });

  test("is remembered by whoever opens the store, also while others have it open", async (t) => {
    const world = await withDamagedBlock(t);
    const other = await ExtentStore.open(world.dir);
    await rejects(readSnapshot(other, await world.snapshot(1)), "STORE_CORRUPT");
    await other.close();
    assert.equal((await world.damage()).length, 2);
    const later = await ExtentStore.open(world.dir);
    assert.equal((await later.damage()).length, 2);
    await later.close();
  });

  test("that can't be remembered is reported all the same", async (t) => {
    const world = await withDamagedBlock(t);
    world.tamper((database) => database.execute("DROP TABLE damagedBlocks; DROP TABLE damagedVersions"));
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
  });

  test("of a data file that is gone is that of all its blocks", async (t) => {
    const world = await setUp(t);
    const first = noise(sizeBytes, 1);
    const { files } = await world.publish(1, first, [0, 1, 2, 3]);
    await world.publish(2, changed(first, 5, 2), [1]);
    for (const file of files) rmSync(file);
    await rejects(readSnapshot(world.store, await world.snapshot(2)), "STORE_CORRUPT");
    assert.deepEqual(await world.damage(), [
      [groupId(1), 4],
      [groupId(2), 3],
    ]);
  });

  test("that is none any more when the store is opened again is forgotten, and what is still damaged is not", async (t) => {
    const world = await withDamagedBlock(t);
    const [file = ""] = world.files();
    flip(file, 9 * blockBytes);
    const reader = await openSnapshotReader(world.store, await world.snapshot(1));
    for (const block of [5, 9]) await rejects(reader.read(block * blockBytes, Buffer.alloc(10)), "STORE_CORRUPT");
    await reader.close();
    flip(file, 9 * blockBytes);
    const later = await ExtentStore.open(world.dir);
    assert.deepEqual(
      (await later.damage()).map(({ groupId: id, extents }) => [id, extents]),
      [
        [groupId(1), 1],
        [groupId(2), 1],
      ],
    );
    flip(file, 5 * blockBytes + 100);
    await later.close();
    await (await ExtentStore.open(world.dir)).close();
    assert.deepEqual(await world.damage(), []);
    await world.isWhole(1);
  });

  test("of a volume is that of the groups that were taken of it", async (t) => {
    const { store, files } = await setUp(t);
    const id = await createVolume(store, { name: "disk", sizeBytes });
    await write(store, id, [0, noise(sizeBytes, 1)]);
    await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
    flip(files()[0], 100);
    await rejects(readVolume(store, id), "STORE_CORRUPT");
    assert.deepEqual(
      (await store.damage()).map(({ name, extents }) => [name, extents]),
      [["disk", 1]],
    );
  });
});

describe("the next group after damage", () => {
  test("mends older ones with the damaged block when it comes again", async (t) => {
    const world = await withDamagedBlock(t);
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    assert.deepEqual(await world.publish(4, world.contentOf(3), []).then(({ damaged }) => damaged), []);
    assert.equal((await world.damage()).length, 2, "what is elsewhere now heals nothing");
    const { damaged } = await world.publish(5, world.contentOf(2), [1]);
    assert.deepEqual(damaged, []);
    assert.deepEqual(await world.damage(), [], "the block came again");
    for (const group of [1, 2, 3, 4, 5]) await world.isWhole(group);
  });

  test("is told which extents to write in full; older ones stay marked when their block does not come again", async (t) => {
    const world = await setUp(t);
    const first = noise(sizeBytes, 1);
    const { files } = await world.publish(1, first, [0, 1, 2, 3]);
    flip(files[0], 5 * blockBytes + 100);
    flip(files[0], 9 * blockBytes + 100);
    const reader = await openSnapshotReader(world.store, await world.snapshot(1));
    for (const block of [5, 9]) await rejects(reader.read(block * blockBytes, Buffer.alloc(10)), "STORE_CORRUPT");
    await reader.close();
    assert.deepEqual(await world.damage(), [[groupId(1), 2]]);
    // Block 5 has changed at the source meanwhile; block 9 has not, but another one of its extent.
    const { damaged } = await world.publish(2, changed(changed(first, 5, 2), 10, 3), []);
    assert.deepEqual(damaged, [1, 2]);
    assert.deepEqual(await world.damage(), [[groupId(1), 1]]);
    await world.isWhole(2);
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    await world.store.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(await world.damage(), []);
  });

  test("does not take over damage that nobody writes over", async (t) => {
    const world = await withDamagedBlock(t);
    await rejects(readSnapshot(world.store, await world.snapshot(2)), "STORE_CORRUPT");
    const { store, mirror } = world;
    const base = { group: 4, base: 2, sizeBytes };
    const { epoch } = await openMirror(store, mirror, base);
    const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
    await writer.write(extentBytes, noise(blockBytes, 9));
    await writer.commit();
    await store.completeMirror({ mirrorVolumeId: mirror, epoch });
    const again = await openMirror(store, mirror, base);
    assert.deepEqual([again.damaged, again.done, again.complete], [[1], [], false]);
  });

  test("has to write again what was done already, when that was found damaged", async (t) => {
    const world = await setUp(t);
    const { store, mirror } = world;
    const { epoch } = await openMirror(store, mirror, { group: 1, sizeBytes });
    for (const extent of [0, 1]) {
      const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
      await fillExtent(writer, extent, { bytes: noise(sizeBytes, 1), geometry: plain });
      await writer.commit();
    }
    await store.completeMirror({ mirrorVolumeId: mirror, epoch });
    flip(world.files()[0], 100);
    const reading = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 });
    await rejects(reading.readBase(0, Buffer.alloc(10)), "STORE_CORRUPT");
    await reading.discard();
    const digests = await store.mirrorDigests({ mirrorVolumeId: mirror, epoch });
    assert.deepEqual(Buffer.from(digests[0] ?? []), Buffer.alloc(32, 0xff), "no content has it");
    const part = noise(sizeBytes, 1).subarray(extentBytes, 2 * extentBytes);
    assert.deepEqual(Buffer.from(digests[1] ?? []), extentDigest(hashesOf(part)));
    const again = await openMirror(store, mirror, { group: 1, sizeBytes });
    assert.deepEqual([again.damaged, again.done, again.complete], [[0], [1], false]);
  });
});

describe("a rebuild", () => {
  test("of a damaged group is refused with the extents, and made all the same when that is asked for", async (t) => {
    const world = await withDamagedBlock(t);
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    const options = (group: number) => ({
      key: `restore/${group}`,
      owner,
      fromGroupId: groupId(group),
      object: sourceObject({ sizeBytes }),
      name: `rebuilt-${group}`,
    });
    await assert.rejects(world.store.rebuildObject(options(2)), (error: unknown) => {
      assert(VisibleError.is(error, "GROUP_DAMAGED"));
      assert.match(error.message, /“database” is damaged in the group group_.*: extents 1 of it can't be read/);
      assert.match(error.hint ?? "", /group list --plan plan_\w+\. .*rebuild group_[\w.-]+ --site SITE --damaged/);
      return true;
    });
    assert((await world.store.inventory()).every(({ origin }) => origin?.role !== "rebuilt"));
    assert.equal((await world.store.rebuildObject(options(3))).name, "rebuilt-3");
    const { id } = volumeOf(await world.store.rebuildObject({ ...options(2), evenDamaged: true }));
    const reader = await world.store.openVolume(id, "read");
    const extent = Buffer.alloc(extentBytes);
    await reader.read(0, extent);
    assert(extent.equals(world.contentOf(2).subarray(0, extentBytes)));
    await rejects(reader.read(extentBytes, extent), "STORE_CORRUPT");
    await reader.close();
  });

  test("finds damage by what is read of it, and marks the groups that share it", async (t) => {
    const world = await withDamagedBlock(t);
    const object = sourceObject({ sizeBytes });
    const options = { key: "restore/1", owner, fromGroupId: groupId(2), object, name: "rebuilt" };
    const { id } = volumeOf(await world.store.rebuildObject(options));
    await rejects(readVolume(world.store, id), "STORE_CORRUPT");
    assert.deepEqual(await world.damage(), [
      [groupId(1), 1],
      [groupId(2), 1],
    ]);
  });
});

describe("damage of the metadata", () => {
  test("of a block table is found by reading, and mended with the groups that have the same content", async (t) => {
    const world = await setUp(t);
    const first = noise(sizeBytes, 1);
    await world.publish(1, first, [0, 1, 2, 3]);
    await world.publish(2, changed(first, 0, 2), [0]);
    world.tamper((database) =>
      flipTable(database, "id IN (SELECT versionId FROM extents JOIN snapshots USING (tableId) WHERE extent = 2)"),
    );
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    assert.deepEqual(await world.damage(), [
      [groupId(1), 1],
      [groupId(2), 1],
    ]);
    const { damaged } = await world.publish(3, world.contentOf(2), []);
    assert.deepEqual(damaged, [2]);
    assert.deepEqual(await world.damage(), []);
    for (const group of [1, 2, 3]) await world.isWhole(group);
  });

  test("of a block table does not keep an extent from being written in full, though nobody has found it yet", async (t) => {
    const world = await setUp(t);
    await world.publish(1, noise(sizeBytes, 1), [0, 1, 2, 3]);
    world.tamper((database) => flipTable(database));
    const { damaged } = await world.publish(2, noise(sizeBytes, 2), [0, 1, 2, 3]);
    assert.deepEqual(damaged, []);
    await world.isWhole(2);
    const { store, mirror } = world;
    const { epoch } = await openMirror(store, mirror, { group: 3, base: 2, sizeBytes });
    world.tamper((database) => flipTable(database));
    const writer = await store.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
    await rejects(writer.write(extentBytes, noise(blockBytes, 9)), "STORE_CORRUPT");
    await writer.discard();
    const again = await openMirror(store, mirror, { group: 3, base: 2, sizeBytes });
    assert.deepEqual(again.damaged, [1]);
  });

  test("that lost a version reads as damage, never as zeros, and the next group is whole", async (t) => {
    const world = await setUp(t);
    const first = noise(sizeBytes, 1);
    await world.publish(1, first, [0, 1, 2, 3]);
    world.tamper((database) => database.run("DELETE FROM versions WHERE id = (SELECT min(id) FROM versions)"));
    await rejects(readSnapshot(world.store, await world.snapshot(1)), "STORE_CORRUPT");
    const { epoch } = await openMirror(world.store, world.mirror, { group: 2, base: 1, sizeBytes });
    const digests = await world.store.mirrorDigests({ mirrorVolumeId: world.mirror, epoch });
    assert.deepEqual(
      digests.map((digest) => digest !== null),
      [false, true, true, true],
    );
    await world.publish(2, first, [0]);
    await world.isWhole(2);
  });

  test("that lost a version is no hole of a snapshot that is taken, nor of its extent map", async (t) => {
    const { store, tamper } = await setUp(t);
    const id = await createVolume(store, { name: "disk", sizeBytes });
    await write(store, id, [0, noise(sizeBytes, 1)]);
    await store.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
    tamper((database) => database.run("DELETE FROM versions WHERE id = (SELECT min(id) FROM versions)"));
    await rejects(store.snapshotGroup({ groupId: groupId(2), owner, volumeIds: [id] }), "STORE_CORRUPT");
    const reader = await openSnapshotReader(store, await snapshotOf(store, groupId(1), id));
    assert.notEqual((await reader.extentMap())?.[0], null);
    tamper((database) => database.run("UPDATE extents SET extent = 99 WHERE extent = 3"));
    await rejects(reader.extentMap(), "STORE_CORRUPT");
    await reader.close();
  });
});

describe("the collector", () => {
  /** A file of which a quarter is alive, and in it a block that is damaged. */
  const mostlyDead = async (t: TestContext) => {
    const world = await setUp(t);
    const first = noise(sizeBytes, 1);
    const { files } = await world.publish(1, first, [0, 1, 2, 3]);
    const second = Buffer.concat([noise(3 * extentBytes, 2), first.subarray(3 * extentBytes)]);
    await world.publish(2, second, [0, 1, 2]);
    return { ...world, file: files[0] ?? assert.fail(), second };
  };
  const bytesOf = (files: readonly string[]) => files.reduce((sum, file) => sum + statSync(file).size, 0);

  test("notes a damaged block that it would move, and its space comes back when it is mended", async (t) => {
    const world = await mostlyDead(t);
    flip(world.file, 13 * blockBytes);
    await world.store.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(await world.damage(), [[groupId(2), 1]]);
    assert(world.files().includes(world.file), "its bytes are left for whoever looks at them");
    assert.deepEqual((await world.publish(3, world.second, [])).damaged, [3]);
    await world.store.deleteGroup({ groupId: groupId(9), owner });
    assert(!world.files().includes(world.file));
    assert.equal(bytesOf(world.files()), sizeBytes);
    for (const group of [2, 3]) await world.isWhole(group);
  });

  test("notes what is behind the end of a file that it looks at, and all blocks of one that is gone", async (t) => {
    for (const lose of [(file: string) => truncateSync(file, 13 * blockBytes + 1), rmSync]) {
      const world = await mostlyDead(t);
      lose(world.file);
      await world.store.deleteGroup({ groupId: groupId(1), owner });
      assert.deepEqual(await world.damage(), [[groupId(2), 1]]);
      assert.deepEqual((await world.publish(3, world.second, [])).damaged, [3]);
      assert.deepEqual(await world.damage(), []);
      for (const group of [2, 3]) await world.isWhole(group);
    }
  });

  test("notes a damaged block table, gets on with other files, and its space comes back when it is mended", async (t) => {
    const world = await mostlyDead(t);
    world.tamper((database) =>
      flipTable(
        database,
        `id = (SELECT versionId FROM extents JOIN snapshots USING (tableId) WHERE extent = 3 AND groupId = '${groupId(2)}')`,
      ),
    );
    const other = await createVolume(world.store, { name: "other", sizeBytes });
    await write(world.store, other, [0, noise(sizeBytes, 7)]);
    await world.store.deleteGroup({ groupId: groupId(1), owner });
    assert.deepEqual(await world.damage(), [[groupId(2), 1]]);
    await world.store.deleteVolume(other);
    assert.equal(bytesOf(world.files()), sizeBytes + 3 * extentBytes);
    assert.deepEqual((await world.publish(3, world.second, [])).damaged, [3]);
    await world.store.deleteGroup({ groupId: groupId(9), owner });
    assert.equal(bytesOf(world.files()), sizeBytes);
    for (const group of [2, 3]) await world.isWhole(group);
  });
});
