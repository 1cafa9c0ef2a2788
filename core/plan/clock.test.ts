import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant, PlanId, SiteId } from "../api/ids.ts";
import { type Plan, scheduleSchema } from "../api/plan.ts";
import { addSeconds, aheadSecondsMax } from "../ports/clock.ts";
import { nextSlot, slots } from "../schedule/slots.ts";
import { decidePlan } from "./decide.ts";
import type { PlanEvent } from "./events.ts";

const id = "plan_01JD0000000000000000000000" as PlanId;
const begin = "2026-11-24T00:30:00.000Z" as Instant;
const b = "b" as SiteId;
const [hour, day, year] = [3600, 86_400, 365 * 86_400];

const planOf = (cycle: "hourly" | "daily", more: Partial<Plan> = {}): Plan => ({
  id,
  kind: "backup",
  status: "active",
  name: "nightly",
  source: "a" as SiteId,
  targets: [{ site: b, retention: { keepLast: 3 }, switches: {} }],
  objectCount: 1,
  objectSet: 1,
  schedule: scheduleSchema.parse({ cycle }),
  compression: { enabled: true, level: 1, dictionary: true },
  createdAt: begin,
  slotsDoneUntil: begin,
  sequence: 0,
  lanes: {},
  ...more,
});

/** A plan with what is recorded of its slots, as the engine records it. */
class Recorded {
  plan: Plan;
  /** What each slot is, and how many runs it had. */
  readonly slots = new Map<Instant, { as: "run" | "skip"; runs: number }>();
  readonly runIds = new Set<string>();
  /** When each slot last had a run, by the clock that `happen` is given. */
  readonly ranAt = new Map<Instant, Instant>();

  constructor(plan: Plan) {
    this.plan = plan;
  }

  happen(event: PlanEvent, now: Instant): void {
    const { schedule } = this.plan;
    assert(schedule !== undefined);
    const { plan, effects } = decidePlan(this.plan, event, now);
    this.plan = plan;
    for (const effect of effects) {
      if (effect.type === "record-skip") {
        const { firstSlot, lastSlot, count } = effect.skip;
        const range = slots(schedule, { after: addSeconds(firstSlot, -1), until: lastSlot, limit: 1_000_000 });
        assert.equal(range.length, count);
        for (const slot of range) {
          assert(!this.slots.has(slot), `I11: ${slot} is recorded twice`);
          this.slots.set(slot, { as: "skip", runs: 0 });
        }
      }
      if (effect.type !== "create-run") continue;
      assert(!this.runIds.has(effect.runId), `${effect.runId} was there already`);
      this.runIds.add(effect.runId);
      if (effect.trigger === "person") continue;
      const before = this.slots.get(effect.slot);
      assert(effect.again || before === undefined, `I11: ${effect.slot} is recorded already`);
      this.slots.set(effect.slot, { as: "run", runs: (before?.runs ?? 0) + 1 });
      this.ranAt.set(effect.slot, now);
    }
    for (const target of Object.keys(this.plan.lanes) as SiteId[]) this.#release(target, now);
  }

  /** Every run ends at once. */
  #release(target: SiteId, now: Instant): void {
    for (let active = this.plan.lanes[target]?.active; active; active = this.plan.lanes[target]?.active) {
      this.plan = decidePlan(this.plan, { type: "released", target, runId: active as never }, now).plan;
    }
  }
}

const tick = { type: "tick" } as const;

