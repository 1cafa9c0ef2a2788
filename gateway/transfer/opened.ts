import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import type { WantedSnapshot } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { SnapshotHandle } from "../storage/volume-io.ts";
import { allOf } from "../time/all-of.ts";

/** What a transfer reads. */
export interface OpenedSnapshots {
  readonly snapshot: SnapshotHandle;
  /** What the target starts from. Null: the source has none, or not any more. */
  readonly base: SnapshotHandle | null;
}

export interface SnapshotsToOpen {
  readonly snapshot: WantedSnapshot;
  /** Null: there is none, or the source is known to have it no more. */
  readonly base: WantedSnapshot | null;
  readonly baseGroupId: GroupId | null;
  readonly mirrorVolumeId: string;
}

interface Site {
  readonly storage: StorageDriver;
  readonly log: Log;
}

/**
 * Opens both at once, since a cluster takes a while for each. `work` begins meanwhile with what
 * needs neither, and reads them by their handles, here and in worker threads. They are closed
 * whatever comes of that; where one can't be closed, what came of the work still counts.
 * @throws what `work` throws
 * @param work `opening` throws SNAPSHOT_UNKNOWN, NOT_OURS (also of the base)
 */
export const holdingBoth = async <T>(
  site: Site,
  wanted: SnapshotsToOpen,
  work: (opening: Promise<OpenedSnapshots>) => Promise<T>,
): Promise<T> => {
  const each = [site.storage.openSnapshot(wanted.snapshot), openBase(site, wanted)] as const;
  const opening = allOf(each).then(([snapshot, base]) => ({ snapshot, base }));
  // Told to whoever waits for it.
  opening.catch(() => undefined);
  try {
    return await work(opening);
  } finally {
    for (const opened of await Promise.allSettled(each)) {
      if (opened.status === "fulfilled" && opened.value !== null) await close(site, opened.value);
    }
  }
};

const close = async ({ storage, log }: Site, snapshot: SnapshotHandle): Promise<void> => {
  await storage.closeSnapshot(snapshot).catch((error: unknown) => {
    log.failed({ err: error, snapshotId: snapshot.snapshotId }, "a snapshot that was read could not be closed");
  });
};

const openBase = async ({ storage, log }: Site, wanted: SnapshotsToOpen): Promise<SnapshotHandle | null> => {
  const { base, baseGroupId, mirrorVolumeId: mirror } = wanted;
  if (baseGroupId === null) return null;
  if (base === null) {
    log.warn({ mirror, baseGroupId }, lostBase);
    return null;
  }
  try {
    return await storage.openSnapshot(base);
  } catch (error) {
    if (!isLostBase(error)) throw error;
    log.warn({ err: error, mirror, baseGroupId }, lostBase);
    return null;
  }
};

/** Whether it says that the source can't read the base any more. */
export const isLostBase = (error: unknown): boolean =>
  VisibleError.is(error, "SNAPSHOT_UNKNOWN") || VisibleError.is(error, "STORE_CORRUPT");

export const lostBase =
  "the source no longer has the base: every extent is compared with what the target says of its own";
