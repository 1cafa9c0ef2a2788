import { randomInt } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { findMirror } from "../../extentstore/mirrors/mirrors.ts";
import { mirrorForWriting } from "../../extentstore/mirrors/sessions.ts";

/*
 * Who was the last to begin writing an extent of a mirror, and for which run. An extent is written
 * in place, so from then on it is neither done nor what the base has, until that one has committed
 * it. Everything here runs inside the caller's transaction.
 */

export interface ExtentOfSession {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly extent: number;
}

export interface Claim {
  readonly mirror: VolumeRow;
  /** Nobody else's: no number is given twice but by chance, which is one in 2⁴⁷. */
  readonly mark: number;
  /**
   * The mark of whoever wrote what the mirror's base has in this extent, where nobody else can have
   * written to it: neither since the LUN became that, nor in the session that it was written in.
   */
  readonly markOfBase: number | undefined;
}

interface ClaimRow {
  readonly sequence: number;
  readonly mark: number;
  /** In its session. One who began before may still write, as long as the epoch is the same. */
  readonly isFirst: 0 | 1;
}

const markMax = 2 ** 47;

/** To be called before the first byte is written. @throws FENCED, VOLUME_UNKNOWN */
export const claimExtent = (database: Database, of: ExtentOfSession): Claim => {
  const { mirrorVolumeId, epoch, extent } = of;
  const mirror = mirrorForWriting(database, mirrorVolumeId, epoch);
  const sequence = findMirror(database, mirrorVolumeId)?.sequence ?? 0;
  const before = findClaim(database, mirror, extent);
  const mark = randomInt(markMax);
  const isFirst = before === undefined || before.sequence < sequence;
  const row = [mirror.tableId, extent, sequence, mark, isFirst ? 1 : 0];
  database.run("INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)", ...row);
  database.run("DELETE FROM doneExtents WHERE volumeId = ? AND extent = ?", mirrorVolumeId, extent);
  noteIncomplete(database, mirrorVolumeId);
  return { mirror, mark, markOfBase: isFirst && before?.isFirst === 1 ? before.mark : undefined };
};

/** @throws FENCED, VOLUME_UNKNOWN, CLUSTER_BUSY: another has begun to write it */
export const markDone = (database: Database, of: ExtentOfSession, mark: number): void => {
  const { mirrorVolumeId, epoch, extent } = of;
  const mirror = mirrorForWriting(database, mirrorVolumeId, epoch);
  if (findClaim(database, mirror, extent)?.mark !== mark) throw takenOver(extent);
  database.run("INSERT OR IGNORE INTO doneExtents (volumeId, extent) VALUES (?, ?)", mirrorVolumeId, extent);
  noteIncomplete(database, mirrorVolumeId);
};

/**
 * What was written for runs after the base's is there no more.
 * @param baseTableId of the snapshot that the mirror's LUN becomes; undefined: it becomes empty
 */
export const forgetClaims = (database: Database, volumeId: string, baseTableId: number | undefined): void => {
  // Another mirror's snapshot, such as a seed, has nothing that was written to this one.
  const base =
    baseTableId === undefined
      ? undefined
      : database.one<{ sequence: number }>(
          `SELECT sequence FROM snapshotGroups JOIN snapshots ON snapshots.groupId = snapshotGroups.id
            WHERE snapshots.tableId = ? AND snapshots.volumeId = ?`,
          baseTableId,
          volumeId,
        );
  database.run(
    "DELETE FROM claims WHERE tableId = (SELECT tableId FROM volumes WHERE id = ?) AND sequence > ?",
    volumeId,
    base?.sequence ?? -1,
  );
};

const findClaim = (database: Database, { tableId }: VolumeRow, extent: number): ClaimRow | undefined =>
  database.one<ClaimRow>(
    "SELECT sequence, mark, isFirst FROM claims WHERE tableId = ? AND extent = ?",
    tableId,
    extent,
  );

const noteIncomplete = (database: Database, volumeId: string): void => {
  database.run("UPDATE mirrors SET complete = 0 WHERE volumeId = ? AND complete = 1", volumeId);
};

const takenOver = (extent: number): VisibleError =>
  new VisibleError("CLUSTER_BUSY", `Another has begun to write extent ${extent} of the mirror meanwhile.`, {
    hint: "It will be tried again.",
  });
