import type { Log } from "../log/log.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { SnapshotHandle } from "../storage/volume-io.ts";

/**
 * Holds an open snapshot while `work` reads it by its handle, here and in worker threads, and
 * closes it whatever comes of that. Where it can't be closed, what came of the work still counts.
 * @throws what `work` throws
 */
export const holding = async <T>(
  { storage, log }: { readonly storage: Pick<StorageDriver, "closeSnapshot">; readonly log: Log },
  snapshot: SnapshotHandle | null,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work();
  } finally {
    if (snapshot !== null) {
      await storage.closeSnapshot(snapshot).catch((error: unknown) => {
        log.failed({ err: error, snapshotId: snapshot.snapshotId }, "a snapshot that was read could not be closed");
      });
    }
  }
};
