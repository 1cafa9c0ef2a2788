import { VisibleError } from "../../../core/api/errors.ts";
import type { GroupId } from "../../../core/api/ids.ts";
import { lunOf, type ObjectConfig } from "../../../core/api/object.ts";
import type { MirrorVolume, Owner, PrepareMirrorOptions } from "../control.ts";
import type { Database } from "./database.ts";
import { groupStale, newestPublished, refuseOtherRun } from "./order.ts";
import { keepPrepared } from "./prepared.ts";
import { findPublished, notOurs, snapshotIn } from "./snapshots.ts";
import { ensureTarget } from "./targets.ts";
import { clearTable, fillWithWhatIsThere } from "./versions.ts";
import { findVolume, insertVolume, type VolumeRow } from "./volumes.ts";

/* Mirrors: what they are made of. What writes them is in sessions.ts. Everything here runs inside the caller's transaction. */

export interface MirrorRow {
  readonly volumeId: string;
  readonly planId: string;
  readonly source: string;
  readonly sourceVolumeId: string;
  readonly epoch: number;
  readonly publishedSequence: number;
  readonly groupId: GroupId | null;
  readonly baseGroupId: GroupId | null;
  readonly sequence: number;
  readonly complete: 0 | 1;
}

/** @throws OBJECT_KIND_UNSUPPORTED, GROUP_EXISTS, GROUP_STALE */
export const prepareMirror = (database: Database, options: PrepareMirrorOptions): readonly MirrorVolume[] => {
  const { owner, object, run } = options;
  const { kind, volume: source } = singleVolume(object);
  const its = lunOf(object);
  const lun = its && { target: mirrorTarget(owner, its.target), lunId: its.lunId };
  const known = database.one<MirrorRow>(
    `SELECT mirrors.* FROM mirrorObjects o JOIN mirrorObjectVolumes ON mirrorObject = o.number JOIN mirrors USING (volumeId)
     WHERE o.planId = ? AND o.source = ? AND o.sourceObjectId = ?`,
    owner.planId,
    owner.source,
    object.id,
  );
  const isDone = run !== undefined && isPublished(database, owner, run, known);
  if (known !== undefined && isDone) return [{ sourceVolumeId: known.sourceVolumeId, mirrorVolumeId: known.volumeId }];
  if (known !== undefined) updateMirror(database, known, { object, source, lun });
  const mirrorVolumeId = known?.volumeId ?? insertMirror(database, { owner, object, kind, source, lun });
  if (run !== undefined) keepPrepared(database, { mirrorVolumeId, object, run });
  return [{ sourceVolumeId: source.id, mirrorVolumeId }];
};

/** @returns the mirror's id */
const insertMirror = (
  database: Database,
  of: {
    readonly owner: Owner;
    readonly object: ObjectConfig;
    readonly kind: VolumeRow["kind"];
    readonly source: ObjectConfig["volumes"][number];
    readonly lun: { readonly target: string; readonly lunId: number } | undefined;
  },
): string => {
  const { owner, object, kind, source, lun } = of;
  const { id } = insertVolume(database, {
    role: "mirror",
    kind,
    name: object.name,
    sizeBytes: source.sizeBytes,
    geometry: source.geometry,
    lun,
    owner,
  });
  database.run(
    "INSERT INTO mirrors (volumeId, planId, source, sourceVolumeId) VALUES (?, ?, ?, ?)",
    id,
    owner.planId,
    owner.source,
    source.id,
  );
  const { lastId } = database.run(
    "INSERT INTO mirrorObjects (planId, source, sourceObjectId, kind) VALUES (?, ?, ?, ?)",
    owner.planId,
    owner.source,
    object.id,
    kind,
  );
  database.run("INSERT INTO mirrorObjectVolumes (mirrorObject, position, volumeId) VALUES (?, 0, ?)", lastId, id);
  return id;
};

/**
 * Whether the run's group is there already: a late copy of its task must not change the mirror any
 * more. One of a run that newer ones have overtaken is refused, for it would give the mirror the
 * name and shape that its source had then.
 * @throws GROUP_EXISTS, GROUP_STALE
 */
const isPublished = (
  database: Database,
  owner: Owner,
  { groupId, sequence }: NonNullable<PrepareMirrorOptions["run"]>,
  mirror: MirrorRow | undefined,
): boolean => {
  const group = findPublished(database, groupId, owner);
  if (group !== undefined) {
    refuseOtherRun(group, sequence);
    return true;
  }
  const isWriting = mirror?.groupId === groupId && mirror.sequence === sequence;
  const newest = Math.max(newestPublished(database, owner), isWriting ? 0 : (mirror?.sequence ?? 0));
  if (sequence <= newest) throw groupStale({ groupId, sequence, newest, what: "the site has or gets of the plan" });
  return false;
};

