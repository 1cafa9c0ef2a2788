import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId, Instant } from "../../../../core/api/ids.ts";
import { type Manifest, manifestSchema, objectIn, readManifest } from "../../../../core/api/manifest.ts";
import { type Mapping, mappingSchema, type ObjectConfig } from "../../../../core/api/object.ts";
import type { Reason } from "../../../../core/api/reason.ts";
import type { GoneObject } from "../../../../core/api/task.ts";
import type {
  LastSequence,
  ListedGroup,
  ObjectId,
  Owner,
  SnapshotGroup,
  SnapshotGroupOptions,
  WantedSnapshot,
} from "../../control.ts";
import type { SnapshotShape } from "../../volume-io.ts";
import { copyTable, dropTable } from "../data/versions.ts";
import type { Database } from "../database/database.ts";
import { refuseMirror } from "./guard.ts";
import { groupEnded, groupStale, newestSnapshot, refuseOtherRun, rememberSnapshot } from "./order.ts";
import { refuseNeeded, refuseUnfinished } from "./unfinished.ts";
import { geometryOf, type VolumeRow } from "./volume-row.ts";
import { findVolume, newId } from "./volumes.ts";

export interface SnapshotRow {
  /** In the order in which they were taken. */
  readonly number: number;
  readonly id: string;
  readonly groupId: GroupId;
  readonly volumeId: string;
  readonly sourceVolumeId: string;
  readonly sizeBytes: number;
  readonly extentBytes: number;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  readonly tableId: number;
}

interface GroupRow {
  readonly id: GroupId;
  readonly planId: Owner["planId"];
  readonly source: Owner["source"];
  readonly takenAt: Instant;
  readonly sequence: number | null;
  readonly manifest: string | null;
  readonly planName: string | null;
  /** JSON. */
  readonly gone: string | null;
  readonly warnings: string | null;
  readonly keepUntil: Instant | null;
}

export const findGroup = (database: Database, groupId: GroupId): SnapshotGroup | undefined => {
  const row = database.one<GroupRow>("SELECT * FROM snapshotGroups WHERE id = ?", groupId);
  if (row === undefined) return undefined;
  return {
    groupId: row.id,
    owner: { planId: row.planId, source: row.source },
    sequence: row.sequence,
    takenAt: row.takenAt,
    ...keptOf(database, row),
    snapshots: snapshotsOf(database, groupId).map(({ volumeId, sourceVolumeId, id, sizeBytes }) => ({
      volumeId,
      sourceVolumeId,
      snapshotId: id,
      sizeBytes,
    })),
  };
};

/** What a source group was taken of. */
const keptOf = (
  database: Database,
  row: GroupRow,
): Pick<SnapshotGroup, "objects" | "because" | "gone" | "warnings" | "planName" | "keepUntil"> => {
  const kept = database.all<{ object: string; because: number | null }>(
    "SELECT object, because FROM groupObjects WHERE groupId = ? ORDER BY position",
    row.id,
  );
  return {
    objects: kept.length === 0 ? null : kept.map(({ object }) => JSON.parse(object) as ObjectConfig),
    ...(kept.some(({ because }) => because !== null) && {
      because: kept.map(({ because }, index) => because ?? index),
    }),
    ...(row.gone !== null && { gone: JSON.parse(row.gone) as GoneObject[] }),
    ...(row.warnings !== null && { warnings: JSON.parse(row.warnings) as Reason[] }),
    ...(row.planName !== null && { planName: row.planName }),
    ...(row.keepUntil !== null && { keepUntil: row.keepUntil }),
  };
};

/** The newest group that was taken here of the owner's objects, and that is there still. */
export const newestSourceGroup = (database: Database, { planId, source }: Owner): SnapshotGroup | undefined => {
  const row = database.one<{ id: GroupId }>(
    `SELECT id FROM snapshotGroups WHERE planId = ? AND source = ? AND manifest IS NULL AND sequence IS NOT NULL
     ORDER BY sequence DESC LIMIT 1`,
    planId,
    source,
  );
  return row && findGroup(database, row.id);
};

