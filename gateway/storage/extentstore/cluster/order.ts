import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner, SnapshotGroup } from "../../control.ts";
import type { Database } from "../database/database.ts";

/*
 * The order of an owner's groups by their runs' numbers. What a store has once had is never made
 * again: a late copy of a task, or a control plane whose table was set back, would make other bytes
 * under the same name. Groups that were deleted are remembered by the newest number, so the memory
 * does not grow. Everything here runs inside the caller's transaction.
 */

/**
 * The newest run that a group was taken of on this site, as the plan's source; 0 before the first.
 */
export const newestSnapshot = (database: Database, { planId, source }: Owner): number =>
  database.one<{ sequence: number }>(
    "SELECT sequence FROM newestSnapshots WHERE planId = ? AND source = ?",
    planId,
    source,
  )?.sequence ?? 0;

/** Remembers a group that is taken, for when it has been deleted. */
export const rememberSnapshot = (database: Database, { planId, source }: Owner, sequence: number): void => {
  database.run(
    `INSERT INTO newestSnapshots (planId, source, sequence) VALUES (?, ?, ?)
     ON CONFLICT (planId, source) DO UPDATE SET sequence = max(sequence, excluded.sequence)`,
    planId,
    source,
    sequence,
  );
};

/** Remembers that the owner's mirrors were given back: no run up to this one makes them again. */
export const rememberRelease = (database: Database, { planId, source }: Owner, sequence: number): void => {
  database.run(
    `INSERT INTO releasedMirrors (planId, source, sequence) VALUES (?, ?, ?)
     ON CONFLICT (planId, source) DO UPDATE SET sequence = max(sequence, excluded.sequence)`,
    planId,
    source,
    sequence,
  );
};

/**
 * The newest run that was published on this site, as one of the plan's targets, or that its mirrors
 * were given back after; 0 before the first.
 */
export const newestPublished = (database: Database, { planId, source }: Owner): number => {
  const row = database.one<{ sequence: number }>(
    `SELECT max(
       ifnull((SELECT max(publishedSequence) FROM mirrors WHERE planId = ?1 AND source = ?2), 0),
       ifnull((SELECT sequence FROM releasedMirrors WHERE planId = ?1 AND source = ?2), 0),
       ifnull((SELECT max(sequence) FROM snapshotGroups WHERE planId = ?1 AND source = ?2 AND manifest IS NOT NULL), 0)
     ) AS sequence`,
    planId,
    source,
  );
  return row?.sequence ?? 0;
};

/**
 * @throws GROUP_EXISTS when the group is another run's. What was made before groups kept their
 *   numbers is not looked at.
 */
export const refuseOtherRun = (group: SnapshotGroup, sequence: number | undefined): void => {
  if (sequence === undefined || group.sequence === null || group.sequence === sequence) return;
  throw groupExists(group, `it was made by a run with the number ${group.sequence}, and this one has ${sequence}`);
};

export const groupExists = ({ groupId }: Pick<SnapshotGroup, "groupId">, why: string): VisibleError =>
  new VisibleError("GROUP_EXISTS", `The site has the group ${groupId} of this slot already: ${why}.`, {
    hint: "It is left as it is; the next slot is run.",
  });

/** Of the group that a rollback began with, which has ended. */
export const groupEnded = (groupId: GroupId): VisibleError =>
  new VisibleError("GROUP_STALE", `The rollback that the group ${groupId} was for has ended.`, {
    hint: "The task is out of date: nothing is to be done.",
  });

export const groupStale = (of: {
  readonly groupId: GroupId;
  readonly sequence: number;
  readonly newest: number;
  readonly what: string;
}): VisibleError =>
  new VisibleError(
    "GROUP_STALE",
    `Group ${of.groupId} (number ${of.sequence}) is not newer than what ${of.what} (${of.newest}).`,
    {
      hint: "The task is out of date, or the control plane was set back; the next run has a greater number.",
      newestSequence: of.newest,
    },
  );
