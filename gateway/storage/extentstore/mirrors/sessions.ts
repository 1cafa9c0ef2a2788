import { VisibleError } from "../../../../core/api/errors.ts";
import { isSameMirrorSet } from "../../../../core/api/mirror-set.ts";
import { checkShape, extentCount } from "../../../../core/api/object/volume-shape.ts";
import type { MirrorSession, OpenMirrorOptions, PublishGroupOptions, SnapshotGroup } from "../../control.ts";
import { mirrorSetOf } from "../../mirror-set.ts";
import type { ExtentDigest } from "../../volume-io.ts";
import { keepProof } from "../cluster/foreign-groups.ts";
import { rememberPlan } from "../cluster/foreign-plans.ts";
import { groupExists, groupStale, newestPublished, refuseOtherRun } from "../cluster/order.ts";
import { findOwnGroup, findPublished, insertGroup } from "../cluster/snapshots.ts";
import { objectIdOf, type VolumeRow } from "../cluster/volume-row.ts";
import { findVolume } from "../cluster/volumes.ts";
import type { BlockTable } from "../data/blocks.ts";
import { damagedExtents } from "../data/damage.ts";
import { clearTable, commitExtent, damagedDigest, extentDigests, type PendingExtent } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { refuseAborted } from "./aborted.ts";
import { endPublished, grantOf, refuseUngranted } from "./grants.ts";
import { findMirror, type MirrorRow, mirrorsOf, ownMirror, resetMirror, sameGeometry } from "./mirrors.ts";
import { dropOvertaken, dropPublished, manifestOf } from "./prepared.ts";
import { dropStaleMirrors } from "./stale.ts";

/*
 * The writing of mirrors. A mirror has one session: the group that is being written, the base it
 * started from, the extents that are done, and the epoch of whoever may write. Everything here runs
 * inside the caller's transaction.
 */

/**
 * @throws VOLUME_UNKNOWN, NOT_OURS, GROUP_ABORTED, GROUP_EXISTS (this very group is published:
 *   there is nothing left to write), GROUP_STALE (also when a newer one is being written or
 *   granted), NOT_GRANTED, BASE_MISSING, BAD_REQUEST
 */
export const openMirror = (database: Database, options: OpenMirrorOptions): MirrorSession => {
  const { owner, mirrorVolumeId, groupId, baseGroupId, sequence } = options;
  const mirror = ownMirror(database, mirrorVolumeId, owner);
  const volume = findVolume(database, mirrorVolumeId);
  const known = findPublished(database, groupId, owner);
  if (known !== undefined) throw groupExists(known, "it has been published");
  refuseAborted(database, groupId, owner);
  const isSameRun = mirror.groupId === groupId && mirror.sequence === sequence;
  const granted = grantOf(database, mirrorVolumeId)?.sequence ?? 0;
  const others = Math.max(isSameRun ? 0 : mirror.sequence, granted > sequence ? granted : 0);
  const newest = Math.max(mirror.publishedSequence, others);
  const what = `the mirror ${mirrorVolumeId} has or gets`;
  if (sequence <= newest) throw groupStale({ groupId, sequence, newest, what });
  refuseUngranted(database, options);
  refuseOtherShape(volume, options);
  const resumes = isSameRun && mirror.baseGroupId === baseGroupId;
  if (!resumes) resetMirror(database, owner, { mirror, baseGroupId });
  resizeMirror(database, volume, options.sizeBytes);
  const damaged = damagedExtents(database, volume.tableId);
  for (const extent of damaged) {
    database.run("DELETE FROM doneExtents WHERE volumeId = ? AND extent = ?", mirrorVolumeId, extent);
  }
  dropOvertaken(database, mirrorVolumeId, sequence);
  const complete = resumes && mirror.complete === 1 && damaged.length === 0;
  database.run(
    `UPDATE mirrors SET epoch = epoch + 1, groupId = ?, baseGroupId = ?, sequence = ?, complete = ? WHERE volumeId = ?`,
    groupId,
    baseGroupId,
    sequence,
    complete ? 1 : 0,
    mirrorVolumeId,
  );
  return {
    epoch: mirror.epoch + 1,
    done: database
      .all<{ extent: number }>("SELECT extent FROM doneExtents WHERE volumeId = ? ORDER BY extent", mirrorVolumeId)
      .map((row) => row.extent),
    damaged,
    begun: [],
    complete,
  };
};

