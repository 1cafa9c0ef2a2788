import type { StorageCall } from "./call.ts";
import type { StorageDriver } from "./driver.ts";
import type { SnapshotReader } from "./volume-io.ts";

/** As much of a driver as reading a snapshot takes. */
export type SnapshotSource = Pick<StorageDriver, "openSnapshot" | "readSnapshot" | "closeSnapshot">;

/**
 * A snapshot that is opened for one reader alone: closing the reader closes the snapshot.
 * @throws SNAPSHOT_UNKNOWN
 */
export const openSnapshotReader = async (
  storage: SnapshotSource,
  snapshotId: string,
  call?: StorageCall,
): Promise<SnapshotReader> => {
  const handle = await storage.openSnapshot({ snapshotId, of: "anybody" }, call);
  try {
    return closingWith(await storage.readSnapshot(handle, call), (closing) => storage.closeSnapshot(handle, closing));
  } catch (error) {
    await storage.closeSnapshot(handle);
    throw error;
  }
};

const closingWith = (reader: SnapshotReader, also: (call?: StorageCall) => Promise<void>): SnapshotReader => ({
  sizeBytes: reader.sizeBytes,
  geometry: reader.geometry,
  read: (offset, into, call) => reader.read(offset, into, call),
  extentMap: (call) => reader.extentMap(call),
  extentBlocks: (extent, call) => reader.extentBlocks(extent, call),
  extentDigests: (call) => reader.extentDigests(call),
  close: async (call) => {
    try {
      await reader.close(call);
    } finally {
      await also(call);
    }
  },
});
