import type { Database } from "../../extentstore/database/database.ts";
import { migrate } from "../../extentstore/database/schema.ts";

/*
 * What the records say of a cluster that keeps the contents itself: which of its things stands
 * for which row. None of these but `extentClaims` refers to another table, because a thing on the
 * cluster outlives the row that it was made for, until somebody removes it.
 */

/**
 * - `lunsOfVolumes`: the LUN by which a volume is snapshotted, read and written. Of a mirror and of
 *   what was rebuilt here it is as it was made, so that what has to change is seen.
 * - `filesOfVolumes`: the NFS file that a volume is.
 * - `vmsOnCluster`: of VMs, by the ids that their rows have; `shells`: the same of mirrors.
 * - `snapshotsOfTables`: the cluster's snapshot that is the content of a snapshot's extent table.
 * - `removals`: what nothing here refers to any more, and the cluster still has.
 * - `resets`: mirrors whose LUN has to become a snapshot, or empty (null), before anybody writes
 *   it.
 * - `renames`: what was made under a name of ours, and is to have its own.
 * - `basesOfMirrors`: clones of what the mirrors' writing started from.
 * - `extentClaims`: of each extent of a mirror, who began to write it last, for which run, and in
 *   which epoch it may still be at it.
 * - `vmsBefore`: what VMs were before a rollback that has not ended, as JSON.
 * - `abilities`: what the cluster was seen to do.
 * - `foundBefore`: ids of what was on the cluster with names of ours when these records began. It
 *   is of records that are lost, and may be all that is left of backups: nobody removes it.
 * - `manifestLuns` are plans' own, and `manifestsOfGroups` their snapshots, one a published group.
 * - `begunSnapshots`: names of what the cluster was asked to snapshot, until the records have it.
 * - `holders` of what is open, each with a number that it raises while it lives.
 */
const own = `
  CREATE TABLE IF NOT EXISTS lunsOfVolumes (
    volumeId TEXT PRIMARY KEY,
    lun TEXT NOT NULL,
    zbsVolumeId TEXT NOT NULL,
    target TEXT NOT NULL,
    iqn TEXT NOT NULL,
    lunId INTEGER NOT NULL,
    sizeBytes INTEGER NOT NULL,
    vmVolume TEXT,
    rebuilt INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS volumesOfLuns ON lunsOfVolumes(zbsVolumeId);
  CREATE TABLE IF NOT EXISTS filesOfVolumes (
    volumeId TEXT PRIMARY KEY,
    inode TEXT NOT NULL,
    inodeId TEXT NOT NULL,
    zbsVolumeId TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS vmsOnCluster (
    vmId TEXT PRIMARY KEY,
    vm TEXT NOT NULL,
    localId TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS shells (
    vmId TEXT PRIMARY KEY,
    vm TEXT NOT NULL,
    localId TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS snapshotsOfTables (
    tableId INTEGER PRIMARY KEY,
    snapshot TEXT NOT NULL,
    zbsVolumeId TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS removals (
    kind TEXT NOT NULL CHECK (kind IN ('lun', 'manifest', 'snapshot', 'vm-volume', 'vm')),
    id TEXT NOT NULL,
    made TEXT NOT NULL DEFAULT 'ours' CHECK (made IN ('ours', 'rebuilt')),
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS resets (
    volumeId TEXT PRIMARY KEY,
    snapshot TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS basesOfMirrors (
    volumeId TEXT PRIMARY KEY,
    lun TEXT NOT NULL,
    iqn TEXT NOT NULL,
    lunId INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS extentClaims (
    tableId INTEGER NOT NULL REFERENCES tables(id) ON DELETE CASCADE,
    extent INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    openIn INTEGER,
    PRIMARY KEY (tableId, extent)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS renames (
    kind TEXT NOT NULL CHECK (kind IN ('lun', 'vm-volume', 'vm')),
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS vmsBefore (
    key TEXT NOT NULL,
    vmId TEXT NOT NULL,
    shape TEXT NOT NULL,
    PRIMARY KEY (key, vmId)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS abilities (
    name TEXT PRIMARY KEY,
    answer TEXT NOT NULL CHECK (answer IN ('yes', 'no')),
    day TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS foundBefore (
    id TEXT PRIMARY KEY
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manifestLuns (
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    lun TEXT NOT NULL,
    zbsVolumeId TEXT NOT NULL,
    iqn TEXT NOT NULL,
    lunId INTEGER NOT NULL,
    sizeBytes INTEGER NOT NULL,
    PRIMARY KEY (planId, source)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS manifestsOfGroups (
    groupId TEXT PRIMARY KEY,
    snapshot TEXT NOT NULL,
    zbsVolumeId TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS begunSnapshots (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS holders (
    id TEXT PRIMARY KEY,
    beat INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** Brings the records to this program's version, or makes them. @throws STORE_TOO_NEW */
export const migrateRecords = (database: Database): void => {
  migrate(database);
  // Id 0 is the controller's, not a disk's, of some targets.
  database.execute("INSERT OR IGNORE INTO counters VALUES ('lowest LUN id', 1)");
  database.execute(own);
};