describe("a plan whose clock was wrong", () => {
  test("two years ahead for a while runs its slots again from the next one on, and takes back that they were missed", () => {
    const recorded = new Recorded(planOf("daily"));
    recorded.happen(tick, addSeconds(begin, hour));
    const wrong = addSeconds(begin, 2 * year);
    recorded.happen(tick, wrong);
    assert.equal([...recorded.slots.values()].filter(({ as }) => as === "skip").length, 2 * 365 - 2);
    let now = addSeconds(begin, hour + 200);
    recorded.happen(tick, now);
    assert.deepEqual(recorded.plan.clock, { putBackAt: now, from: "2028-11-22T01:00:00.000Z", times: 1 });
    for (let days = 0; days < 5; days += 1) {
      const slot = nextSlot(planOf("daily").schedule as never, now) as Instant;
      now = addSeconds(slot, 3);
      recorded.happen(tick, now);
      assert.deepEqual([recorded.slots.get(slot), recorded.ranAt.get(slot)], [{ as: "run", runs: 1 }, now]);
    }
  });

  test("runs the slot whose tick is the first to find that the clock was wrong", () => {
    const recorded = new Recorded(planOf("hourly"));
    recorded.happen(tick, addSeconds(begin, 5 * hour));
    recorded.happen(tick, addSeconds(begin, hour / 2 + 4));
    assert.deepEqual(recorded.slots.get("2026-11-24T01:00:00.000Z" as Instant), { as: "run", runs: 1 });
  });

  test("runs a slot again that had its run too early, under another name", () => {
    const recorded = new Recorded(planOf("hourly"));
    recorded.happen(tick, addSeconds(begin, 2.5 * hour));
    const slot = "2026-11-24T03:00:00.000Z" as Instant;
    for (let minutes = 0; minutes < 180; minutes += 1) recorded.happen(tick, addSeconds(begin, minutes * 60));
    assert.deepEqual(recorded.slots.get(slot), { as: "run", runs: 2 });
    assert.equal(recorded.ranAt.get(slot), slot);
  });

  for (const type of ["run-now", "suspend", "resume", "change", "delete"] as const) {
    test(`is put right by whatever happens to it next: ${type}`, () => {
      const ahead = addSeconds(begin, 2 * year);
      const status = type === "resume" ? "suspended" : "active";
      const plan = planOf("daily", { status, slotsDoneUntil: ahead, manualSlot: ahead, createdAt: ahead });
      const event: PlanEvent = type === "change" ? { type, change: (before) => before } : { type };
      const { plan: after } = decidePlan(plan, event, begin);
      for (const kept of [after.slotsDoneUntil, after.createdAt, after.manualSlot ?? begin]) {
        assert(kept <= addSeconds(begin, 1), kept);
      }
    });
  }

  test("that was ahead when the plan was made records the slots that come before then", () => {
    const made = addSeconds(begin, 10 * day);
    const recorded = new Recorded(planOf("daily", { createdAt: made, slotsDoneUntil: made }));
    recorded.happen(tick, begin);
    recorded.happen(tick, addSeconds(begin, 3 * day));
    assert.deepEqual(
      [...recorded.slots.values()].map(({ as }) => as),
      ["skip", "skip", "run"],
    );
  });

  test("tells the scheduler anew, since a clock that was ahead may have told it that the plan is over", () => {
    const plan = planOf("daily", { slotsDoneUntil: addSeconds(begin, year) });
    assert.deepEqual(decidePlan(plan, tick, begin).effects, [{ type: "sync-schedule" }]);
  });

  test("is left alone while clocks differ by minutes", () => {
    const plan = planOf("hourly", { slotsDoneUntil: addSeconds(begin, 590) });
    assert.equal(decidePlan(plan, tick, begin).plan, plan);
  });

  test("of a changed schedule knows nothing of the old one's slots", () => {
    const recorded = new Recorded(planOf("daily"));
    recorded.happen(tick, addSeconds(begin, 10 * day));
    recorded.happen(
      { type: "change", change: (plan) => ({ ...plan, schedule: scheduleSchema.parse({ cycle: "hourly" }) }) },
      begin,
    );
    assert.equal(recorded.plan.settledAhead, undefined);
    recorded.slots.clear();
    const [first, second] = ["2026-11-24T01:00:00.000Z", "2026-11-24T02:00:00.000Z"] as [Instant, Instant];
    recorded.happen(tick, second);
    assert.deepEqual([recorded.slots.get(first)?.as, recorded.slots.get(second)?.as], ["skip", "run"]);
  });

  test("keeps what a change that leaves the schedule alone finds settled", () => {
    const recorded = new Recorded(planOf("daily"));
    recorded.happen(tick, addSeconds(begin, 10 * day));
    recorded.happen({ type: "change", change: (plan) => ({ ...plan, name: "other" }) }, begin);
    recorded.happen(tick, addSeconds(begin, 2 * day));
    assert.equal(recorded.plan.settledAhead?.length, 1);
  });
});

