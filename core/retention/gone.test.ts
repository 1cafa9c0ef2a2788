import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instantSchema } from "../api/ids.ts";
import type { PlanEntry } from "../api/plan.ts";
import { addSeconds } from "../ports/clock.ts";
import { type GoneRecord, goneToKeep } from "./gone.ts";

const since = instantSchema.parse("2026-03-01T00:00:00.000Z");
const days = (count: number) => addSeconds(since, count * 24 * 3600);
const record = (name: string, more: Partial<GoneRecord> = {}): GoneRecord => ({
  ...{ kind: "vm", id: `vm-${name}`, name, named: false, since, lastSequence: 7 },
  ...more,
});
const names = (records: readonly GoneRecord[], entries: readonly PlanEntry[], now = days(1)) =>
  goneToKeep(records, entries, now).map(({ name, until }) => [name, until]);

describe("the newest copy of an object that is gone", () => {
  const web: PlanEntry = { kind: "vm", id: "vm-web", name: "web" };

  test("is kept while the plan names it, however long that is", () => {
    assert.deepEqual(names([record("web", { named: true })], [web], days(10_000)), [["web", undefined]]);
  });

  test("is let go when a person has taken it out of the plan", () => {
    assert.deepEqual(names([record("web", { named: true })], [{ kind: "vm", match: "web" }]), []);
    assert.deepEqual(names([record("web", { named: true })], [{ ...web, kind: "volume" }]), []);
  });

  test("is kept for 30 days where it came by a rule, also when the rule is no more", () => {
    const rule: PlanEntry = { kind: "vm", match: "w*" };
    for (const entries of [[rule], [web].slice(1)]) {
      assert.deepEqual(names([record("web")], entries, addSeconds(days(30), -0.001)), [["web", days(30)]]);
      assert.deepEqual(names([record("web")], entries, days(30)), []);
    }
  });

  test("is none where no group has it", () => {
    const { lastSequence: _, ...neverTaken } = record("web", { named: true });
    assert.deepEqual(names([neverTaken], [web]), []);
  });
});
