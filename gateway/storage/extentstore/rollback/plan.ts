import { VisibleError } from "../../../../core/api/errors.ts";
import type { RollbackOptions } from "../../rollback.ts";
import type { OwnRow } from "../administration/find.ts";
import type { Cluster } from "../administration/remove.ts";
import { refuseOthersGroup, type SnapshotRow } from "../cluster/snapshots.ts";
import { snapshotOfVolume } from "../cluster/stand-ins.ts";
import type { VolumeRow } from "../cluster/volume-row.ts";
import { damagedExtents } from "../data/damage.ts";
import { countDiffering } from "../data/differing.ts";
import type { Database } from "../database/database.ts";
import { sameGeometry } from "../mirrors/mirrors.ts";
import { calledAs, finderIn, findLive, findNow, idOf, liveOf, nameOf, type Then } from "./now-and-then.ts";
import { refuseOthers } from "./record.ts";
import { refuseUsed } from "./used-by.ts";

/*
 * What a rollback is to do, before any of it is done. Everything here runs inside the caller's
 * transaction.
 */

export interface PlannedObject {
  readonly now: OwnRow;
  readonly then: Then;
  /** Extents that were written after the safety group was taken. */
  readonly lostExtents: number;
}

/** Each volume once, however many of the objects have it. */
export interface PlannedVolume {
  readonly snapshot: SnapshotRow;
  /** Undefined: it was deleted since, and comes back. */
  readonly live: VolumeRow | undefined;
}

export interface Planned {
  readonly objects: readonly PlannedObject[];
  readonly volumes: ReadonlyMap<string, PlannedVolume>;
}

/**
 * @param begun the extents that are lost of each object, where it is being written already
 * @throws OBJECT_GONE, OBJECT_BUSY, CHANGED_SINCE, SNAPSHOT_UNKNOWN, GROUP_DAMAGED, NOT_OURS,
 *   ROLLBACK_UNFINISHED
 */
export const planRollback = (cluster: Cluster, options: RollbackOptions, begun?: readonly number[]): Planned => {
  const { database } = cluster;
  const inGroup = finderIn(database, options.from);
  const expected = expectedOf(database, options);
  const volumes = new Map<string, PlannedVolume>();
  const objects = options.objects.map((id, index): PlannedObject => {
    const now = findNow(database, id);
    const then = inGroup(id);
    if (now === undefined) throw gone(id.id, options);
    if (then === undefined) throw notInGroup(calledAs(now), options);
    refuseOthers(database, options.key, { id: idOf(now), name: nameOf(now) });
    refuseUsed(cluster, now, liveOf(database, then));
    let lostExtents = begun?.[index] ?? 0;
    for (const [volumeId, snapshot] of then.snapshots) {
      const live = findLive(database, volumeId);
      refuseOthers(database, options.key, { id: volumeId, name: nameOf(now) });
      if (live !== undefined && begun === undefined)
        lostExtents += refuseLoss(cluster, { options, now, live, snapshot, expected });
      refuseDamaged(database, snapshot, now);
      volumes.set(volumeId, { snapshot, live });
    }
    return { now, then, lostExtents };
  });
  return { objects, volumes };
};

interface LiveVolume {
  readonly options: RollbackOptions;
  readonly now: OwnRow;
  readonly live: VolumeRow;
  readonly snapshot: SnapshotRow;
  /** Of each volume, what it is expected to be now. */
  readonly expected: ((volumeId: string) => SnapshotRow | undefined) | undefined;
}

/** @throws NOT_OURS */
const expectedOf = (
  database: Database,
  { owner, unchangedSince, discardChanges }: RollbackOptions,
): LiveVolume["expected"] => {
  if (unchangedSince === undefined || discardChanges) return undefined;
  refuseOthersGroup(database, unchangedSince, owner);
  return (volumeId) => snapshotOfVolume(database, unchangedSince, volumeId);
};

