import assert from "node:assert/strict";
import { describe } from "node:test";
import { compress, decompress } from "zstd-napi";
import type { Geometry } from "../../../core/api/object/volume-shape.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { extentRanges } from "../../../core/extent/striping.ts";
import { blockHash, blockHashBytes, extentDigest, hashAt, isSame, zeroBlockHash } from "../block-hash.ts";
import { openSnapshotReader } from "../snapshot-reader.ts";
import { StoredBlocks } from "../stored-blocks.ts";
import type { ExtentBlocks } from "../volume-io.ts";
import {
  createVolume,
  groupId,
  hashesOf,
  noise,
  openMirror,
  owner,
  plain,
  prepareMirror,
  publish,
  readVolume,
  rejects,
  sendAll,
  snapshotOf,
  sourceObject,
  storageTest,
  striped,
  write,
} from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const KiB = 1024;
const sizeBytes = 768 * KiB;

/** Noise, text, and a hole in the first extent of each geometry. */
const someContent = (): Buffer => {
  const bytes = noise(sizeBytes, 1);
  bytes.fill("what compresses ", 64 * KiB, 200 * KiB);
  bytes.fill(0, 192 * KiB, 256 * KiB);
  bytes.fill(0, 384 * KiB, 448 * KiB);
  return bytes;
};

/** An extent's bytes, in its own order. */
const extentOf = (bytes: Buffer, geometry: Geometry, extent: number): Buffer =>
  Buffer.concat(
    extentRanges(geometry, bytes.byteLength, extent).map(({ offset, length }) =>
      bytes.subarray(offset, offset + length),
    ),
  );

/**
 * Blocks in order, one by one and as many at once as follow each other, are what `content` holds.
 */
const readInOrder = (known: ExtentBlocks, content: Uint8Array): void => {
  const blocks = Array.from({ length: content.length / blockBytes }, (_, block) => block);
  const full = blocks.filter((block) => !isSame(hashAt(known.hashes, block), zeroBlockHash));
  for (const block of full) {
    const read = Buffer.alloc(blockBytes);
    known.readContent(block, read);
    assert(isSame(read, content.subarray(block * blockBytes, (block + 1) * blockBytes)));
  }
  for (const first of full.filter((block) => !full.includes(block - 1))) {
    const run = blocks.slice(
      first,
      blocks.slice(first).find((block) => !full.includes(block)),
    );
    const each = run.map((block) => {
      const stored = Buffer.alloc(known.storedBytes(block));
      known.readStored(block, stored);
      return stored;
    });
    const joined = Buffer.alloc(Buffer.concat(each).length);
    known.readStored(first, joined);
    assert(joined.equals(Buffer.concat(each)));
  }
};

