import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import { type Manifest, manifestVersion } from "../../../../core/api/manifest.ts";
import type { Mapping, ObjectConfig } from "../../../../core/api/object.ts";
import type { Owner, PrepareMirrorOptions, PublishGroupOptions } from "../../control.ts";
import type { Database } from "../database/database.ts";

/*
 * What mirrors were prepared as, by object and run: it becomes the manifest of the run's group, and
 * is not sent again for that. An object has two at most: of the group that is written to its
 * mirror, which a newer run's preparation leaves as it is, and of the newest run. Everything here
 * runs inside the caller's transaction.
 */

/**
 * Keeps an object for its run's group, and forgets those of groups that can't
 * be published any more.
 */
export const keepPrepared = (
  database: Database,
  of: {
    /** Its number. */
    readonly mirrorObject: number;
    readonly object: ObjectConfig;
    readonly mapping: Mapping | undefined;
    readonly run: NonNullable<PrepareMirrorOptions["run"]>;
  },
): void => {
  const { mirrorObject, object, mapping, run } = of;
  database.run(
    `DELETE FROM preparedObjects WHERE mirrorObject = ?1 AND sequence < ?2 AND sequence NOT IN (
       SELECT sequence FROM mirrors JOIN mirrorObjectVolumes USING (volumeId) WHERE mirrorObject = ?1)`,
    mirrorObject,
    run.sequence,
  );
  database.run(
    `INSERT OR REPLACE INTO preparedObjects (mirrorObject, sequence, groupId, objectIndex, object, mapping)
     VALUES (?, ?, ?, ?, ?, ?)`,
    mirrorObject,
    run.sequence,
    run.groupId,
    run.index,
    JSON.stringify(object),
    mapping === undefined ? null : JSON.stringify(mapping),
  );
};

const withVolume = "SELECT mirrorObject FROM mirrorObjectVolumes WHERE volumeId = ?";

/** A newer group is written to the mirror: no older one can be published with it. */
export const dropOvertaken = (database: Database, mirrorVolumeId: string, sequence: number): void => {
  database.run(
    `DELETE FROM preparedObjects WHERE mirrorObject IN (${withVolume}) AND sequence < ?`,
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
 * A group's manifest, its objects as told or as kept, and how their mirrors differ from them.
 * @throws GROUP_INCOMPLETE, which is for good: a run prepares its objects once, and no try of the
 *   publication keeps what is not kept
 */
export const manifestOf = (database: Database, options: PublishGroupOptions): Manifest => {
  const { groupId, owner, sequence, takenAt, planName, plan } = options;
  const { planId, source } = owner;
  const kept = keptFor(database, options);
  const objects = options.objects.map((told, index) => {
    const object = told ?? kept.get(index)?.object;
    if (object !== undefined) return object;
    throw new VisibleError(
      "GROUP_INCOMPLETE",
      `Nothing is kept of the configuration of object ${index + 1} of group ${groupId}.`,
      { hint: "The next run of the plan prepares it anew. The store may have been put back to an older copy." },
    );
  });
  const mappings = objects.map((_, index) => kept.get(index)?.mapping ?? null);
  const head = { version: manifestVersion, planId, planName, source, groupId, sequence, takenAt };
  return { ...head, objects, mappings, ...(plan !== undefined && { plan }) };
};

/** By the objects' indices in the run. */
const keptFor = (database: Database, { groupId, owner, sequence }: PublishGroupOptions) => {
  const rows = database.all<{ objectIndex: number; object: string; mapping: string | null }>(
    `SELECT objectIndex, object, mapping FROM preparedObjects WHERE ${ofOwner} AND sequence = ? AND groupId = ?`,
    owner.planId,
    owner.source,
    sequence,
    groupId,
  );
  return new Map(
    rows.map(({ objectIndex, object, mapping }) => [
      objectIndex,
      {
        object: JSON.parse(object) as ObjectConfig,
        mapping: mapping === null ? null : (JSON.parse(mapping) as Mapping),
      },
    ]),
  );
};
