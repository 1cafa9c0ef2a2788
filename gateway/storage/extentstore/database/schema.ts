import { VisibleError } from "../../../../core/api/errors.ts";
import type { Database } from "./database.ts";
import { cluster } from "./schema-cluster.ts";

/** Marks a SQLite file as the metadata of an extentstore. */
const applicationId = 0x736d7478;

/**
 * Each entry brings the metadata from the version before it to its own; `user_version` counts them.
 * Entries are never edited once released, only added.
 *
 * - `versions` are extent contents, named (id, generation), known by their digest; `extents` are
 *   the tables of volumes and snapshots that point at them. The generation is in the column
 *   `epoch`, and has nothing to do with `mirrors.epoch`.
 * - A version whose generation is at most its table's `frozenEpoch` may be seen by a snapshot or a
 *   clone, so it is copied on write.
 * - `damagedBlocks` and `damagedVersions` are what was found damaged and is not mended: the
 *   versions are those that refer to one of the blocks, or whose own block table is damaged.
 * - `stagings` are tables that are to become volumes'; they go with the open driver that fills
 *   them.
 * - `newestSnapshots` remembers source groups that were deleted, `releasedMirrors` mirrors that a
 *   person gave back, and `deletedRebuilds` rebuilt objects.
 * - `preparedObjects` is what mirrors were prepared as, for a manifest that is to come: of each
 *   mirror for the group that is written to it, and for the newest that was prepared.
 * - A row of `volumes` is an object too: a LUN, a file of an export or a virtual volume. VMs are in
 *   `vms`; `volumes.vmId` is the one that a volume was made with, and goes with. What is in JSON is
 *   settings that are only ever read as a whole, and labels.
 * - `mirrors` are mirror volumes, one a source volume; `mirrorObjects` are what they belong to, one
 *   a source object. Several of those may have the same volume.
 *   `sequence` is of the newest run that prepared it. `foreignPlans` is whose they are.
 * - `grants` says which group a mirror takes next, and from which site. Before there were grants a
 *   plan's own site sent; what was prepared or half written then goes on.
 * - `restoreOwners` are owners that last as long as a restore does, and the group of another owner
 *   that their mirrors may start from.
 * - `groupObjects` is what a source group was taken of, and `because` the index among the plan's
 *   entries of the one that brought each of them; `gone` and `warnings` are JSON.
 * - `rollbacks` is what became of them, by the group that has what was there before;
 *   `rollbackLocks` are the volumes and VMs that one in place has begun to write.
 * - `madeObjects` is what restores have made, and `home` the object that each stands for, in JSON;
 *   `madeVolumes` is the same of their volumes. Both stay when those are deleted. `mapping` of
 *   `groupObjects` is of an object that is in the group in the place of another cluster's.
 * - `snapshotGroups.proof` is JSON of a published group: what its gateway has signed of it.
 * - `files.writer` is the open driver that may still append to a data file; `suspect` asks the
 *   collector to look at it. `sizeBytes` and `liveBytes` are what it found when it did: `liveBytes`
 *   is null before, and a file that has damage has no size.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO counters VALUES ('epoch', 0);
  CREATE TABLE writers (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    writer TEXT REFERENCES writers(id),
    suspect INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX filesByWriter ON files(writer) WHERE writer IS NOT NULL;
  CREATE INDEX suspectFiles ON files(suspect) WHERE suspect = 1;
  CREATE TABLE versions (
    id INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    digest BLOB NOT NULL,
    blocks BLOB NOT NULL
  ) STRICT;
  CREATE TABLE versionFiles (
    versionId INTEGER NOT NULL REFERENCES versions(id),
    fileId INTEGER NOT NULL REFERENCES files(id),
    PRIMARY KEY (versionId, fileId)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX versionFilesByFile ON versionFiles(fileId);
  CREATE TABLE tables (id INTEGER PRIMARY KEY AUTOINCREMENT, frozenEpoch INTEGER NOT NULL) STRICT;
  CREATE TABLE extents (
    tableId INTEGER NOT NULL REFERENCES tables(id),
    extent INTEGER NOT NULL,
    versionId INTEGER NOT NULL REFERENCES versions(id),
    PRIMARY KEY (tableId, extent)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX extentsByVersion ON extents(versionId);
  CREATE TABLE volumes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('plain', 'mirror', 'rebuilt')),
    kind TEXT NOT NULL CHECK (kind IN ('lun', 'volume')),
    name TEXT NOT NULL,
    sizeBytes INTEGER NOT NULL,
    extentBytes INTEGER NOT NULL,
    stripeCount INTEGER NOT NULL,
    stripeBytes INTEGER NOT NULL,
    lunTarget TEXT,
    lunId INTEGER,
    virtualSwitches TEXT NOT NULL,
    planId TEXT,
    source TEXT,
    rebuildKey TEXT UNIQUE,
    tableId INTEGER NOT NULL UNIQUE REFERENCES tables(id),
    writer TEXT REFERENCES writers(id)
  ) STRICT;
  CREATE UNIQUE INDEX volumesByName ON volumes(name) WHERE role <> 'mirror';
  CREATE UNIQUE INDEX volumesByLun ON volumes(lunTarget, lunId) WHERE role <> 'mirror' AND lunTarget IS NOT NULL;
  CREATE INDEX volumesByWriter ON volumes(writer) WHERE writer IS NOT NULL;
  CREATE TABLE mirrors (
    volumeId TEXT PRIMARY KEY REFERENCES volumes(id),
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    sourceObjectId TEXT NOT NULL,
    sourceVolumeId TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    publishedSequence INTEGER NOT NULL DEFAULT 0,
    groupId TEXT,
    baseGroupId TEXT,
    sequence INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    UNIQUE (planId, source, sourceObjectId)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE doneExtents (
    volumeId TEXT NOT NULL REFERENCES mirrors(volumeId),
    extent INTEGER NOT NULL,
    PRIMARY KEY (volumeId, extent)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE abortedGroups (
    groupId TEXT NOT NULL,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (groupId, planId, source)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE snapshotGroups (
    id TEXT PRIMARY KEY,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    takenAt TEXT NOT NULL,
    sequence INTEGER,
    manifest TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX snapshotGroupsByOwner ON snapshotGroups(planId, source);
  CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    groupId TEXT NOT NULL REFERENCES snapshotGroups(id),
    volumeId TEXT NOT NULL,
    sourceVolumeId TEXT NOT NULL,
    sizeBytes INTEGER NOT NULL,
    extentBytes INTEGER NOT NULL,
    stripeCount INTEGER NOT NULL,
    stripeBytes INTEGER NOT NULL,
    tableId INTEGER NOT NULL UNIQUE REFERENCES tables(id),
    UNIQUE (groupId, volumeId)
  ) STRICT;
  `,
  `
  CREATE TABLE damagedBlocks (
    fileId INTEGER NOT NULL REFERENCES files(id) ON DELETE CASCADE,
    offset INTEGER NOT NULL,
    storedBytes INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (fileId, offset)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX damagedBlocksByHash ON damagedBlocks(hash);
  CREATE TABLE damagedVersions (versionId INTEGER PRIMARY KEY REFERENCES versions(id) ON DELETE CASCADE) STRICT;
  `,
  `
  CREATE TABLE stagings (
    tableId INTEGER PRIMARY KEY REFERENCES tables(id),
    writer TEXT NOT NULL REFERENCES writers(id)
  ) STRICT;
  CREATE INDEX stagingsByWriter ON stagings(writer);
  `,
  `
  ALTER TABLE files ADD COLUMN sizeBytes INTEGER;
  ALTER TABLE files ADD COLUMN liveBytes INTEGER;
  `,
  `
  ALTER TABLE snapshotGroups ADD COLUMN objects TEXT;
  CREATE TABLE newestSnapshots (
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (planId, source)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE deletedRebuilds (key TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE preparedObjects (
    volumeId TEXT NOT NULL REFERENCES mirrors(volumeId),
    sequence INTEGER NOT NULL,
    groupId TEXT NOT NULL,
    objectIndex INTEGER NOT NULL,
    object TEXT NOT NULL,
    PRIMARY KEY (volumeId, sequence)
  ) STRICT;
  `,
  cluster,
  `
  CREATE TABLE grants (
    volumeId TEXT PRIMARY KEY REFERENCES mirrors(volumeId) ON DELETE CASCADE,
    groupId TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    sender TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO grants SELECT volumeId, groupId, sequence, source FROM mirrors
    WHERE groupId IS NOT NULL AND sequence > publishedSequence;
  INSERT OR REPLACE INTO grants SELECT volumeId, p.groupId, p.sequence, o.source
    FROM preparedObjects p JOIN mirrorObjects o ON o.number = p.mirrorObject JOIN mirrorObjectVolumes USING (mirrorObject)
    ORDER BY p.sequence;
  `,
  `
  CREATE TABLE releasedMirrors (
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (planId, source)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  CREATE TABLE restoreOwners (
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    seedGroupId TEXT,
    PRIMARY KEY (planId, source)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE snapshotGroups ADD COLUMN keepUntil TEXT;
  CREATE TABLE rollbacks (
    key TEXT PRIMARY KEY,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    fromGroupId TEXT,
    state TEXT NOT NULL CHECK (state IN ('writing', 'undoing', 'done', 'undone')),
    told TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE rollbackLocks (id TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES rollbacks(key)) STRICT, WITHOUT ROWID;
  CREATE INDEX rollbackLocksByKey ON rollbackLocks(key);
  `,
  `
  ALTER TABLE snapshotGroups ADD COLUMN proof TEXT;
  `,
  `
  ALTER TABLE groupObjects ADD COLUMN mapping TEXT;
  CREATE TABLE madeObjects (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    homeId TEXT NOT NULL,
    madeId TEXT NOT NULL,
    madeName TEXT NOT NULL,
    home TEXT NOT NULL,
    UNIQUE (key, kind, homeId)
  ) STRICT;
  CREATE INDEX madeObjectsById ON madeObjects(madeId, kind);
  CREATE TABLE madeVolumes (
    key TEXT NOT NULL,
    homeId TEXT NOT NULL,
    volumeId TEXT NOT NULL,
    PRIMARY KEY (key, homeId)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX madeVolumesById ON madeVolumes(volumeId);
  `,
];

/** What was opened by a program of before this version can't go on with it. */
const exclusiveSince = migrations.indexOf(cluster) + 1;

