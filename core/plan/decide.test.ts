import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Instant, type PlanId, runIdOf, type SiteId } from "../api/ids.ts";
import { type Plan, scheduleSchema } from "../api/plan.ts";
import { addSeconds } from "../ports/clock.ts";
import { slots } from "../schedule/slots.ts";
import { decidePlan } from "./decide.ts";
import type { PlanEffect, PlanEvent } from "./events.ts";

const id = "plan_01JD0000000000000000000000" as PlanId;
const begin = "2026-11-24T00:30:00.000Z" as Instant;
const [b, c] = ["b", "c"] as SiteId[] as [SiteId, SiteId];

const hourly = (more: Partial<Plan> = {}): Plan => ({
  id,
  kind: "backup",
  status: "active",
  name: "nightly",
  source: "a" as SiteId,
  targets: [b, c].map((site) => ({ site, retention: { keepLast: 3 }, switches: {} })),
  objectCount: 1,
  objectSet: 1,
  schedule: scheduleSchema.parse({ cycle: "hourly" }),
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: begin,
  slotsDoneUntil: begin,
  sequence: 0,
  lanes: {},
  ...more,
});

const hour = (n: number): Instant => `2026-11-24T${n.toString().padStart(2, "0")}:00:00.000Z` as Instant;
const tick = (plan: Plan, now: Instant) => decidePlan(plan, { type: "tick" }, now);
const types = (effects: readonly PlanEffect[]) => effects.map((effect) => effect.type);

const skipsIn = (effects: readonly PlanEffect[]) =>
  effects.flatMap((effect) => {
    if (effect.type !== "record-skip") return [];
    const { planId: _, ...skip } = effect.skip;
    return [skip];
  });

