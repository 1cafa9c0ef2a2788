import type { Owner } from "../../control.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { baseName, shellFolder } from "../names.ts";
import { beginEra, eraOf } from "../records/era.ts";
import { type OurThing, placeOf } from "./remains.ts";

/**
 * All by which the records know things on the cluster: CloudTower's ids, the cluster's own, which
 * stay when a CloudTower is set up anew, and names where there is no more. Inside a transaction.
 */
export const knownThings = (database: Database): ReadonlySet<string> => {
  const luns = database.all<{ lun: string; zbsVolumeId: string; target: string; vmVolume: string | null }>(
    "SELECT lun, zbsVolumeId, target, vmVolume FROM lunsOfVolumes",
  );
  const bases = database.all<{ lun: string; iqn: string; lunId: number }>("SELECT lun, iqn, lunId FROM basesOfMirrors");
  const mirrors = database.all<{ volumeId: string; epoch: number }>("SELECT volumeId, epoch FROM mirrors");
  const shells = database.all<Owner>("SELECT DISTINCT planId, source FROM vms WHERE role = 'mirror'");
  return new Set([
    ...shells.map(shellFolder),
    ...luns.flatMap(({ lun, zbsVolumeId, target, vmVolume }) => [lun, zbsVolumeId, target, vmVolume ?? lun]),
    ...bases.flatMap(({ lun, ...place }) => [lun, placeOf(place)]),
    // One that is being made has no row yet.
    ...mirrors.map(({ volumeId, epoch }) => baseName(volumeId, epoch)),
    ...texts(database, "SELECT snapshot AS text FROM snapshotsOfTables"),
    ...texts(database, "SELECT zbsVolumeId AS text FROM snapshotsOfTables"),
    ...texts(database, "SELECT lun AS text FROM manifestLuns"),
    ...texts(database, "SELECT zbsVolumeId AS text FROM manifestLuns"),
    ...texts(database, "SELECT snapshot AS text FROM manifestsOfGroups"),
    ...texts(database, "SELECT zbsVolumeId AS text FROM manifestsOfGroups"),
    ...texts(database, "SELECT snapshot AS text FROM resets WHERE snapshot IS NOT NULL"),
    ...texts(database, "SELECT vm AS text FROM vmsOnCluster"),
    ...texts(database, "SELECT localId AS text FROM vmsOnCluster"),
    ...texts(database, "SELECT vm AS text FROM shells"),
    ...texts(database, "SELECT localId AS text FROM shells"),
    ...texts(database, "SELECT id AS text FROM removals"),
    ...texts(database, "SELECT id AS text FROM foundBefore"),
  ]);
};

const begun = "looked for what lost records have left";

/** Whether it is written down what was there before these records. */
export const isBegun = (database: Database): boolean =>
  database.one("SELECT 1 FROM counters WHERE name = ?", begun) !== undefined;

/** What was there before these records stays. Idempotent: only the first look counts. */
export const putFoundBefore = (database: Database, things: readonly OurThing[]): void => {
  if (isBegun(database)) return;
  database.run("INSERT INTO counters VALUES (?, 1)", begun);
  if (things.length > 0) beginEra(database);
  for (const { id, aliases } of things) {
    for (const one of [id, ...aliases]) database.run("INSERT OR IGNORE INTO foundBefore VALUES (?)", one);
  }
};

/**
 * By the cluster's ids: volumes that may have snapshots that CloudTower does not know. None after
 * records that are lost: which of those were theirs nobody has written down.
 */
export const volumesWithSnapshots = (database: Database): readonly string[] => {
  if (eraOf(database) !== undefined) return [];
  return texts(
    database,
    `SELECT zbsVolumeId AS text FROM lunsOfVolumes UNION
     SELECT zbsVolumeId FROM filesOfVolumes ORDER BY text`,
  );
};

const texts = (database: Database, query: string): readonly string[] =>
  database.all<{ text: string }>(query).map(({ text }) => text);