/**
 * Brings the metadata to this program's version, or makes it. Runs under the store's opening lock.
 * @param options.isInUse whether somebody has the store open; asked only where that matters
 * @param options.to for tests: the version to bring it to
 * @throws STORE_TOO_NEW, STORE_CORRUPT (the file is another program's), STORE_IN_USE (somebody has
 *   it open who could not go on)
 */
export const migrate = (
  database: Database,
  { isInUse = () => false, to = migrations.length }: { readonly isInUse?: () => boolean; readonly to?: number } = {},
): void => {
  const version = database.pragma("user_version");
  const application = database.pragma("application_id");
  if (application !== applicationId && !(application === 0 && version === 0)) {
    throw new VisibleError("STORE_CORRUPT", `${database.path} is not the metadata of an extentstore.`, {
      hint: "Check the folder in the gateway's storage configuration.",
    });
  }
  if (version > migrations.length) {
    throw new VisibleError(
      "STORE_TOO_NEW",
      `${database.path} has format ${version}; this program knows up to ${migrations.length}.`,
      { hint: "Use the version of smtx-backup that wrote it, or a newer one." },
    );
  }
  if (version > 0 && version < exclusiveSince && to >= exclusiveSince && isInUse()) {
    throw new VisibleError("STORE_IN_USE", `${database.path} is open in a program of a version before this one.`, {
      hint: "End the gateways and commands that have it open; this version changes the store's form.",
    });
  }
  for (let done = version; done < to; done++) {
    database.transaction(() => {
      database.execute(migrations[done] ?? "");
      database.execute(`PRAGMA user_version = ${done + 1}; PRAGMA application_id = ${applicationId};`);
    });
  }
};
