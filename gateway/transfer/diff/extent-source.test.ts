import assert from "node:assert/strict";
import { test } from "node:test";
import { blockBytes } from "../../../core/extent/geometry.ts";
import type { SnapshotReader } from "../../storage/volume-io.ts";
import { openExtent } from "./extent-source.ts";

const MiB = 2 ** 20;

test("an extent that has to be read is asked for megabytes ahead, so that nobody waits for each answer", async () => {
  const sizeBytes = 64 * MiB;
  const asked: (readonly [number, number])[] = [];
  const snapshot: SnapshotReader = {
    sizeBytes,
    geometry: { extentBytes: sizeBytes, stripeCount: 1, stripeBytes: 0 },
    read: async (offset, into) => void asked.push([offset, into.length]),
    extentMap: async () => undefined,
    extentBlocks: async () => undefined,
    extentDigests: async () => undefined,
    close: async () => undefined,
  };
  const { cache } = await openExtent(snapshot, 0, { verify: false });
  await cache.bytes(0, blockBytes);
  assert.deepEqual(
    asked,
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map((unit) => [(unit * MiB) / 4, MiB / 4]),
  );
});
