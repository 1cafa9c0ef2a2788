import assert from "node:assert/strict";
import { describe } from "node:test";
import { createVolume, groupId, owner, readSnapshot, snapshotOf, storageTest } from "./fixtures.ts";
import type { StorageUnderTest } from "./storage-under-test.ts";

const volumeCount = 4;
const groupCount = 8;
const writesPerGroup = 24;
/** Of one numbered write. */
export const blockBytes = 4096;
const volumeBytes = 1024 * 1024;

/** Which numbered writes a volume holds: each lies at a place of its own. */
const numbersIn = (bytes: Buffer): number[] => {
  const numbers: number[] = [];
  for (let offset = 0; offset < bytes.length; offset += blockBytes) {
    const number = bytes.readUInt32LE(offset);
    if (number > 0) numbers.push(number);
  }
  return numbers;
};

/**
 * Whether volumes are of one instant: who writes each number only when the one before it is
 * flushed, in whichever volume that was, must find none missing below one that is there.
 */
export const assertOneInstant = (volumes: readonly Buffer[]): void => {
  const numbers = volumes.flatMap(numbersIn).toSorted((a, b) => a - b);
  assert.deepEqual(
    numbers,
    numbers.map((_, n) => n + 1),
    "a write is there, and one before it is not",
  );
};

/**
 * Where the numbered write `number` goes, among so many volumes, whose count is no multiple of 7.
 */
export const placeOf = (number: number, volumes: number): { readonly volume: number; readonly offset: number } => ({
  volume: (number * 7) % volumes,
  offset: Math.floor((number - 1) / volumes) * blockBytes,
});

export const numberedWrite = (number: number): Buffer => {
  const bytes = Buffer.alloc(blockBytes);
  bytes.writeUInt32LE(number);
  return bytes;
};

export const skewConformance = (open: () => Promise<StorageUnderTest>): void => {
  describe("the instant of a snapshot group", () => {
    storageTest("is one for all of its volumes while they are written (W5)", open, async (driver) => {
      const ids: string[] = [];
      for (let n = 0; n < volumeCount; n++)
        ids.push(await createVolume(driver, { name: `v${n}`, sizeBytes: volumeBytes }));
      const handles = await Promise.all(ids.map((id) => driver.openVolume(id, "write")));
      let written = 0;
      const writing = async () => {
        while (written < groupCount * writesPerGroup) {
          const number = written + 1;
          const { volume, offset } = placeOf(number, volumeCount);
          await handles[volume]?.write(offset, numberedWrite(number));
          await handles[volume]?.flush();
          written = number;
        }
      };
      const snapshotting = async () => {
        for (let group = 1; group <= groupCount; group++) {
          const before = written;
          await driver.snapshotGroup({ groupId: groupId(group), owner, volumeIds: ids });
          taken.push(before);
        }
      };
      const taken: number[] = [];
      await Promise.all([writing(), snapshotting()]);
      for (const handle of handles) await handle.close();
      for (let group = 1; group <= groupCount; group++) {
        const volumes: Buffer[] = [];
        for (const id of ids) volumes.push(await readSnapshot(driver, await snapshotOf(driver, groupId(group), id)));
        assertOneInstant(volumes);
        const least = taken[group - 1] ?? 0;
        assert(volumes.flatMap(numbersIn).length >= least, "what was flushed before is missing");
      }
    });
  });
};
