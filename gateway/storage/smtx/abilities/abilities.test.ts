import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Database } from "../../extentstore/database/database.ts";
import { migrateRecords } from "../records/schema.ts";
import { type AbilityAnswer, type AbilityName, abilitiesOf, abilityNames, noteAbilities } from "./abilities.ts";

const all = (answer: AbilityAnswer, but: Partial<Record<AbilityName, AbilityAnswer>> = {}) => {
  const entries = abilityNames.map((name) => [name, but[name] ?? answer]);
  return Object.fromEntries(entries) as Record<AbilityName, AbilityAnswer>;
};

test("nothing is known before it was seen, and what could not be seen again stays", async (context) => {
  const dir = await mkdtemp(join(tmpdir(), "abilities-"));
  context.after(() => rm(dir, { recursive: true }));
  const database = new Database(join(dir, "records"), { isDurable: false });
  migrateRecords(database);
  for (const name of abilityNames) assert.deepEqual(abilitiesOf(database)[name], { answer: "unknown" });

  noteAbilities(database, { answers: all("yes", { clonesVolumes: "no" }), day: "2026-11-30" });
  assert.deepEqual(abilitiesOf(database).clonesVolumes, { answer: "no", day: "2026-11-30" });

  noteAbilities(database, { answers: all("unknown", { clonesVolumes: "yes" }), day: "2026-12-01" });
  assert.deepEqual(abilitiesOf(database).clonesVolumes, { answer: "yes", day: "2026-12-01" });
  assert.deepEqual(abilitiesOf(database).tablesOfSnapshots, { answer: "yes", day: "2026-11-30" });
  database.close();
});
