/**
 * Pools, switches, exports, files and VMs, and mirrors of several volumes. Tables whose constraints
 * change are made anew beside the old ones and filled from them. Children are dropped before their
 * parents, so foreign keys hold at every statement; a rename takes the references to the table
 * along. Groups have a rowid now: without one, whoever looks for a group, as each of its snapshots
 * does, reads the manifests of others that are megabytes long.
 */
export const cluster = `
  CREATE TABLE pools (name TEXT PRIMARY KEY, capacityBytes INTEGER) STRICT, WITHOUT ROWID;
  INSERT INTO pools VALUES ('default', NULL);
  CREATE TABLE switches (name TEXT PRIMARY KEY, vlans TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE iscsiTargets (name TEXT PRIMARY KEY, settings TEXT NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO iscsiTargets SELECT DISTINCT lunTarget, '{}' FROM volumes WHERE lunTarget IS NOT NULL;
  CREATE TABLE exports (
    name TEXT PRIMARY KEY,
    pool TEXT NOT NULL REFERENCES pools(name),
    settings TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE vms (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('plain', 'mirror', 'rebuilt')),
    name TEXT NOT NULL,
    description TEXT,
    vcpu INTEGER NOT NULL,
    cores INTEGER NOT NULL,
    sockets INTEGER NOT NULL,
    memoryBytes INTEGER NOT NULL,
    firmware TEXT NOT NULL,
    ha INTEGER NOT NULL CHECK (ha IN (0, 1)),
    status TEXT NOT NULL,
    labels TEXT,
    planId TEXT,
    source TEXT,
    rebuildKey TEXT UNIQUE
  ) STRICT;
  CREATE UNIQUE INDEX vmsByName ON vms(name) WHERE role <> 'mirror';

  CREATE TABLE newVolumes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('plain', 'mirror', 'rebuilt')),
    kind TEXT NOT NULL CHECK (kind IN ('lun', 'volume', 'nfs-file')),
    name TEXT NOT NULL,
    sizeBytes INTEGER NOT NULL,
    extentBytes INTEGER NOT NULL,
    stripeCount INTEGER NOT NULL,
    stripeBytes INTEGER NOT NULL,
    pool TEXT NOT NULL REFERENCES pools(name),
    lunTarget TEXT REFERENCES iscsiTargets(name),
    lunId INTEGER,
    allowedInitiators TEXT,
    export TEXT REFERENCES exports(name),
    path TEXT,
    sharing INTEGER NOT NULL DEFAULT 0 CHECK (sharing IN (0, 1)),
    vmId TEXT REFERENCES vms(id),
    labels TEXT,
    planId TEXT,
    source TEXT,
    rebuildKey TEXT UNIQUE,
    tableId INTEGER NOT NULL UNIQUE REFERENCES tables(id),
    writer TEXT REFERENCES writers(id),
    CHECK ((kind = 'nfs-file') = (export IS NOT NULL AND path IS NOT NULL))
  ) STRICT;
  INSERT INTO newVolumes (number, id, role, kind, name, sizeBytes, extentBytes, stripeCount, stripeBytes, pool,
      lunTarget, lunId, planId, source, rebuildKey, tableId, writer)
    SELECT number, id, role, kind, name, sizeBytes, extentBytes, stripeCount, stripeBytes, 'default',
      lunTarget, lunId, planId, source, rebuildKey, tableId, writer FROM volumes ORDER BY number;

  CREATE TABLE newMirrors (
    volumeId TEXT PRIMARY KEY REFERENCES newVolumes(id),
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    sourceVolumeId TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    publishedSequence INTEGER NOT NULL DEFAULT 0,
    groupId TEXT,
    baseGroupId TEXT,
    sequence INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    UNIQUE (planId, source, sourceVolumeId)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO newMirrors (volumeId, planId, source, sourceVolumeId, epoch, publishedSequence, groupId, baseGroupId,
      sequence, complete)
    SELECT volumeId, planId, source, sourceVolumeId, epoch, publishedSequence, groupId, baseGroupId,
      sequence, complete FROM mirrors;

  CREATE TABLE mirrorObjects (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    sourceObjectId TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('lun', 'volume', 'nfs-file', 'vm')),
    vmId TEXT UNIQUE REFERENCES vms(id),
    mapping TEXT,
    sequence INTEGER NOT NULL DEFAULT 0,
    UNIQUE (planId, source, sourceObjectId)
  ) STRICT;
  INSERT INTO mirrorObjects (planId, source, sourceObjectId, kind)
    SELECT mirrors.planId, mirrors.source, sourceObjectId, kind FROM mirrors JOIN volumes ON id = volumeId
    ORDER BY volumes.number;
  CREATE TABLE mirrorObjectVolumes (
    mirrorObject INTEGER NOT NULL REFERENCES mirrorObjects(number) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    volumeId TEXT NOT NULL REFERENCES newMirrors(volumeId),
    PRIMARY KEY (mirrorObject, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX mirrorObjectsByVolume ON mirrorObjectVolumes(volumeId);
  INSERT INTO mirrorObjectVolumes (mirrorObject, position, volumeId)
    SELECT number, 0, volumeId FROM mirrorObjects JOIN mirrors USING (planId, source, sourceObjectId);

  CREATE TABLE newDoneExtents (
    volumeId TEXT NOT NULL REFERENCES newMirrors(volumeId),
    extent INTEGER NOT NULL,
    PRIMARY KEY (volumeId, extent)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO newDoneExtents SELECT volumeId, extent FROM doneExtents;

  CREATE TABLE newPreparedObjects (
    mirrorObject INTEGER NOT NULL REFERENCES mirrorObjects(number) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    groupId TEXT NOT NULL,
    objectIndex INTEGER NOT NULL,
    object TEXT NOT NULL,
    mapping TEXT,
    PRIMARY KEY (mirrorObject, sequence)
  ) STRICT;
  INSERT INTO newPreparedObjects (mirrorObject, sequence, groupId, objectIndex, object)
    SELECT mirrorObject, sequence, groupId, objectIndex, object
    FROM preparedObjects JOIN mirrorObjectVolumes USING (volumeId);
  UPDATE mirrorObjects SET sequence =
    ifnull((SELECT max(sequence) FROM newPreparedObjects WHERE mirrorObject = mirrorObjects.number), 0);

  DROP TABLE preparedObjects;
  DROP TABLE doneExtents;
  DROP TABLE mirrors;
  DROP TABLE volumes;
  ALTER TABLE newVolumes RENAME TO volumes;
  ALTER TABLE newMirrors RENAME TO mirrors;
  ALTER TABLE newDoneExtents RENAME TO doneExtents;
  ALTER TABLE newPreparedObjects RENAME TO preparedObjects;
  CREATE INDEX mirrorsByPublished ON mirrors(planId, source, publishedSequence);
  CREATE UNIQUE INDEX volumesByName ON volumes(name) WHERE role <> 'mirror' AND kind <> 'nfs-file';
  CREATE UNIQUE INDEX volumesByLun ON volumes(lunTarget, lunId) WHERE role <> 'mirror' AND lunTarget IS NOT NULL;
  CREATE UNIQUE INDEX volumesByPath ON volumes(export, path) WHERE role <> 'mirror' AND export IS NOT NULL;
  CREATE INDEX volumesByWriter ON volumes(writer) WHERE writer IS NOT NULL;
  CREATE INDEX volumesByVm ON volumes(vmId) WHERE vmId IS NOT NULL;
  CREATE INDEX volumesByPool ON volumes(pool, sizeBytes);
  CREATE INDEX volumesByTarget ON volumes(lunTarget) WHERE lunTarget IS NOT NULL;
  CREATE INDEX volumesByExport ON volumes(export) WHERE export IS NOT NULL;

  CREATE TABLE vmDisks (
    vmId TEXT NOT NULL REFERENCES vms(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    volumeId TEXT REFERENCES volumes(id),
    cdRom TEXT,
    bus TEXT NOT NULL,
    boot INTEGER NOT NULL,
    PRIMARY KEY (vmId, position),
    CHECK ((volumeId IS NULL) <> (cdRom IS NULL))
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX vmDisksByVolume ON vmDisks(volumeId) WHERE volumeId IS NOT NULL;
  CREATE TABLE vmNics (
    vmId TEXT NOT NULL REFERENCES vms(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    macAddress TEXT NOT NULL,
    model TEXT NOT NULL,
    switch TEXT REFERENCES switches(name),
    vlanName TEXT,
    vlanId INTEGER NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    ipAddress TEXT,
    gateway TEXT,
    subnetMask TEXT,
    PRIMARY KEY (vmId, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX vmNicsByMacAddress ON vmNics(macAddress);

  CREATE TABLE foreignPlans (
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    planName TEXT NOT NULL,
    PRIMARY KEY (planId, source)
  ) STRICT, WITHOUT ROWID;
  INSERT OR REPLACE INTO foreignPlans (planId, source, planName)
    SELECT planId, source, planName FROM (
      SELECT planId, source, sequence,
        CASE WHEN json_valid(manifest) THEN json_extract(manifest, '$.planName') END AS planName
      FROM snapshotGroups WHERE manifest IS NOT NULL
    ) WHERE typeof(planName) = 'text' ORDER BY sequence;

  CREATE TABLE newSnapshotGroups (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    planId TEXT NOT NULL,
    source TEXT NOT NULL,
    takenAt TEXT NOT NULL,
    sequence INTEGER,
    planName TEXT,
    gone TEXT,
    warnings TEXT,
    manifest TEXT
  ) STRICT;
  INSERT INTO newSnapshotGroups (id, planId, source, takenAt, sequence, manifest)
    SELECT id, planId, source, takenAt, sequence, manifest FROM snapshotGroups;
  CREATE TABLE newSnapshots (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    groupId TEXT NOT NULL REFERENCES newSnapshotGroups(id),
    volumeId TEXT NOT NULL,
    sourceVolumeId TEXT NOT NULL,
    sizeBytes INTEGER NOT NULL,
    extentBytes INTEGER NOT NULL,
    stripeCount INTEGER NOT NULL,
    stripeBytes INTEGER NOT NULL,
    tableId INTEGER NOT NULL UNIQUE REFERENCES tables(id),
    UNIQUE (groupId, volumeId)
  ) STRICT;
  INSERT INTO newSnapshots (number, id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount,
      stripeBytes, tableId)
    SELECT number, id, groupId, volumeId, sourceVolumeId, sizeBytes, extentBytes, stripeCount,
      stripeBytes, tableId FROM snapshots ORDER BY number;
  CREATE TABLE groupObjects (
    groupId TEXT NOT NULL REFERENCES newSnapshotGroups(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    kind TEXT NOT NULL,
    objectId TEXT NOT NULL,
    because INTEGER,
    object TEXT NOT NULL,
    PRIMARY KEY (groupId, position)
  ) STRICT;
  CREATE INDEX groupObjectsById ON groupObjects(objectId, kind);
  INSERT INTO groupObjects (groupId, position, kind, objectId, object)
    SELECT snapshotGroups.id, key, json_extract(value, '$.kind'), json_extract(value, '$.id'), value
    FROM snapshotGroups, json_each(CASE WHEN json_valid(objects) THEN objects ELSE '[]' END);
  DROP TABLE snapshots;
  DROP TABLE snapshotGroups;
  ALTER TABLE newSnapshotGroups RENAME TO snapshotGroups;
  ALTER TABLE newSnapshots RENAME TO snapshots;
  CREATE INDEX snapshotGroupsByOwner ON snapshotGroups(planId, source);
  CREATE INDEX snapshotsBySourceVolume ON snapshots(groupId, sourceVolumeId);
`;