/** Of those of these objects that any of the owner's source groups has, the newest one's number. */
export const lastSequences = (
  database: Database,
  { planId, source }: Owner,
  ids: readonly ObjectId[],
): LastSequence[] =>
  ids.flatMap(({ kind, id }) => {
    const row = database.one<{ sequence: number | null }>(
      `SELECT max(sequence) AS sequence FROM groupObjects o JOIN snapshotGroups g ON g.id = o.groupId
       WHERE objectId = ? AND kind = ? AND planId = ? AND source = ?`,
      id,
      kind,
      planId,
      source,
    );
    return row === undefined || row.sequence === null ? [] : [{ kind, id, sequence: row.sequence }];
  });

export const listGroups = (database: Database, owner: Owner): ListedGroup[] =>
  database
    .all<Omit<ListedGroup, "keepUntil"> & { readonly keepUntil: Instant | null }>(
      `SELECT g.id AS groupId, g.sequence, g.takenAt, g.keepUntil, count(s.id) AS volumeCount, ifnull(sum(s.sizeBytes), 0) AS sizeBytes
       FROM snapshotGroups g LEFT JOIN snapshots s ON s.groupId = g.id
       WHERE g.planId = ? AND g.source = ? GROUP BY g.id ORDER BY g.takenAt, g.id`,
      owner.planId,
      owner.source,
    )
    .map(({ keepUntil, ...row }) => ({ ...row, ...(keepUntil !== null && { keepUntil }) }));

/** @returns the group when it is there. @throws NOT_OURS */
export const findOwnGroup = (database: Database, groupId: GroupId, owner: Owner): SnapshotGroup | undefined => {
  refuseOthersGroup(database, groupId, owner);
  return findGroup(database, groupId);
};

/** @throws NOT_OURS when the group is there, and is another owner's */
export const refuseOthersGroup = (database: Database, groupId: GroupId, owner: Owner): void => {
  const found = ownerOf(database, groupId);
  if (found !== undefined && !sameOwner(found, owner)) throw notOurs(`The snapshot group ${groupId}`, owner);
};

export const isOwnGroup = (database: Database, groupId: GroupId, owner: Owner): boolean => {
  const found = ownerOf(database, groupId);
  return found !== undefined && sameOwner(found, owner);
};

const ownerOf = (database: Database, groupId: GroupId): Owner | undefined =>
  database.one<Owner>("SELECT planId, source FROM snapshotGroups WHERE id = ?", groupId);

/** @returns the group when it is there and was published on this site. @throws NOT_OURS */
export const findPublished = (database: Database, groupId: GroupId, owner: Owner): SnapshotGroup | undefined => {
  const group = findOwnGroup(database, groupId, owner);
  const row = database.one("SELECT 1 FROM snapshotGroups WHERE id = ? AND manifest IS NOT NULL", groupId);
  return row === undefined ? undefined : group;
};

export const snapshotsOf = (database: Database, groupId: GroupId): SnapshotRow[] =>
  database.all<SnapshotRow>("SELECT * FROM snapshots WHERE groupId = ? ORDER BY number", groupId);

/** A group's snapshot of a volume that the source has under this id, if it has one. */
export const snapshotOfSource = (
  database: Database,
  groupId: GroupId,
  sourceVolumeId: string,
): SnapshotRow | undefined =>
  database.one<SnapshotRow>(
    "SELECT * FROM snapshots WHERE groupId = ? AND sourceVolumeId = ?",
    groupId,
    sourceVolumeId,
  );

export const shapeOfSnapshot = (row: SnapshotRow): SnapshotShape => ({
  snapshotId: row.id,
  sizeBytes: row.sizeBytes,
  geometry: geometryOf(row),
});