/** @returns extents that the safety group does not have */
const refuseLoss = (cluster: Cluster, of: LiveVolume): number => {
  const { database } = cluster;
  const { options, now, live, snapshot } = of;
  if (!sameGeometry(live, snapshot)) throw notInGroup(calledAs(now), options);
  if (now.kind === "vm") refuseElsewhere(database, now, live);
  const changed = countDiffering(database, live.tableId, snapshot.tableId);
  if (changed === 0) return 0;
  if (!options.discardChanges) {
    const extents = of.expected === undefined ? changed : changedFrom(database, live, of.expected(live.id));
    if (extents !== 0) throw changedSince(calledAs(now), extents);
  }
  const safety = snapshotOfVolume(database, options.key, live.id);
  // A disk that was taken out and is a volume by itself now is not among the objects.
  if (safety === undefined) throw notSafe(calledAs(now), live);
  return countDiffering(database, live.tableId, safety.tableId);
};

/** In how many extents; undefined: nobody knows. */
const changedFrom = (database: Database, live: VolumeRow, expected: SnapshotRow | undefined): number | undefined => {
  if (expected === undefined || !sameGeometry(live, expected)) return undefined;
  return countDiffering(database, live.tableId, expected.tableId);
};

/** A disk that another VM has got since, also beside this one. @throws OBJECT_BUSY */
const refuseElsewhere = (database: Database, now: OwnRow & { kind: "vm" }, live: VolumeRow): void => {
  const other = database.one<{ name: string }>(
    "SELECT name FROM vmDisks JOIN vms ON id = vmId WHERE volumeId = ? AND vmId <> ? LIMIT 1",
    live.id,
    now.vm.id,
  );
  if (other === undefined) return;
  throw new VisibleError(
    "OBJECT_BUSY",
    `The disk “${live.name}”, which the ${calledAs(now)} had, is a disk of the VM “${other.name}” now.`,
    { hint: "Take it out of that VM first: smtx-backup object update VM --site SITE -f FILE" },
  );
};

/** @throws GROUP_DAMAGED */
const refuseDamaged = (database: Database, snapshot: SnapshotRow, now: OwnRow): void => {
  const extents = damagedExtents(database, snapshot.tableId).length;
  if (extents === 0) return;
  throw new VisibleError("GROUP_DAMAGED", `The ${calledAs(now)} is damaged in the group, in ${extents} extents.`, {
    hint: "Roll back to another group, or from a target's. List them with: smtx-backup group list",
  });
};

const gone = (id: string, { from: { groupId } }: RollbackOptions): VisibleError =>
  new VisibleError("OBJECT_GONE", `The object ${id} was deleted since the group ${groupId} was taken.`, {
    hint: `Rebuild it from there: smtx-backup rebuild ${groupId} --site SITE --object ${id}`,
  });

const notInGroup = (called: string, { from: { groupId } }: RollbackOptions): VisibleError =>
  new VisibleError("SNAPSHOT_UNKNOWN", `The group ${groupId} has nothing here of the ${called}.`, {
    hint: "Choose another group. List them with: smtx-backup group list",
  });

const changedSince = (called: string, extents: number | undefined): VisibleError => {
  const message =
    extents === undefined
      ? `What was written to the ${called} is not known: the group that it was to be as is not here.`
      : `The ${called} has changed since the group was taken, in ${extents} extents.`;
  return new VisibleError("CHANGED_SINCE", message, {
    hint: "To give that up, roll back with --discard-changes: a safety group keeps it for some days.",
  });
};

const notSafe = (called: string, { name }: VolumeRow): VisibleError =>
  new VisibleError(
    "OBJECT_BUSY",
    `The disk “${name}”, which the ${called} had, is a volume by itself now, and has changed since.`,
    { hint: "Give it back to the VM first (smtx-backup object update VM --site SITE -f FILE), or delete it." },
  );
