import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "../../extentstore/database/database.ts";
import { migrateRecords } from "../records/schema.ts";
import { beginTaking, endTaking } from "./begun.ts";

test("what was begun is known until it has ended, the last thousand of what never does", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "begun-"));
  const database = new Database(join(dir, "records"));
  context.after(() => {
    database.close();
    return rm(dir, { recursive: true });
  });
  migrateRecords(database);
  database.transaction(() => {
    assert.deepEqual([beginTaking(database, "one"), beginTaking(database, "one")], [true, false]);
    endTaking(database, "one");
    assert.equal(beginTaking(database, "one"), true);
    for (let n = 1; n < 1000; n++) beginTaking(database, `dead ${n}`);
    assert.equal(beginTaking(database, "one"), false);
    beginTaking(database, "another");
    assert.equal(beginTaking(database, "one"), true);
  });
});
