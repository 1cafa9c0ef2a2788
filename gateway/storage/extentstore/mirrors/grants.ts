import { isDeepStrictEqual } from "node:util";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { Grant, OpenMirrorOptions, Owner } from "../../control.ts";
import type { Database } from "../database/database.ts";

/*
 * Which group a mirror takes next, and from which site: as the control plane has told this site
 * itself, and never as a sender says. Everything here runs inside the caller's transaction.
 */

export const grantOf = (database: Database, mirrorVolumeId: string): Grant | undefined => {
  const row = database.one<Grant>("SELECT groupId, sequence, sender FROM grants WHERE volumeId = ?", mirrorVolumeId);
  return row && { ...row };
};

/**
 * Takes the place of the volume's grant, unless it is the same. Whoever still writes by another one
 * is fenced off: a gateway of the new sender could go on in that session.
 */
export const setGrant = (database: Database, mirrorVolumeId: string, { groupId, sequence, sender }: Grant): void => {
  if (isDeepStrictEqual(grantOf(database, mirrorVolumeId), { groupId, sequence, sender })) return;
  database.run(
    "INSERT OR REPLACE INTO grants (volumeId, groupId, sequence, sender) VALUES (?, ?, ?, ?)",
    mirrorVolumeId,
    groupId,
    sequence,
    sender,
  );
  database.run("UPDATE mirrors SET epoch = epoch + 1 WHERE volumeId = ?", mirrorVolumeId);
};

/** @throws NOT_GRANTED */
export const refuseUngranted = (database: Database, wanted: OpenMirrorOptions): void => {
  const { mirrorVolumeId, groupId, sequence, sender } = wanted;
  if (isDeepStrictEqual(grantOf(database, mirrorVolumeId), { groupId, sequence, sender })) return;
  const message = `This site has not been told to take group ${groupId}, number ${sequence}, from site ${sender} into the mirror ${mirrorVolumeId}.`;
  throw new VisibleError("NOT_GRANTED", message, {
    hint: "The next run of the plan prepares the mirror anew. Start one with: smtx-backup plan run PLAN",
  });
};

const ofOwner = "volumeId IN (SELECT volumeId FROM mirrors WHERE planId = ? AND source = ?)";

/** A group was published: there is nothing left to send of it, nor of those before it. */
export const endPublished = (database: Database, { planId, source }: Owner, sequence: number): void => {
  database.run(`DELETE FROM grants WHERE ${ofOwner} AND sequence <= ?`, planId, source, sequence);
};

export const endAborted = (database: Database, { planId, source }: Owner, groupId: GroupId): void => {
  database.run(`DELETE FROM grants WHERE ${ofOwner} AND groupId = ?`, planId, source, groupId);
};
