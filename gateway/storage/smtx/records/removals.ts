import type { Database } from "../../extentstore/database/database.ts";

/** What is to be removed from the cluster. Ids are CloudTower's. */
export interface Removal {
  readonly kind: "lun" | "manifest" | "snapshot" | "vm-volume" | "vm";
  readonly id: string;
  /** What a restore made has the name that a customer knows. */
  readonly made: "ours" | "rebuilt";
}

/**
 * What no row stands for any more is to be removed: snapshots whose group is gone, LUNs of mirrors
 * that are gone, and what was opened of them. What a cluster has by itself is forgotten before,
 * where it is gone. Inside a transaction, at its end.
 */
export const noteRemovals = (database: Database): void => {
  for (const [kind, column, table, isLeft, made] of leftovers) {
    database.run(
      `INSERT OR IGNORE INTO removals (kind, id, made) SELECT '${kind}', ${column}, ${made} FROM ${table} t
       WHERE ${isLeft} AND ${column} IS NOT NULL`,
    );
  }
  for (const [, , table, isLeft] of leftovers) database.run(`DELETE FROM ${table} AS t WHERE ${isLeft}`);
  // A file that is a customer's stays, and what a restore has made is removed at once.
  database.run(`DELETE FROM filesOfVolumes AS t WHERE ${noVolume}`);
};

const noVolume = "NOT EXISTS (SELECT 1 FROM volumes WHERE volumes.id = t.volumeId)";
const noVm = "NOT EXISTS (SELECT 1 FROM vms WHERE vms.id = t.vmId)";
const noTable = "NOT EXISTS (SELECT 1 FROM tables WHERE tables.id = t.tableId)";

/** A plan's, for as long as it has a mirror or a published group here. */
const noPlan = ["mirrorObjects", "snapshotGroups"]
  .map((table) => `NOT EXISTS (SELECT 1 FROM ${table} o WHERE o.planId = t.planId AND o.source = t.source)`)
  .join(" AND ");

const leftovers = [
  [
    "manifest",
    "snapshot",
    "manifestsOfGroups",
    "NOT EXISTS (SELECT 1 FROM snapshotGroups g WHERE g.id = t.groupId)",
    "'ours'",
  ],
  ["lun", "lun", "manifestLuns", noPlan, "'ours'"],
  ["snapshot", "snapshot", "snapshotsOfTables", noTable, "'ours'"],
  ["lun", "CASE WHEN vmVolume IS NULL THEN lun END", "lunsOfVolumes", noVolume, "iif(rebuilt = 1, 'rebuilt', 'ours')"],
  ["vm-volume", "vmVolume", "lunsOfVolumes", noVolume, "'rebuilt'"],
  ["lun", "lun", "basesOfMirrors", noVolume, "'ours'"],
  ["vm", "vm", "vmsOnCluster", noVm, "'rebuilt'"],
  ["vm", "vm", "shells", noVm, "'ours'"],
] as const;

/**
 * A group's manifest goes before its other snapshots: where it is there, nothing of the group has
 * been removed.
 */
export const listRemovals = (database: Database): readonly Removal[] =>
  database.all<Removal>("SELECT kind, id, made FROM removals ORDER BY kind, id");

export const endRemoval = (database: Database, { kind, id }: Pick<Removal, "kind" | "id">): void => {
  database.run("DELETE FROM removals WHERE kind = ? AND id = ?", kind, id);
};
