import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import type { Plan } from "../api/plan.ts";
import { decidePlan, sequenceLeapMax } from "./decide.ts";

const now = "2026-11-24T01:00:00.000Z" as Instant;
const plan: Plan = {
  id: "plan_01JD0000000000000000000000" as PlanId,
  kind: "backup",
  status: "active",
  name: "nightly",
  source: "a" as SiteId,
  targets: [{ site: "b" as SiteId, retention: { keepLast: 2 }, switches: {} }],
  objectCount: 1,
  objectSet: 1,
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: now,
  slotsDoneUntil: now,
  sequence: 40,
  lanes: {},
};
const overtaken = (before: Plan, sequence: number) => decidePlan(before, { type: "overtaken", sequence }, now);

test("a plan whose table was set back goes on above the newest number that a site has", () => {
  const { plan: raised, effects } = overtaken(plan, 55);
  assert.deepEqual([raised.sequence, effects], [55, []]);
  const { effects: begun } = decidePlan(raised, { type: "run-now" }, now);
  assert(begun.some((effect) => effect.type === "create-run" && effect.sequence === 56));
});

test("numbers never go down, and no word of a site moves them by more than the bound", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 20 }), (words) => {
      let state = plan;
      for (const word of words) {
        const { plan: after } = overtaken(state, word);
        assert(after.sequence >= state.sequence && after.sequence - state.sequence <= sequenceLeapMax);
        if (word <= state.sequence) assert.equal(after, state);
        state = after;
      }
    }),
  );
});