/** @throws SNAPSHOT_UNKNOWN, NOT_OURS */
export const findWantedSnapshot = (database: Database, wanted: WantedSnapshot): SnapshotRow => {
  if ("sourceVolumeId" in wanted) return findSnapshotOfSource(database, wanted);
  const { snapshotId, of } = wanted;
  const row = findSnapshot(database, snapshotId);
  if (of === "anybody") return row;
  for (const id of [of.groupId, row.groupId]) refuseOthersGroup(database, id, of.owner);
  if (row.groupId === of.groupId) return row;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `The snapshot ${snapshotId} is not one of group ${of.groupId}.`, {
    hint: "List the groups that there are with: smtx-backup group list",
  });
};

const findSnapshotOfSource = (
  database: Database,
  { sourceVolumeId, of: { groupId, owner } }: Extract<WantedSnapshot, { readonly sourceVolumeId: string }>,
): SnapshotRow => {
  refuseOthersGroup(database, groupId, owner);
  const row = snapshotOfSource(database, groupId, sourceVolumeId);
  if (row !== undefined) return row;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `Group ${groupId} has no snapshot of ${sourceVolumeId} here.`, {
    hint: "Its group may have been reclaimed. List those that are left with: smtx-backup group list",
  });
};

/** @throws SNAPSHOT_UNKNOWN */
export const findSnapshot = (database: Database, snapshotId: string): SnapshotRow => {
  const row = database.one<SnapshotRow>("SELECT * FROM snapshots WHERE id = ?", snapshotId);
  if (row !== undefined) return row;
  throw new VisibleError("SNAPSHOT_UNKNOWN", `There is no snapshot ${snapshotId} in ${database.path}.`, {
    hint: "Its group may have been reclaimed. List those that are left with: smtx-backup group list",
  });
};

/**
 * Inside a transaction, which is what makes the snapshots one instant.
 * @throws VOLUME_UNKNOWN, VOLUME_IS_MIRROR, NOT_OURS, GROUP_EXISTS, GROUP_STALE,
 *   ROLLBACK_UNFINISHED, BAD_REQUEST
 */
export const snapshotGroup = (
  database: Database,
  options: SnapshotGroupOptions & { readonly takenAt: Instant },
): SnapshotGroup => {
  const { groupId, owner, sequence, takenAt } = options;
  const known = findOwnGroup(database, groupId, owner);
  if (known !== undefined) {
    refuseOtherRun(known, sequence);
    return known;
  }
  if (database.one("SELECT 1 FROM rollbacks WHERE key = ?", groupId) !== undefined) throw groupEnded(groupId);
  if (sequence !== undefined) {
    const newest = newestSnapshot(database, owner);
    const what = "was snapshotted of the plan here";
    if (sequence <= newest) throw groupStale({ groupId, sequence, newest, what });
    rememberSnapshot(database, owner, sequence);
  }
  const volumes = [...new Set(options.volumeIds)].map((volumeId) =>
    refuseMirror(database, findVolume(database, volumeId)),
  );
  for (const volume of volumes) refuseUnfinished(database, volume);
  return insertGroup(database, {
    groupId,
    owner,
    takenAt,
    members: membersOf(volumes, options),
    ...(sequence === undefined ? {} : { sequence }),
    kept: options,
  });
};

interface Member {
  readonly volume: VolumeRow;
  readonly sourceVolumeId: string;
}

/** @throws BAD_REQUEST when two of them would be one volume of the source's */
const membersOf = (volumes: readonly VolumeRow[], { standsFor = [] }: SnapshotGroupOptions): Member[] => {
  const home = new Map(standsFor.map(({ volumeId, homeId }) => [volumeId, homeId]));
  const members = new Map<string, Member>();
  for (const volume of volumes) {
    const sourceVolumeId = home.get(volume.id) ?? volume.id;
    const other = members.get(sourceVolumeId);
    if (other !== undefined) throw sameHome(sourceVolumeId, [other.volume, volume]);
    members.set(sourceVolumeId, { volume, sourceVolumeId });
  }
  return [...members.values()];
};

