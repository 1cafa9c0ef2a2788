import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { BlockTable } from "../data/blocks.ts";
import { dataFileIdOf, dataFilePath } from "../data/data-file.ts";
import { Database } from "../database/database.ts";

/** What nothing refers to, and nothing would ever take away. */
const leftOver = {
  "a mirror volume that is nobody's mirror":
    "SELECT id FROM volumes WHERE role = 'mirror' EXCEPT SELECT volumeId FROM mirrors",
  "a mirror of no object": "SELECT volumeId FROM mirrors EXCEPT SELECT volumeId FROM mirrorObjectVolumes",
  "the mirror of an object without a volume":
    "SELECT number FROM mirrorObjects EXCEPT SELECT mirrorObject FROM mirrorObjectVolumes",
  "a mirror VM that is nobody's mirror":
    "SELECT id FROM vms WHERE role = 'mirror' EXCEPT SELECT vmId FROM mirrorObjects",
  "an empty mirror target":
    "SELECT name FROM iscsiTargets WHERE name LIKE 'mirror.%' EXCEPT SELECT lunTarget FROM volumes",
  "an empty mirror export": "SELECT name FROM exports WHERE name LIKE 'mirror.%' EXCEPT SELECT export FROM volumes",
} as const;

/**
 * Checks what must hold of a store that nobody has open: every reference leads somewhere, and
 * nothing is left over.
 */
export const checkConsistency = (dir: string): void => {
  const database = new Database(join(dir, "store.sqlite"));
  try {
    assert.deepEqual(database.all("PRAGMA integrity_check"), [
      Object.assign(Object.create(null), { integrity_check: "ok" }),
    ]);
    assert.deepEqual(database.all("PRAGMA foreign_key_check"), []);
    assert.deepEqual(database.all("SELECT * FROM writers"), []);
    assert.deepEqual(database.all("SELECT id FROM files WHERE writer IS NOT NULL"), []);
    assert.deepEqual(database.all("SELECT * FROM stagings"), []);
    assert.deepEqual(
      database.all("SELECT id FROM tables EXCEPT SELECT tableId FROM volumes EXCEPT SELECT tableId FROM snapshots"),
      [],
    );
    assert.deepEqual(database.all("SELECT id FROM versions EXCEPT SELECT versionId FROM extents"), []);
    assert.deepEqual(
      database.all("SELECT id FROM files WHERE suspect = 0 EXCEPT SELECT fileId FROM versionFiles"),
      [],
      "a file without references isn't marked for the collector",
    );
    for (const [what, sql] of Object.entries(leftOver)) assert.deepEqual(database.all(sql), [], what);
    for (const damage of ["damagedBlocks", "damagedVersions"]) {
      assert.deepEqual(database.all(`SELECT * FROM ${damage}`), [], "something was taken for damaged");
    }
    const generations = database.one<{ most: number; value: number }>(
      "SELECT coalesce((SELECT max(epoch) FROM versions), 0) AS most, value FROM counters WHERE name = 'epoch'",
    );
    assert(generations !== undefined && generations.most <= generations.value);
    checkVersions(database, join(dir, "data"));
    checkFiles(database, join(dir, "data"));
  } finally {
    database.close();
  }
};

const checkVersions = (database: Database, dataDir: string): void => {
  for (const { id, blocks } of database.all<{ id: number; blocks: Uint8Array }>("SELECT id, blocks FROM versions")) {
    const table = BlockTable.unpack(blocks);
    const files = database.all<{ fileId: number }>("SELECT fileId FROM versionFiles WHERE versionId = ?", id);
    assert.deepEqual(new Set(files.map((file) => file.fileId)), table.fileIds());
    for (let block = 0; block < table.blockCount; block++) {
      if (table.isHole(block)) continue;
      const { size } = statSync(dataFilePath(dataDir, table.fileId(block)));
      assert(size >= table.offset(block) + table.storedBytes(block), `version ${id} reaches past its data file`);
    }
  }
};

const checkFiles = (database: Database, dataDir: string): void => {
  const known = new Set(database.all<{ id: number }>("SELECT id FROM files").map((row) => row.id));
  for (const name of readdirSync(dataDir)) {
    assert(known.has(dataFileIdOf(name) ?? 0), `nobody knows the data file ${name}`);
  }
};