export const blockConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("blocks", () => {
    storageTest(
      "what is known of a snapshot's blocks and extents is what is in them, or nothing is known",
      open,
      async (driver) => {
        for (const [index, geometry] of [plain, striped].entries()) {
          const bytes = someContent();
          const id = await createVolume(driver, { name: `v${index}`, sizeBytes, geometry });
          await write(driver, id, [0, bytes]);
          await driver.snapshotGroup({ groupId: groupId(index + 1), owner, volumeIds: [id] });
          const reader = await openSnapshotReader(driver, await snapshotOf(driver, groupId(index + 1), id));
          const digests = await reader.extentDigests();
          for (let extent = 0; extent < 3; extent++) {
            const content = extentOf(bytes, geometry, extent);
            const hashes = hashesOf(content);
            if (digests !== undefined) assert(isSame(digests[extent] ?? new Uint8Array(), extentDigest(hashes)));
            const known = await reader.extentBlocks(extent);
            if (known === undefined) continue;
            assert(isSame(known.hashes, hashes));
            for (let block = content.length / blockBytes - 1; block >= 0; block--) {
              if (isSame(hashAt(hashes, block), zeroBlockHash)) continue;
              const stored = Buffer.alloc(known.storedBytes(block));
              known.readStored(block, stored);
              const wanted = content.subarray(block * blockBytes, (block + 1) * blockBytes);
              assert(isSame(stored.length === blockBytes ? stored : decompress(stored), wanted));
              const read = Buffer.alloc(blockBytes);
              known.readContent(block, read);
              assert(isSame(read, wanted));
            }
            readInOrder(known, content);
          }
          await reader.close();
        }
      },
    );

    storageTest("an extent that is all zeros is a hole, and has no digest", open, async (driver) => {
      const id = await createVolume(driver);
      await write(driver, id, [0, noise(256 * KiB, 1)], [256 * KiB, noise(1000, 2)]);
      await write(driver, id, [256 * KiB, Buffer.alloc(1000)]);
      await driver.snapshotGroup({ groupId: groupId(1), owner, volumeIds: [id] });
      const reader = await openSnapshotReader(driver, await snapshotOf(driver, groupId(1), id));
      const digests = await reader.extentDigests();
      assert.deepEqual(digests?.map((digest) => digest === null) ?? [false, true, true, true], [
        false,
        true,
        true,
        true,
      ]);
      assert.equal((await reader.extentBlocks(1))?.hashes.length ?? 4 * blockHashBytes, 4 * blockHashBytes);
      await reader.close();
    });

    storageTest("blocks are taken over as another cluster stores them, if they are at all", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject({ geometry: striped, sizeBytes }));
      const { epoch } = await openMirror(driver, mirror, { group: 1, sizeBytes, geometry: striped });
      const bytes = someContent();
      const content = extentOf(bytes, striped, 1);
      const target = { mirrorVolumeId: mirror, epoch, extent: 1 };
      const writer = await driver.openMirrorExtent(target);
      for (let block = 0; block < content.length / blockBytes; block++) {
        const part = content.subarray(block * blockBytes, (block + 1) * blockBytes);
        const packed = compress(part);
        const stored = { bytes: packed.length < blockBytes ? packed : part, hash: blockHash(part) };
        if (writer.writeStored !== undefined) await writer.writeStored(block, StoredBlocks.of([stored]));
        else {
          const range = extentRanges(striped, sizeBytes, 1)[block];
          await writer.write(range?.offset ?? 0, part);
        }
      }
      assert(isSame(await writer.blockHashes(), hashesOf(content)));
      await writer.commit();
      assert(extentOf(await readVolume(driver, mirror), striped, 1).equals(content));
    });

    storageTest("many blocks are taken over at once, long and short", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const { epoch } = await openMirror(driver, mirror, { group: 1 });
      const content = noise(256 * KiB, 7).fill("text", 64 * KiB, 200 * KiB);
      const blocks = [0, 1, 2, 3].map((block) => {
        const part = content.subarray(block * blockBytes, (block + 1) * blockBytes);
        const packed = compress(part);
        return { bytes: packed.length < blockBytes ? packed : part, hash: blockHash(part) };
      });
      // In one part, in two, and over what was written before.
      for (const [extent, cuts] of [
        [0, 4],
        [0, 3, 4],
        [1, 2],
      ].entries()) {
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent });
        if (extent === 2 || writer.writeStored === undefined) await writer.write(extent * 256 * KiB, content);
        for (const [at, from] of cuts.slice(0, -1).entries()) {
          await writer.writeStored?.(from, StoredBlocks.of(blocks.slice(from, cuts[at + 1])));
        }
        assert(isSame(await writer.blockHashes(), hashesOf(content)));
        await writer.commit();
      }
      const expected = Buffer.concat([content, content, content]);
      assert((await readVolume(driver, mirror)).subarray(0, 768 * KiB).equals(expected));
    });

    storageTest("a block that is not what it was said to be is found before it is committed", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const { epoch } = await openMirror(driver, mirror, { group: 1 });
      const content = noise(blockBytes, 1);
      const frame = compress(Buffer.alloc(blockBytes, "text"));
      const wrong = [
        { bytes: content, hash: blockHash(noise(blockBytes, 2)) },
        { bytes: frame.subarray(0, -1), hash: blockHash(content) },
        { bytes: compress(Buffer.alloc(64 * blockBytes)), hash: zeroBlockHash },
        { bytes: noise(100, 3), hash: blockHash(content) },
      ];
      const right = { bytes: content, hash: blockHash(content) };
      for (const blocks of wrong.flatMap((stored) => [[stored], [right, stored, right]])) {
        const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 0 });
        if (writer.writeStored !== undefined) {
          await writer.writeStored(1, StoredBlocks.of(blocks));
          await rejects(writer.blockHashes(), "CHECKSUM_MISMATCH");
        }
        await writer.discard();
      }
      assert((await readVolume(driver, mirror)).equals(Buffer.alloc(1024 * KiB)));
    });

    storageTest("an extent's base stays what it was while the extent is written", open, async (driver) => {
      const mirror = await prepareMirror(driver, sourceObject());
      const was = noise(1024 * KiB, 1);
      await sendAll(driver, mirror, { group: 1, bytes: was });
      await publish(driver, 1, mirror);
      const { epoch } = await openMirror(driver, mirror, { group: 2, base: 1 });
      const writer = await driver.openMirrorExtent({ mirrorVolumeId: mirror, epoch, extent: 1 });
      await writer.write(256 * KiB, noise(100 * KiB, 2));
      await writer.zero(384 * KiB, 64 * KiB);
      const base = Buffer.alloc(200 * KiB);
      await writer.readBase(1234, base);
      assert(base.equals(was.subarray(256 * KiB + 1234, 456 * KiB + 1234)));
      await writer.discard();
    });

    storageTest(
      "a mirror's digests are those of what is committed, and only its writer is told",
      open,
      async (driver) => {
        const mirror = await prepareMirror(driver, sourceObject());
        const bytes = noise(1024 * KiB, 1).fill(0, 256 * KiB, 512 * KiB);
        const epoch = await sendAll(driver, mirror, { group: 1, bytes });
        const digests = await driver.mirrorDigests({ mirrorVolumeId: mirror, epoch });
        if (digests !== undefined) {
          const expected = [0, 1, 2, 3].map((extent) => extentDigest(hashesOf(extentOf(bytes, plain, extent))));
          assert.deepEqual(
            digests.map((digest) => digest && Buffer.from(digest).toString("hex")),
            expected.map((digest, extent) => (extent === 1 ? null : Buffer.from(digest).toString("hex"))),
          );
        }
        await rejects(driver.mirrorDigests({ mirrorVolumeId: mirror, epoch: epoch - 1 }), "FENCED");
      },
    );
  });
};