/**
 * An object of one volume, which is all that there is until VMs are supported. @throws
 * OBJECT_KIND_UNSUPPORTED
 */
export const singleVolume = (
  object: ObjectConfig,
): { kind: VolumeRow["kind"]; volume: ObjectConfig["volumes"][number] } => {
  const [volume, ...others] = object.volumes;
  if ((object.kind === "lun" || object.kind === "volume") && volume !== undefined && others.length === 0) {
    return { kind: object.kind, volume };
  }
  throw new VisibleError(
    "OBJECT_KIND_UNSUPPORTED",
    `“${object.name}” is a ${object.kind} of ${object.volumes.length} volumes.`,
    {
      hint: "LUNs and virtual volumes can be protected.",
    },
  );
};

/** The iSCSI target that a target's mirrors lie in; two plans may protect the same LUN. */
const mirrorTarget = (owner: Owner, target: string): string => `mirror.${owner.source}.${owner.planId}.${target}`;

const updateMirror = (
  database: Database,
  mirror: MirrorRow,
  now: {
    readonly object: ObjectConfig;
    readonly source: ObjectConfig["volumes"][number];
    readonly lun: { readonly target: string; readonly lunId: number } | undefined;
  },
): void => {
  const { object, source, lun } = now;
  const { geometry } = source;
  const volume = findVolume(database, mirror.volumeId);
  if (lun !== undefined) ensureTarget(database, lun.target);
  database.run(
    `UPDATE volumes SET name = ?, lunTarget = ?, lunId = ?, sizeBytes = max(sizeBytes, ?) WHERE id = ?`,
    object.name,
    lun?.target ?? null,
    lun?.lunId ?? null,
    source.sizeBytes,
    mirror.volumeId,
  );
  database.run("UPDATE mirrors SET sourceVolumeId = ? WHERE volumeId = ?", source.id, mirror.volumeId);
  if (sameGeometry(volume, geometry)) return;
  // Extents of another geometry hold other bytes: nothing of the old table can be kept.
  resetMirror(database, mirror, null);
  database.run(
    "UPDATE mirrors SET epoch = epoch + 1, groupId = NULL, complete = 0 WHERE volumeId = ?",
    mirror.volumeId,
  );
  database.run(
    "UPDATE volumes SET extentBytes = ?, stripeCount = ?, stripeBytes = ? WHERE id = ?",
    geometry.extentBytes,
    geometry.stripeCount,
    geometry.stripeBytes,
    mirror.volumeId,
  );
};

/** Makes the mirror what it was in the base group, or empty. @throws BASE_MISSING */
export const resetMirror = (database: Database, mirror: MirrorRow, baseGroupId: GroupId | null): void => {
  const volume = findVolume(database, mirror.volumeId);
  clearTable(database, volume.tableId);
  database.run("DELETE FROM doneExtents WHERE volumeId = ?", mirror.volumeId);
  if (baseGroupId === null) return;
  const base = snapshotIn(database, baseGroupId, mirror.volumeId);
  if (base === undefined || !sameGeometry(base, volume)) {
    throw new VisibleError(
      "BASE_MISSING",
      `The mirror ${mirror.volumeId} has no snapshot of group ${baseGroupId} to start from.`,
      {
        hint: "The next run copies from another base, or everything.",
      },
    );
  }
  fillWithWhatIsThere(database, { tableId: volume.tableId, fromTableId: base.tableId });
};

const sameGeometry = (a: ObjectConfig["volumes"][number]["geometry"], b: typeof a): boolean =>
  a.extentBytes === b.extentBytes && a.stripeCount === b.stripeCount && a.stripeBytes === b.stripeBytes;

/** @throws VOLUME_UNKNOWN, NOT_OURS */
export const ownMirror = (database: Database, mirrorVolumeId: string, owner: Owner): MirrorRow => {
  findVolume(database, mirrorVolumeId);
  const mirror = findMirror(database, mirrorVolumeId);
  if (mirror !== undefined && mirror.planId === owner.planId && mirror.source === owner.source) return mirror;
  throw notOurs(`The volume ${mirrorVolumeId}`, owner);
};

export const findMirror = (database: Database, mirrorVolumeId: string): MirrorRow | undefined =>
  database.one<MirrorRow>("SELECT * FROM mirrors WHERE volumeId = ?", mirrorVolumeId);

/** The mirrors that a run's group is written to. */
export const mirrorsOf = (
  database: Database,
  { planId, source }: Owner,
  { groupId, sequence }: { readonly groupId: GroupId; readonly sequence: number },
): MirrorRow[] =>
  database.all<MirrorRow>(
    `SELECT * FROM mirrors WHERE planId = ? AND source = ? AND groupId = ? AND sequence = ? ORDER BY sourceVolumeId`,
    planId,
    source,
    groupId,
    sequence,
  );
