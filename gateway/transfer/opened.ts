import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import type { WantedSnapshot } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { SnapshotHandle } from "../storage/volume-io.ts";

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
 * Opens both at once, since a cluster takes a while for each, and holds them while `work` reads
 * them.
 * @throws SNAPSHOT_UNKNOWN, NOT_OURS (also of the base), and what `work` throws
 */
export const holdingBoth = async <T>(
  site: Site,
  wanted: SnapshotsToOpen,
  work: (opened: OpenedSnapshots) => Promise<T>,
): Promise<T> => {
  const opening = [site.storage.openSnapshot(wanted.snapshot), openBase(site, wanted)] as const;
  const [snapshot, base] = await Promise.allSettled(opening);
  return holding(site, openedOf(base), () =>
    holding(site, openedOf(snapshot), async () => {
      const [openSnapshot, openedBase] = await Promise.all(opening);
      return work({ snapshot: openSnapshot, base: openedBase });
    }),
  );
};

/**
 * Holds an open snapshot while `work` reads it by its handle, here and in worker threads, and
 * closes it whatever comes of that. Where it can't be closed, what came of the work still counts.
 * @throws what `work` throws
 */
const holding = async <T>(
  { storage, log }: Site,
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

const openedOf = <T>(outcome: PromiseSettledResult<T>): T | null =>
  outcome.status === "fulfilled" ? outcome.value : null;

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