test("I11 whatever the clock does: no slot is recorded twice, none is forgotten, and each that comes when it is right runs", () => {
  const jumps = (...units: readonly number[]) =>
    fc
      .tuple(fc.constantFrom(-1, 1), fc.constantFrom(...units), fc.integer({ min: 1, max: 20 }))
      .map(([sign, unit, count]) => sign * unit * count);
  const actions = (jump: fc.Arbitrary<number>) =>
    fc.oneof(
      { weight: 3, arbitrary: fc.record({ type: fc.constant("tick" as const), passes: fc.nat(3 * hour) }) },
      fc.record({ type: fc.constant("run-now" as const), passes: fc.nat(hour) }),
      fc.record({ type: fc.constantFrom("suspend" as const, "resume" as const), passes: fc.nat(hour) }),
      fc.record({ type: fc.constant("clock" as const), passes: fc.nat(100), jump }),
      fc.record({ type: fc.constant("right" as const), passes: fc.nat(100) }),
    );
  const histories = (cycle: "hourly" | "daily", jump: fc.Arbitrary<number>) =>
    fc.record({
      cycle: fc.constant(cycle),
      madeAt: fc.oneof(fc.constant(0), jump),
      actions: fc.array(actions(jump), { maxLength: 40 }),
    });
  const all = fc.oneof(histories("hourly", jumps(60, hour, day)), histories("daily", jumps(hour, day, 30 * day, year)));
  fc.assert(
    fc.property(all, ({ cycle, madeAt, actions }) => {
      const made = addSeconds(begin, madeAt);
      const recorded = new Recorded(planOf(cycle, { createdAt: made, slotsDoneUntil: made }));
      let [truth, error] = [begin, madeAt];
      for (const one of actions) {
        truth = addSeconds(truth, one.passes);
        if (one.type === "clock") error += one.jump;
        else if (one.type === "right") error = 0;
        else recorded.happen({ type: one.type }, addSeconds(truth, error));
      }
      // From now on the clock is right, and whoever is due is ticked every minute.
      recorded.happen({ type: "resume" }, truth);
      const end = addSeconds(truth, (cycle === "hourly" ? 5 * hour : 3 * day) + 30);
      const step = cycle === "hourly" ? 60 : hour;
      for (let now = truth; now < end; now = addSeconds(now, step)) recorded.happen(tick, now);
      recorded.happen(tick, end);
      const { schedule } = recorded.plan;
      assert(schedule !== undefined);
      // A clock that is off by minutes is not called wrong, and a slot may have been settled by it.
      for (const slot of slots(schedule, { after: addSeconds(truth, aheadSecondsMax), until: end, limit: 1000 })) {
        const ranAt = recorded.ranAt.get(slot);
        assert(ranAt !== undefined && ranAt >= slot && ranAt <= addSeconds(slot, step), `${slot} did not run`);
      }
      const due = slots(schedule, { after: later(made, begin), until: end, limit: 1_000_000 });
      const forgotten = due.filter((slot) => !recorded.slots.has(slot));
      assert.deepEqual(forgotten, [], "I11: slots that are neither a run nor a skip");
    }),
    { numRuns: 150 },
  );
});

const later = (one: Instant, other: Instant): Instant => (one > other ? one : other);
