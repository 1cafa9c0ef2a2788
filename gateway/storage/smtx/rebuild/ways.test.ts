import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { sourceObject } from "../../conformance/fixtures.ts";
import { Database } from "../../extentstore/database/database.ts";
import { type AbilityAnswer, type AbilityName, abilityNames, noteAbilities } from "../abilities/abilities.ts";
import { migrateRecords } from "../records/schema.ts";
import { noteCopy, rebuildWaysOf } from "./ways.ts";

const GiB = 1024 ** 3;

const answers = (but: Partial<Record<AbilityName, AbilityAnswer>>) => {
  const entries = abilityNames.map((name) => [name, but[name] ?? "unknown"]);
  return Object.fromEntries(entries) as Record<AbilityName, AbilityAnswer>;
};

test("how long a copy takes is told by the size and the last copy, and not at all before there was one", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "ways-"));
  context.after(() => rm(dir, { recursive: true }));
  const database = new Database(join(dir, "records"), { isDurable: false });
  migrateRecords(database);
  const lun = sourceObject({ sizeBytes: 30 * GiB });
  const volume = { ...lun, kind: "volume", lun: undefined } as const;
  const ways = () => rebuildWaysOf(database, [lun, volume]);
  const unknown = { how: "snapshot", seconds: null };
  assert.deepEqual(ways(), [unknown, unknown]);
  noteAbilities(database, {
    answers: answers({ rollsBackToOthers: "yes", rollsBackVolumes: "no" }),
    day: "2026-11-30",
  });
  assert.deepEqual(ways(), [
    { how: "snapshot", seconds: 0 },
    { how: "none", seconds: null },
  ]);
  noteAbilities(database, { answers: answers({ rollsBackToOthers: "no" }), day: "2026-11-30" });
  assert.deepEqual(ways()[0], { how: "copy", seconds: null });
  noteCopy(database, { bytes: 10, ms: 1 });
  assert.deepEqual(ways()[0], { how: "copy", seconds: null }, "of a copy that tells little");
  noteCopy(database, { bytes: GiB, ms: 4_000 });
  noteCopy(database, { bytes: GiB, ms: 2_000 });
  assert.deepEqual(ways()[0], { how: "copy", seconds: 60 });
  database.close();
});