/** What is sent must be as it was prepared; a source whose volume is smaller now may send less. */
const refuseOtherShape = (mirror: VolumeRow, { sizeBytes, geometry }: OpenMirrorOptions): void => {
  checkShape({ sizeBytes, geometry });
  if (sameGeometry(mirror, geometry) && sizeBytes <= mirror.sizeBytes) return;
  throw new VisibleError("BAD_REQUEST", `The mirror ${objectIdOf(mirror)} has another shape than its source.`, {
    hint: "Prepare the mirror again.",
  });
};

const resizeMirror = (database: Database, { id, tableId, ...geometry }: VolumeRow, sizeBytes: number): void => {
  const extents = extentCount(geometry, sizeBytes);
  database.run("UPDATE volumes SET sizeBytes = ? WHERE id = ?", sizeBytes, id);
  clearTable(database, tableId, extents);
  database.run("DELETE FROM doneExtents WHERE volumeId = ? AND extent >= ?", id, extents);
};

/** @returns the mirror, whose writer with this epoch may go on. @throws FENCED, VOLUME_UNKNOWN */
export const mirrorForWriting = (database: Database, mirrorVolumeId: string, epoch: number): VolumeRow => {
  const mirror = fencedMirror(database, mirrorVolumeId, epoch);
  const volume = findVolume(database, mirrorVolumeId);
  if (mirror.sequence <= mirror.publishedSequence) throw fenced(volume, "its group has been published");
  return volume;
};

/** @throws FENCED */
export const commitMirrorExtent = (
  database: Database,
  options: { readonly mirrorVolumeId: string; readonly epoch: number; readonly extent: number },
  extents: readonly PendingExtent[],
): ReadonlyMap<number, BlockTable> => {
  const { mirrorVolumeId, epoch, extent } = options;
  const { tableId } = mirrorForWriting(database, mirrorVolumeId, epoch);
  const tables = new Map(extents.map((pending) => [pending.extent, commitExtent(database, tableId, pending)]));
  database.run("INSERT OR IGNORE INTO doneExtents (volumeId, extent) VALUES (?, ?)", mirrorVolumeId, extent);
  database.run("UPDATE mirrors SET complete = 0 WHERE volumeId = ? AND complete = 1", mirrorVolumeId);
  return tables;
};

/** So many are read in a turn of the event loop: a peer asks for them. */
const digestsMax = 8_192;

/**
 * The digests of the mirror's extents as they are committed, from one on; a damaged one has that of
 * no content. `isLast`: there are no more.
 * @throws FENCED, VOLUME_UNKNOWN
 */
export const mirrorDigests = (
  database: Database,
  { mirrorVolumeId, epoch }: { readonly mirrorVolumeId: string; readonly epoch: number },
  from: number,
): { readonly digests: readonly ExtentDigest[]; readonly isLast: boolean } => {
  fencedMirror(database, mirrorVolumeId, epoch);
  const { tableId, sizeBytes, ...geometry } = findVolume(database, mirrorVolumeId);
  const extents = extentCount(geometry, sizeBytes);
  const until = Math.min(extents, from + digestsMax);
  const digests = extentDigests(database, tableId, extents, { from, until });
  for (const extent of damagedExtents(database, tableId)) {
    if (extent >= from && extent < until) digests[extent - from] = damagedDigest;
  }
  return { digests, isLast: until === extents };
};

/** @throws FENCED, VOLUME_UNKNOWN */
export const completeMirror = (database: Database, mirrorVolumeId: string, epoch: number): void => {
  fencedMirror(database, mirrorVolumeId, epoch);
  database.run("UPDATE mirrors SET complete = 1 WHERE volumeId = ?", mirrorVolumeId);
};