describe("a plan", () => {
  test("makes one run of a slot, however often it fires", () => {
    const first = tick(hourly(), hour(1));
    assert.deepEqual(types(first.effects), ["create-run", "start", "start"]);
    const second = tick(first.plan, hour(1));
    assert.equal(second.plan, first.plan);
    assert.deepEqual(second.effects, []);
  });

  test("does nothing when it fires at a time that is no slot", () => {
    const plan = hourly();
    assert.equal(tick(plan, "2026-11-24T00:45:00.000Z" as Instant).plan, plan);
  });

  test("remembers the newest slot while a target is busy, and starts it when the target is free (W22)", () => {
    const one = tick(hourly(), hour(1)).plan;
    const freed = decidePlan(one, { type: "released", target: c, runId: runIdOf(id, hour(1)) }, hour(1)).plan;
    const two = tick(freed, hour(2));
    assert.deepEqual(
      two.effects.filter((effect) => effect.type === "start"),
      [{ type: "start", runId: runIdOf(id, hour(2)), target: c }],
    );
    const three = tick(two.plan, hour(3));
    const superseded = three.effects.filter((effect) => effect.type === "supersede");
    assert.deepEqual(
      superseded.map(({ runId, target }) => ({ runId, target })),
      [{ runId: runIdOf(id, hour(2)), target: b }],
    );
    const released = decidePlan(three.plan, { type: "released", target: b, runId: runIdOf(id, hour(1)) }, hour(3));
    assert.deepEqual(released.effects, [{ type: "start", runId: runIdOf(id, hour(3)), target: b }]);
  });

  test("runs the newest of the slots it slept through and records the others as missed", () => {
    const { effects } = tick(hourly(), hour(5));
    assert.deepEqual(effects[0], {
      type: "record-skip",
      skip: { planId: id, firstSlot: hour(1), lastSlot: hour(4), count: 4, reason: "missed" },
    });
    assert(effects.some((effect) => effect.type === "create-run" && effect.slot === hour(5)));
  });

  test("records the slots of its suspension and runs none of them, not even after it resumes", () => {
    const suspended = decidePlan(hourly(), { type: "suspend" }, begin).plan;
    const { plan, effects } = tick(suspended, hour(2));
    assert.deepEqual(types(effects), ["record-skip"]);
    const resumed = decidePlan(plan, { type: "resume" }, hour(4));
    assert.deepEqual(types(resumed.effects), ["record-skip", "sync-schedule"]);
    assert.equal(tick(resumed.plan, hour(4)).plan, resumed.plan);
  });

  test("runs a slot that was due before its suspension, and records none of it as suspended", () => {
    const { plan, effects } = decidePlan(hourly(), { type: "suspend" }, "2026-11-24T02:00:01.000Z" as Instant);
    assert.deepEqual(types(effects), ["record-skip", "create-run", "start", "start", "sync-schedule"]);
    assert.deepEqual(skipsIn(effects), [{ firstSlot: hour(1), lastSlot: hour(1), count: 1, reason: "missed" }]);
    assert(effects.some((effect) => effect.type === "create-run" && effect.slot === hour(2)));
    assert.equal(plan.status, "suspended");
    const later = tick(plan, hour(4));
    assert.deepEqual(skipsIn(later.effects), [
      { firstSlot: hour(3), lastSlot: hour(4), count: 2, reason: "suspended" },
    ]);
  });

  test("records each of thousands of slots that are due at once, whatever happens to it then", () => {
    const late = "2036-11-24T00:30:00.000Z" as Instant;
    const count = 24 * 3653;
    const change: PlanEvent = {
      type: "change",
      change: (plan) => ({ ...plan, schedule: scheduleSchema.parse({ cycle: "daily" }) }),
    };
    const lastSlot = "2036-11-24T00:00:00.000Z" as Instant;
    const beforeLast = "2036-11-23T23:00:00.000Z" as Instant;
    const missed = { firstSlot: hour(1), lastSlot: beforeLast, count: count - 1, reason: "missed" };
    for (const event of [{ type: "tick" }, change, { type: "suspend" }] as const) {
      assert.deepEqual(skipsIn(decidePlan(hourly(), event, late).effects), [missed]);
    }
    const all = { firstSlot: hour(1), lastSlot, count };
    const deleted = decidePlan(hourly(), { type: "delete" }, late);
    assert.deepEqual(skipsIn(deleted.effects), [{ ...all, reason: "deleted" }]);
    for (const type of ["tick", "resume", "delete"] as const) {
      const { effects } = decidePlan(hourly({ status: "suspended" }), { type }, late);
      assert.deepEqual(skipsIn(effects), [{ ...all, reason: "suspended" }]);
    }
  });

  test("begins a changed schedule now, and does not fire for the hours before", () => {
    const change: PlanEvent = {
      type: "change",
      change: (plan) => ({ ...plan, schedule: scheduleSchema.parse({ cycle: "hourly", minute: 15 }) }),
    };
    const { plan } = decidePlan(hourly(), change, "2026-11-24T00:45:00.000Z" as Instant);
    assert.equal(tick(plan, hour(1)).plan, plan);
    assert.deepEqual(types(tick(plan, "2026-11-24T01:15:00.000Z" as Instant).effects).slice(0, 1), ["create-run"]);
  });

  test("cancels what goes on and skips what waits when it is deleted, and deletes no group", () => {
    const busy = tick(tick(hourly(), hour(1)).plan, hour(2)).plan;
    const { plan, effects } = decidePlan(busy, { type: "delete" }, hour(2));
    assert.deepEqual(types(effects), ["supersede", "cancel", "supersede", "cancel", "tidy-source", "sync-schedule"]);
    assert.equal(tick(plan, hour(5)).plan, plan);
  });

  test("gives a snapshot plan one lane: its own site", () => {
    const { effects } = tick(hourly({ kind: "snapshot", targets: [], retention: { keepLast: 3 } }), hour(1));
    assert.deepEqual(effects[1], { type: "start", runId: runIdOf(id, hour(1)), target: "a" });
  });
});

test("I11: every slot is exactly one run or one recorded skip, whatever happens", () => {
  const action = fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant("tick" as const), minutes: fc.nat(200) }) },
    fc.record({ type: fc.constantFrom("suspend" as const, "resume" as const), minutes: fc.nat(90) }),
    fc.record({ type: fc.constant("run-now" as const), minutes: fc.nat(90) }),
    fc.record({ type: fc.constant("released" as const), minutes: fc.nat(30), target: fc.constantFrom(b, c) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      let plan = hourly();
      let now: Instant = begin;
      const runs: Instant[] = [];
      const skipped: Instant[] = [];
      for (const { minutes, ...rest } of actions) {
        now = addSeconds(now, minutes * 60 + 1);
        const event = rest.type === "released" ? { ...rest, runId: plan.lanes[rest.target]?.active as never } : rest;
        const decision = decidePlan(plan, event, now);
        plan = decision.plan;
        for (const effect of decision.effects) {
          if (effect.type === "create-run" && effect.trigger === "schedule") runs.push(effect.slot);
          if (effect.type !== "record-skip" || plan.schedule === undefined) continue;
          const after = addSeconds(effect.skip.firstSlot, -1);
          const range = slots(plan.schedule, { after, until: effect.skip.lastSlot, limit: 10_000 });
          assert.equal(range.length, effect.skip.count);
          skipped.push(...range);
        }
      }
      const due = slots(scheduleSchema.parse({ cycle: "hourly" }), {
        after: begin,
        until: plan.slotsDoneUntil,
        limit: 10_000,
      });
      assert.deepEqual([...runs, ...skipped].sort(), due);
    }),
  );
});
