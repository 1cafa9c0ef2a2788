import { VisibleError } from "../../core/api/errors.ts";
import type { GroupId } from "../../core/api/ids.ts";
import type { Log } from "../log/log.ts";
import type { WantedSnapshot } from "../storage/control.ts";
import type { StorageDriver } from "../storage/driver.ts";
import type { SnapshotHandle } from "../storage/volume-io.ts";
import { holding } from "./held-snapshot.ts";

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

const openedOf = <T>(outcome: PromiseSettledResult<T>): T | null =>
  outcome.status === "fulfilled" ? outcome.value : null;

const openBase = async ({ storage, log }: Site, wanted: SnapshotsToOpen): Promise<SnapshotHandle | null> => {
  const { base, baseGroupId } = wanted;
  if (baseGroupId === null) return null;
  if (base === null) {
    log.warn({ baseGroupId }, lostBase);
    return null;
  }
  try {
    return await storage.openSnapshot(base);
  } catch (error) {
    if (!isLostBase(error)) throw error;
    log.warn({ err: error, baseGroupId }, lostBase);
    return null;
  }
};

/** Whether it says that the source can't read the base any more. */
export const isLostBase = (error: unknown): boolean =>
  VisibleError.is(error, "SNAPSHOT_UNKNOWN") || VisibleError.is(error, "STORE_CORRUPT");

export const lostBase =
  "the source no longer has the base: every extent is compared with what the target says of its own";
