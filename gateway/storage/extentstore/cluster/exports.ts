import { VisibleError } from "../../../../core/api/errors.ts";
import type { NfsExportSettings } from "../../../../core/api/object/nfs-file.ts";
import type { Database } from "../database/database.ts";

/*
 * NFS exports. Directories are only in the paths of files. Everything here runs inside the
 * caller's transaction.
 */

export interface ExportRow {
  readonly name: string;
  readonly pool: string;
  /** JSON. */
  readonly settings: string;
}

export const exportRow = (database: Database, name: string): ExportRow | undefined =>
  database.one<ExportRow>("SELECT * FROM exports WHERE name = ?", name);

/** @throws EXPORT_UNKNOWN */
export const findExport = (database: Database, name: string): ExportRow => {
  const row = exportRow(database, name);
  if (row !== undefined) return row;
  const names = database.all<ExportRow>("SELECT * FROM exports ORDER BY name").map((row) => `“${row.name}”`);
  const others = names.length === 0 ? "There is none at all" : `There are: ${names.slice(0, 20).join(", ")}`;
  throw new VisibleError("EXPORT_UNKNOWN", `There is no NFS export “${name}” here.`, {
    hint: `${others}. One is made by a document of the kind nfs-export.`,
  });
};

/**
 * Makes an export where there is none. What is given it has from now on; its
 * files stay in their pool.
 */
export const ensureExport = (
  database: Database,
  of: { readonly name: string; readonly pool: string; readonly settings?: NfsExportSettings | undefined },
): void => {
  database.run(
    `INSERT INTO exports (name, pool, settings) VALUES (?1, ?2, ifnull(?3, '{}'))
     ON CONFLICT (name) DO UPDATE SET pool = ?2, settings = ifnull(?3, settings)`,
    of.name,
    of.pool,
    of.settings === undefined ? null : JSON.stringify(of.settings),
  );
};

/** Takes an export away that has no file any more. */
export const dropEmptyExport = (database: Database, name: string): void => {
  database.run("DELETE FROM exports WHERE name = ?1 AND NOT EXISTS (SELECT 1 FROM volumes WHERE export = ?1)", name);
};
