import assert from "node:assert/strict";
import { test } from "node:test";
import { Database } from "../../extentstore/database/database.ts";
import { migrateRecords } from "../records/schema.ts";
import { beginTaking, endTaking } from "./begun.ts";

test("what was begun is known until it has ended, the last thousand of what never does", (context) => {
  const database = new Database(":memory:");
  context.after(() => database.close());
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
