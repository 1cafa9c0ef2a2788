import { randomInt } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import { extentCount } from "../../../../core/api/object/volume-shape.ts";
import { geometryOf, objectIdOf, type VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import { findVolume } from "../../extentstore/cluster/volumes.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { findMirror } from "../../extentstore/mirrors/mirrors.ts";
import { mirrorForWriting } from "../../extentstore/mirrors/sessions.ts";

/*
 * Who was the last to begin writing an extent of a mirror, and for which run. An extent is written
 * in place, so from then on it is neither done nor what the base has, until that one has committed
 * it. In an epoch one at a time writes it: whoever has not said that it is over may write on, and
 * only a later epoch shuts it out. Everything here runs inside the caller's transaction.
 */

export interface ExtentOfSession {
  readonly mirrorVolumeId: string;
  readonly epoch: number;
  readonly extent: number;
}

export interface Claim {
  /** Nobody else's: no number is given twice but by chance, which is one in 2⁴⁷. */
  readonly mark: number;
  /** As `markOfBase` gives it. */
  readonly markOfBase: number | undefined;
}

interface ClaimRow {
  readonly sequence: number;
  readonly mark: number;
  /** The epoch in which the writer may be at it; null: it has said that it is over. */
  readonly openIn: number | null;
}

const markMax = 2 ** 47;
/** Nothing is committed or kept under it. */
const nobodysMark = -1;

/** What is known of an extent when somebody opens it. @throws FENCED, VOLUME_UNKNOWN */
export const lookAtExtent = (
  database: Database,
  { mirrorVolumeId, epoch, extent }: ExtentOfSession,
): { readonly mirror: VolumeRow; readonly lastMark: number | undefined } => {
  const mirror = mirrorForWriting(database, mirrorVolumeId, epoch);
  return { mirror, lastMark: findClaim(database, mirror, extent)?.mark };
};

/**
 * To be called before the first byte is written.
 * @param lastMark of when the extent was opened: whoever has claimed it since has the newer bytes
 * @throws FENCED (also where the mirror is complete), VOLUME_UNKNOWN; CLUSTER_BUSY: who has begun
 *   to write it may be at it still, or was quicker
 */
export const claimExtent = (database: Database, of: ExtentOfSession, lastMark: number | undefined): Claim => {
  const { mirrorVolumeId, epoch, extent } = of;
  const mirror = mirrorForWriting(database, mirrorVolumeId, epoch);
  if (findMirror(database, mirrorVolumeId)?.complete === 1) throw alreadyComplete(mirror);
  const last = findClaim(database, mirror, extent);
  if (last?.openIn === epoch || last?.mark !== lastMark) throw stillWritten(extent);
  const claim = { mark: randomInt(markMax), markOfBase: markOfBase(database, of) };
  const row = [mirror.tableId, extent, sequenceOf(database, mirrorVolumeId), claim.mark, epoch];
  database.run("INSERT OR REPLACE INTO extentClaims VALUES (?, ?, ?, ?, ?)", ...row);
  database.run("DELETE FROM doneExtents WHERE volumeId = ? AND extent = ?", mirrorVolumeId, extent);
  return claim;
};

/**
 * The mark of whoever wrote what the mirror's base has in this extent; undefined where somebody has
 * begun to write it since the LUN became that, or nobody ever has. @throws FENCED, VOLUME_UNKNOWN
 */
export const markOfBase = (database: Database, of: ExtentOfSession): number | undefined => {
  const { mirrorVolumeId, epoch, extent } = of;
  const last = findClaim(database, mirrorForWriting(database, mirrorVolumeId, epoch), extent);
  return last !== undefined && last.sequence < sequenceOf(database, mirrorVolumeId) ? last.mark : undefined;
};

/** @throws FENCED, VOLUME_UNKNOWN; CLUSTER_BUSY: the claim is not this one's any more */
export const markDone = (database: Database, of: ExtentOfSession, mark: number): void => {
  const { mirrorVolumeId, epoch, extent } = of;
  const mirror = mirrorForWriting(database, mirrorVolumeId, epoch);
  if (findClaim(database, mirror, extent)?.mark !== mark) throw stillWritten(extent);
  endClaim(database, of, mark);
  database.run("INSERT OR IGNORE INTO doneExtents (volumeId, extent) VALUES (?, ?)", mirrorVolumeId, extent);
};

/** Nothing of what it has written is under way. The extent is as it was left. */
export const endClaim = (database: Database, { mirrorVolumeId, extent }: ExtentOfSession, mark: number): void => {
  database.run(
    `UPDATE extentClaims SET openIn = NULL
      WHERE tableId = (SELECT tableId FROM volumes WHERE id = ?) AND extent = ? AND mark = ?`,
    mirrorVolumeId,
    extent,
    mark,
  );
};

/**
 * In order, those that were begun for the mirror's run, and not committed. @throws VOLUME_UNKNOWN
 */
export const begunExtents = (database: Database, mirrorVolumeId: string): readonly number[] => {
  const mirror = findVolume(database, mirrorVolumeId);
  const { sequence = 0, publishedSequence = 0 } = findMirror(database, mirrorVolumeId) ?? {};
  // What is published was looked at before, and nothing counts as done any more.
  if (sequence <= publishedSequence) return [];
  return database
    .all<{ extent: number }>(
      `SELECT extent FROM extentClaims WHERE tableId = ? AND sequence = ? AND extent < ?
        AND extent NOT IN (SELECT extent FROM doneExtents WHERE volumeId = ?) ORDER BY extent`,
      mirror.tableId,
      sequence,
      extentCount(geometryOf(mirror), mirror.sizeBytes),
      mirrorVolumeId,
    )
    .map(({ extent }) => extent);
};

/** @throws GROUP_INCOMPLETE where an extent was begun for this run, and not committed */
export const refuseHalfWritten = (database: Database, mirrorVolumeId: string): void => {
  const [half] = begunExtents(database, mirrorVolumeId);
  if (half === undefined) return;
  const what = `Extent ${half} of the mirror ${objectIdOf(findVolume(database, mirrorVolumeId))}`;
  throw new VisibleError("GROUP_INCOMPLETE", `${what} was begun, and never written to its end.`, {
    hint: "It will be tried again with a new session, which names it; else run the plan again.",
  });
};

/**
 * The LUN became its base once more, nobody knows when: nothing that was written for the run
 * counts, whether it is done or under way. Who writes it opens the mirror anew then.
 */
export const forgetDone = (database: Database, volumeId: string): void => {
  const { sequence = 0, publishedSequence = 0 } = findMirror(database, volumeId) ?? {};
  if (sequence <= publishedSequence) return;
  database.run("DELETE FROM doneExtents WHERE volumeId = ?", volumeId);
  database.run("UPDATE mirrors SET complete = 0 WHERE volumeId = ?", volumeId);
  database.run(
    `UPDATE extentClaims SET mark = ?
      WHERE tableId = (SELECT tableId FROM volumes WHERE id = ?) AND sequence = ?`,
    nobodysMark,
    volumeId,
    sequence,
  );
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
    "DELETE FROM extentClaims WHERE tableId = (SELECT tableId FROM volumes WHERE id = ?) AND sequence > ?",
    volumeId,
    base?.sequence ?? -1,
  );
};

const findClaim = (database: Database, { tableId }: VolumeRow, extent: number): ClaimRow | undefined =>
  database.one<ClaimRow>(
    "SELECT sequence, mark, openIn FROM extentClaims WHERE tableId = ? AND extent = ?",
    tableId,
    extent,
  );

const sequenceOf = (database: Database, mirrorVolumeId: string): number =>
  findMirror(database, mirrorVolumeId)?.sequence ?? 0;

/** What comes now is late: the sender has been told that all of it is here. */
const alreadyComplete = (mirror: VolumeRow): VisibleError =>
  new VisibleError("FENCED", `The mirror ${objectIdOf(mirror)} takes no more of these writes: it is complete.`, {
    hint: "Drop the task; whoever holds it now goes on.",
  });

const stillWritten = (extent: number): VisibleError =>
  new VisibleError(
    "CLUSTER_BUSY",
    `Another has begun to write extent ${extent} of the mirror, and may be at it still.`,
    {
      hint: "It will be tried again with a new session, which shuts the other one out.",
    },
  );
