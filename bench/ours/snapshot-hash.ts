import { createHash } from "node:crypto";
import { groupIdSchema } from "../../core/api/ids.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { pieceBytes, piecesOf } from "../../gateway/storage/image/pieces.ts";
import { readAhead } from "../../gateway/storage/image/read-ahead.ts";
import { openSnapshotReader } from "../../gateway/storage/snapshot-reader.ts";

/**
 * SHA-256, hex, of all bytes of a group's first snapshot, read through the storage as an export
 * reads them.
 */
export const snapshotHash = async (storage: StorageDriver, groupId: string): Promise<string> => {
  const group = await storage.findGroup(groupIdSchema.parse(groupId));
  const [snapshot] = group?.snapshots ?? [];
  if (snapshot === undefined) throw new Error(`there is no group ${groupId}`);
  const reader = await openSnapshotReader(storage, snapshot.snapshotId);
  try {
    const hash = createHash("sha256");
    const pieces = readAhead({
      pieces: piecesOf(reader.sizeBytes),
      signal: new AbortController().signal,
      makeBuffers: () => Buffer.alloc(pieceBytes),
      fill: (buffer, { offset, length }) => reader.read(offset, buffer.subarray(0, length)),
    });
    for await (const { piece, buffers } of pieces) hash.update(buffers.subarray(0, piece.length));
    return hash.digest("hex");
  } finally {
    await reader.close();
  }
};
