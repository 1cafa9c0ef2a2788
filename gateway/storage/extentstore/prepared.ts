import { VisibleError } from "../../../core/api/errors.ts";
import type { GroupId } from "../../../core/api/ids.ts";
import { type Manifest, manifestVersion } from "../../../core/api/manifest.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { Owner, PrepareMirrorOptions, PublishGroupOptions } from "../control.ts";
import type { Database } from "./database.ts";

/*
 * What mirrors were prepared as, by mirror and run: it becomes the manifest of the run's group, and is not sent again for
 * that. A mirror has two at most: of the group that is written to it, which a newer run's preparation leaves as it is, and
 * of the newest run. Everything here runs inside the caller's transaction.
 */

const withVolume = "SELECT mirrorObject FROM mirrorObjectVolumes WHERE volumeId = ?1";

/** Keeps an object for its run's group, and forgets those of groups that can't be published any more. */
export const keepPrepared = (
  database: Database,
  of: {
    readonly mirrorVolumeId: string;
    readonly object: ObjectConfig;
    readonly run: NonNullable<PrepareMirrorOptions["run"]>;
  },
): void => {
  const { mirrorVolumeId, object, run } = of;
  database.run(
    `DELETE FROM preparedObjects WHERE mirrorObject IN (${withVolume}) AND sequence < ?2
     AND sequence <> (SELECT sequence FROM mirrors WHERE volumeId = ?1)`,
    mirrorVolumeId,
    run.sequence,
  );
  database.run(
    `INSERT OR REPLACE INTO preparedObjects (mirrorObject, sequence, groupId, objectIndex, object)
     SELECT mirrorObject, ?2, ?3, ?4, ?5 FROM (${withVolume})`,
    mirrorVolumeId,
    run.sequence,
    run.groupId,
    run.index,
    JSON.stringify(object),
  );
};

/** A newer group is written to the mirror: no older one can be published with it. */
export const dropOvertaken = (database: Database, mirrorVolumeId: string, sequence: number): void => {
  database.run(
    `DELETE FROM preparedObjects WHERE mirrorObject IN (${withVolume}) AND sequence < ?2`,
    mirrorVolumeId,
    sequence,
  );
};

const ofOwner = "mirrorObject IN (SELECT number FROM mirrorObjects WHERE planId = ? AND source = ?)";

/** A group was published: what was kept for it, and for those before it, has done its service. */
export const dropPublished = (database: Database, { planId, source }: Owner, sequence: number): void => {
  database.run(`DELETE FROM preparedObjects WHERE ${ofOwner} AND sequence <= ?`, planId, source, sequence);
};

/** A group was aborted, and is never published. */
export const dropAborted = (database: Database, { planId, source }: Owner, groupId: GroupId): void => {
  database.run(`DELETE FROM preparedObjects WHERE ${ofOwner} AND groupId = ?`, planId, source, groupId);
};

/**
 * A group's manifest, its objects as told or as kept.
 * @throws GROUP_INCOMPLETE, which is for good: a run prepares its objects once, and no try of the
 *   publication keeps what is not kept
 */
export const manifestOf = (database: Database, options: PublishGroupOptions): Manifest => {
  const { groupId, owner, sequence, takenAt, planName } = options;
  const { planId, source } = owner;
  const rows = database.all<{ objectIndex: number; object: string }>(
    `SELECT objectIndex, object FROM preparedObjects WHERE ${ofOwner} AND sequence = ? AND groupId = ?`,
    planId,
    source,
    sequence,
    groupId,
  );
  const kept = new Map(rows.map(({ objectIndex, object }) => [objectIndex, object]));
  const objects = options.objects.map((told, index) => {
    if (told !== null) return told;
    const text = kept.get(index);
    if (text !== undefined) return JSON.parse(text) as ObjectConfig;
    throw new VisibleError(
      "GROUP_INCOMPLETE",
      `Nothing is kept of the configuration of object ${index + 1} of group ${groupId}.`,
      { hint: "The next run of the plan prepares it anew. The store may have been put back to an older copy." },
    );
  });
  return { version: manifestVersion, planId, planName, source, groupId, sequence, takenAt, objects };
};