const sameHome = (homeId: string, volumes: readonly VolumeRow[]): VisibleError => {
  const both = volumes.map(({ id, name }) => `“${name}” (${id})`).join(" and ");
  return new VisibleError("BAD_REQUEST", `The volumes ${both} can't both stand for the volume ${homeId}.`, {
    hint: "Take one of them out of what the plan has.",
  });
};

/** What a source group keeps of how it was taken. */
type Kept = Pick<
  SnapshotGroupOptions,
  "objects" | "because" | "gone" | "warnings" | "planName" | "keepUntil" | "mappings"
>;

/** Inside a transaction. */
export const insertGroup = (
  database: Database,
  options: {
    readonly groupId: GroupId;
    readonly owner: Owner;
    readonly takenAt: Instant;
    readonly members: readonly Member[];
    readonly sequence?: number;
    /** Of a source group. */
    readonly kept?: Kept;
    /** Of a published group. */
    readonly manifest?: Manifest;
  },
): SnapshotGroup => {
  const { groupId, owner, takenAt, sequence, kept = {}, manifest } = options;
  database.run(
    `INSERT INTO snapshotGroups (id, planId, source, takenAt, sequence, manifest, planName, gone, warnings,
       keepUntil) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    groupId,
    owner.planId,
    owner.source,
    takenAt,
    sequence ?? null,
    jsonOf(manifest),
    kept.planName ?? null,
    jsonOf(kept.gone),
    jsonOf(kept.warnings),
    kept.keepUntil ?? null,
  );
  keepObjects(database, groupId, kept);
  for (const { volume, sourceVolumeId } of options.members) {
    database.run(
      `INSERT INTO snapshots (id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount, stripeBytes,
         tableId) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      newId("snapshot"),
      groupId,
      volume.id,
      sourceVolumeId,
      volume.sizeBytes,
      volume.extentBytes,
      volume.stripeCount,
      volume.stripeBytes,
      copyTable(database, volume.tableId),
    );
  }
  const group = findGroup(database, groupId);
  if (group === undefined) throw new Error(`group ${groupId} vanished inside its own transaction`);
  return group;
};

const jsonOf = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));