/** @throws GROUP_INCOMPLETE, GROUP_ABORTED, GROUP_EXISTS, GROUP_STALE, NOT_OURS */
export const publishGroup = (database: Database, options: PublishGroupOptions): SnapshotGroup => {
  const { groupId, owner, sequence, takenAt } = options;
  const known = findOwnGroup(database, groupId, owner);
  if (known !== undefined) {
    refuseOtherContent(known, options);
    return known;
  }
  refuseAborted(database, groupId, owner);
  // The mirrors are still complete for the group that they were last published as, also when that
  // has been deleted.
  const newest = newestPublished(database, owner);
  if (sequence <= newest) throw groupStale({ groupId, sequence, newest, what: "was published of the plan here" });
  const mirrors = completeMirrors(database, options);
  const manifest = manifestOf(database, options);
  for (const mirror of mirrors) {
    database.run("UPDATE mirrors SET publishedSequence = ? WHERE volumeId = ?", sequence, mirror.volumeId);
    database.run("DELETE FROM doneExtents WHERE volumeId = ?", mirror.volumeId);
  }
  const group = insertGroup(database, {
    groupId,
    owner,
    takenAt,
    members: mirrors.map((mirror) => ({
      volume: findVolume(database, mirror.volumeId),
      sourceVolumeId: mirror.sourceVolumeId,
    })),
    sequence,
    manifest,
  });
  keepProof(database, groupId, options.prove);
  dropPublished(database, owner, sequence);
  endPublished(database, owner, sequence);
  dropStaleMirrors(database, owner, sequence);
  rememberPlan(database, owner, options.planName);
  return group;
};

/**
 * The mirrors that the group is written to, when they are those that are meant.
 * @throws GROUP_INCOMPLETE
 */
const completeMirrors = (database: Database, { groupId, owner, sequence, mirrors }: PublishGroupOptions) => {
  const written = mirrorsOf(database, owner, { groupId, sequence });
  const unfinished = written.find(({ complete }) => complete === 0);
  if (unfinished !== undefined) {
    const id = objectIdOf(findVolume(database, unfinished.volumeId));
    throw groupIncomplete(`The mirror ${id} doesn't have all of group ${groupId} yet.`);
  }
  if (isSameMirrorSet(mirrorSetOf(written.map(({ volumeId }) => volumeId)), mirrors)) return written;
  throw groupIncomplete(
    `Group ${groupId} is in ${written.length} mirrors here, which are not the ${mirrors.count} that it is to consist of.`,
  );
};

/**
 * A group is known for done only when it is the same run's, of the same snapshot, in the same
 * mirrors. @throws GROUP_EXISTS
 */
const refuseOtherContent = (known: SnapshotGroup, { sequence, takenAt, mirrors }: PublishGroupOptions): void => {
  refuseOtherRun(known, sequence);
  if (known.takenAt !== takenAt) {
    throw groupExists(known, `it is of a snapshot taken at ${known.takenAt}, and this one was taken at ${takenAt}`);
  }
  const isSame = isSameMirrorSet(mirrorSetOf(known.snapshots.map(({ volumeId }) => volumeId)), mirrors);
  if (!isSame) throw groupExists(known, "it has other volumes than this run's");
};

const fencedMirror = (database: Database, mirrorVolumeId: string, epoch: number): MirrorRow => {
  const volume = findVolume(database, mirrorVolumeId);
  const mirror = findMirror(database, mirrorVolumeId);
  if (mirror === undefined || mirror.epoch !== epoch) throw fenced(volume, "somebody else is writing it");
  return mirror;
};

const fenced = (volume: VolumeRow, why: string): VisibleError =>
  new VisibleError("FENCED", `The mirror ${objectIdOf(volume)} takes no more of these writes: ${why}.`, {
    hint: "Drop the task; whoever holds it now goes on.",
  });

const groupIncomplete = (message: string): VisibleError =>
  new VisibleError("GROUP_INCOMPLETE", message, { hint: "Transfer all of its volumes first." });
