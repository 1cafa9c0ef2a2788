import { ensureExport } from "../../extentstore/cluster/exports.ts";
import { defaultPool } from "../../extentstore/cluster/pools.ts";
import { ensureTarget } from "../../extentstore/cluster/targets.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { FoundCluster } from "./found.ts";
import { syncVms } from "./sync-vms.ts";
import { syncVolumes } from "./sync-volumes.ts";

/**
 * Brings the rows of what a cluster has by itself to what it has now, so that the rules that look
 * at them hold there too. Only what differs is written: a ledger carries every change. Mirrors are
 * left alone. Inside a transaction.
 */
export const syncRecords = (database: Database, found: FoundCluster): void => {
  for (const { name, settings } of found.targets) {
    const text = JSON.stringify(settings);
    if (textOf(database, "iscsiTargets", name) !== text) ensureTarget(database, name, settings);
  }
  for (const { name, settings } of found.exports) {
    const text = JSON.stringify(settings);
    if (textOf(database, "exports", name) !== text) ensureExport(database, { name, pool: defaultPool, settings });
  }
  syncSwitches(database, found);
  syncVolumes(database, found);
  syncVms(database, found);
  dropUnused(database, found);
};

const textOf = (database: Database, table: "iscsiTargets" | "exports", name: string): string | undefined =>
  database.one<{ settings: string }>(`SELECT settings FROM ${table} WHERE name = ?`, name)?.settings;

const syncSwitches = (database: Database, { switches }: FoundCluster): void => {
  const known = new Map(
    database.all<{ name: string; vlans: string }>("SELECT * FROM switches").map(({ name, vlans }) => [name, vlans]),
  );
  for (const { name, vlans } of switches) {
    const text = JSON.stringify(vlans);
    if (known.get(name) === text) continue;
    database.run("INSERT INTO switches VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET vlans = ?2", name, text);
  }
  const there = new Set(switches.map(({ name }) => name));
  for (const name of known.keys()) {
    if (there.has(name)) continue;
    database.run("UPDATE vmNics SET switch = NULL WHERE switch = ?", name);
    database.run("DELETE FROM switches WHERE name = ?", name);
  }
};

/** Targets and exports that are gone. Those of mirrors go with their last one. */
const dropUnused = (database: Database, { targets, exports }: FoundCluster): void => {
  const unused = (table: "iscsiTargets" | "exports", column: "lunTarget" | "export") =>
    database.all<{ name: string }>(
      `SELECT name FROM ${table} WHERE NOT EXISTS (SELECT 1 FROM volumes WHERE ${column} = ${table}.name)`,
    );
  const thereTargets = new Set(targets.map(({ name }) => name));
  for (const { name } of unused("iscsiTargets", "lunTarget")) {
    if (!thereTargets.has(name)) database.run("DELETE FROM iscsiTargets WHERE name = ?", name);
  }
  const thereExports = new Set(exports.map(({ name }) => name));
  for (const { name } of unused("exports", "export")) {
    if (!thereExports.has(name)) database.run("DELETE FROM exports WHERE name = ?", name);
  }
};