const keepObjects = (database: Database, groupId: GroupId, { objects = [], because, mappings }: Kept): void => {
  for (const [position, object] of objects.entries()) {
    database.run(
      `INSERT INTO groupObjects (groupId, position, kind, objectId, because, object, mapping)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      groupId,
      position,
      object.kind,
      object.id,
      because?.[position] ?? null,
      JSON.stringify(object),
      jsonOf(mappings?.[position] ?? undefined),
    );
  }
};

/** Inside a transaction. @throws NOT_OURS, ROLLBACK_UNFINISHED */
export const deleteGroup = (database: Database, groupId: GroupId, owner: Owner): void => {
  if (findOwnGroup(database, groupId, owner) === undefined) return;
  refuseNeeded(database, groupId);
  const snapshots = snapshotsOf(database, groupId);
  database.run("DELETE FROM snapshots WHERE groupId = ?", groupId);
  database.run("DELETE FROM snapshotGroups WHERE id = ?", groupId);
  for (const snapshot of snapshots) dropTable(database, snapshot.tableId);
};

/**
 * How an object's mirror differed from it when a group was published, or what stood for it when one
 * was taken; null where that was not kept. Else a group that was not published here is of this
 * cluster's own objects.
 */
export const keptMapping = (
  database: Database,
  groupId: GroupId,
  { kind, id }: ObjectId,
): { readonly mapping: Mapping | null; readonly isOfThisCluster: boolean } => {
  const row = database.one<Pick<GroupRow, "manifest">>("SELECT manifest FROM snapshotGroups WHERE id = ?", groupId);
  if (row === undefined) return { mapping: null, isOfThisCluster: true };
  if (row.manifest === null) {
    const mapping = mappingOfSource(database, groupId, { kind, id });
    return { mapping, isOfThisCluster: mapping === null };
  }
  // Of thousands of objects one is looked for: the others are not looked at.
  const { objects = [], mappings } = JSON.parse(row.manifest) as { objects?: ObjectId[]; mappings?: unknown[] };
  const index = objects.findIndex((object) => object.kind === kind && object.id === id);
  return { mapping: mappingSchema.safeParse(mappings?.[index]).data ?? null, isOfThisCluster: false };
};

const mappingOfSource = (database: Database, groupId: GroupId, { kind, id }: ObjectId): Mapping | null => {
  const row = database.one<{ mapping: string | null }>(
    "SELECT mapping FROM groupObjects WHERE groupId = ? AND objectId = ? AND kind = ?",
    groupId,
    id,
    kind,
  );
  return row === undefined || row.mapping === null ? null : (JSON.parse(row.mapping) as Mapping);
};

/**
 * An object as the manifest of a published group has it, or as a source group has kept it. Of
 * thousands of objects the others are not looked at. @throws STORE_TOO_NEW, STORE_CORRUPT
 */
export const objectOfGroup = (
  database: Database,
  groupId: GroupId,
  { kind, id }: ObjectId,
): ObjectConfig | undefined => {
  const row = database.one<Pick<GroupRow, "manifest">>("SELECT manifest FROM snapshotGroups WHERE id = ?", groupId);
  if (row === undefined) return undefined;
  if (row.manifest === null) return keptObject(database, groupId, { kind, id });
  return objectIn(JSON.parse(row.manifest), `group ${groupId}`, { kind, id });
};

const keptObject = (database: Database, groupId: GroupId, { kind, id }: ObjectId): ObjectConfig | undefined => {
  const row = database.one<{ object: string }>(
    "SELECT object FROM groupObjects WHERE groupId = ? AND objectId = ? AND kind = ?",
    groupId,
    id,
    kind,
  );
  return row && (JSON.parse(row.object) as ObjectConfig);
};

/**
 * What a group was taken of, as the source had it; nothing where that was not
 * kept, or can't be read.
 */
export const keptObjects = (database: Database, groupId: GroupId): readonly ObjectConfig[] => {
  const row = database.one<GroupRow>("SELECT * FROM snapshotGroups WHERE id = ?", groupId);
  if (row === undefined) return [];
  if (row.manifest === null) return keptOf(database, row).objects ?? [];
  return manifestSchema.safeParse(JSON.parse(row.manifest)).data?.objects ?? [];
};

/**
 * The manifests of published groups but for restores', each plan's newest first.
 * @throws STORE_TOO_NEW, STORE_CORRUPT
 */
export const listManifests = (database: Database): { groupId: GroupId; owner: Owner; manifest: Manifest }[] =>
  database
    .all<GroupRow & { manifest: string }>(
      `SELECT * FROM snapshotGroups g WHERE manifest IS NOT NULL
         AND NOT EXISTS (SELECT 1 FROM restoreOwners o WHERE o.planId = g.planId AND o.source = g.source)
       ORDER BY planId, source, sequence DESC`,
    )
    .map((row) => ({
      groupId: row.id,
      owner: { planId: row.planId, source: row.source },
      manifest: readManifest(JSON.parse(row.manifest), `group ${row.id}`),
    }));

const sameOwner = (a: Owner, b: Owner): boolean => a.planId === b.planId && a.source === b.source;

export const notOurs = (what: string, owner: Owner): VisibleError =>
  new VisibleError("NOT_OURS", `${what} does not belong to ${owner.planId} of the site ${owner.source}.`, {
    hint: "It was made by another plan, or by somebody else; it was left alone.",
  });
