import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { noise, openMirror, prepareMirror, sourceObject } from "../../conformance/fixtures.ts";
import { ExtentStore } from "../extentstore.ts";

const extentBytes = 64 * 1024;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
const extents = 20_000;
const written = [0, 8_191, 8_192, extents - 1];

test("digests of many extents are read in turns, between which others have theirs, and are those of each extent", async () => {
  const dir = await mkdtemp(join(tmpdir(), "digests-"));
  const store = await ExtentStore.open(dir);
  try {
    const sizeBytes = extents * extentBytes;
    const mirrorVolumeId = await prepareMirror(store, sourceObject({ sizeBytes, geometry }));
    const { epoch } = await openMirror(store, mirrorVolumeId, { group: 1, sizeBytes, geometry });
    for (const extent of written) {
      const writer = await store.openMirrorExtent({ mirrorVolumeId, epoch, extent });
      await writer.write(extent * extentBytes, noise(extentBytes, extent));
      await writer.commit();
    }
    let digests: readonly unknown[] | undefined;
    let turns = 0;
    const read = store.mirrorDigests({ mirrorVolumeId, epoch }).then((all) => {
      digests = all;
    });
    while (digests === undefined) {
      turns += 1;
      await setImmediate();
    }
    await read;
    assert.ok(turns > 1, `${turns} turns`);
    assert.equal(digests.length, extents);
    const there = digests.flatMap((digest, extent) => (digest === null ? [] : [extent]));
    assert.deepEqual(there, written);
  } finally {
    await store.close();
    await rm(dir, { recursive: true });
  }
});
