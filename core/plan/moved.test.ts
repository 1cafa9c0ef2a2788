import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../api/errors.ts";
import { failoverIdOf, type Instant, type PlanId, type RunId, runIdOf, type SiteId } from "../api/ids.ts";
import { type Plan, type PlanPlace, scheduleSchema } from "../api/plan.ts";
import { addSeconds } from "../ports/clock.ts";
import { slots } from "../schedule/slots.ts";
import { type Around, decidePlan, type PlanDecision } from "./decide.ts";
import type { PlanEffect, PlanEvent } from "./events.ts";
import { isAway, siteOfObjects, targetsOf } from "./place.ts";
import { partnersOf, waysOf } from "./ways.ts";

const id = "plan_01JD0000000000000000000000" as PlanId;
const begin = "2026-11-24T00:30:00.000Z" as Instant;
const [a, b, c] = ["a", "b", "c"] as SiteId[] as [SiteId, SiteId, SiteId];
const hourly = scheduleSchema.parse({ cycle: "hourly" });

const plan = (more: Partial<Plan> = {}): Plan => ({
  ...{ id, kind: "backup", status: "active", name: "nightly", source: a, createdAt: begin },
  targets: [b, c].map((site) => ({ site, retention: { keepLast: 3 }, switches: {} })),
  ...{ objectCount: 1, objectSet: 1, schedule: hourly, slotsDoneUntil: begin, sequence: 0, lanes: {} },
  compression: { enabled: true, level: 1, dictionary: true },
  ...more,
});

const minute = (n: number): Instant => addSeconds(begin, n * 60);
const [one, other] = [1, 2].map((n) => failoverIdOf(id, minute(n)));
assert(one !== undefined && other !== undefined);
const made = ["restore_01JD0000000000000000000000_20261124T003000000Z" as RunId];
const at = (siteId: SiteId): PlanPlace => ({ siteId, standIns: made, failoverId: one, since: begin });
const away = (more: Partial<Plan> = {}) => plan({ place: at(b), ...more });
const code = (expected: string) => (error: unknown) => VisibleError.is(error, expected as never);

const play = (first: Plan, ...events: readonly PlanEvent[]): PlanDecision =>
  events.reduce<PlanDecision>(
    (before, event) => {
      const { plan: next, effects } = decidePlan(before.plan, event, minute(3));
      return { plan: next, effects: [...before.effects, ...effects] };
    },
    { plan: first, effects: [] },
  );

const created = (effects: readonly PlanEffect[]) =>
  effects.flatMap((effect) => (effect.type === "create-run" ? [effect] : []));
const skips = (effects: readonly PlanEffect[]) =>
  effects.flatMap((effect) => (effect.type === "record-skip" ? [effect.skip] : []));

describe("a plan whose objects are away", () => {
  test("is run there, and copies to home in the place of the site where they are", () => {
    const { effects } = decidePlan(away(), { type: "tick" }, minute(30));
    const [run] = created(effects);
    assert.deepEqual([run?.targets, run?.at, run?.standIns], [[a, c], b, made]);
  });

  test("leaves home out while nobody answers there, and where that is all there is, passes over the slot", () => {
    const absent: Around = { isHomeAbsent: true };
    const [run] = created(decidePlan(away(), { type: "tick" }, minute(30), absent).effects);
    assert.deepEqual(run?.targets, [c]);
    const alone = away({ targets: [{ site: b, retention: { keepLast: 3 }, switches: {} }] });
    const { effects } = decidePlan(alone, { type: "tick" }, minute(30), absent);
    assert.deepEqual(
      skips(effects).map(({ reason, count }) => [reason, count]),
      [["absent", 1]],
    );
    assert.deepEqual(created(effects), []);
    assert.throws(() => decidePlan(alone, { type: "run-now" }, minute(3), absent), code("HOME_ABSENT"));
  });

  test("and is back, where its home is silent runs as any", () => {
    const [run] = created(decidePlan(plan(), { type: "tick" }, minute(30), { isHomeAbsent: true }).effects);
    assert.deepEqual([run?.targets, run?.at], [[b, c], undefined]);
  });

  test("is told what stands for its objects at home, too, and is at home", () => {
    const here = plan({ place: at(a) });
    assert(!isAway(here));
    const [run] = created(decidePlan(here, { type: "tick" }, minute(30)).effects);
    assert.deepEqual([run?.targets, run?.at, run?.standIns], [[b, c], undefined, made]);
  });

  test("is not deleted", () => {
    assert.throws(() => decidePlan(away(), { type: "delete" }, minute(3)), code("PLAN_AWAY"));
    assert.throws(() => decidePlan(plan({ moving: one }), { type: "delete" }, minute(3)), code("FAILOVER_UNDER_WAY"));
    assert.equal(decidePlan(plan({ place: at(a) }), { type: "delete" }, minute(3)).plan.status, "deleted");
  });

  test("needs bases on the ways that it sends on, and on those of home when it is back", () => {
    const ways = (of: Plan) => waysOf(of).map(([from, to]) => `${from}${to}`);
    assert.deepEqual(ways(plan()), ["ab", "ac"]);
    assert.deepEqual(ways(away()), ["ba", "bc", "ab", "ac"]);
    assert.deepEqual(ways(plan({ status: "deleted" })), []);
    assert.deepEqual(ways(plan({ kind: "snapshot", targets: [] })), []);
    assert.deepEqual([...partnersOf(away(), c)].sort(), ["a", "b"]);
    const busy = plan({ status: "deleted", lanes: { c: { active: "run", queued: null } } });
    assert.deepEqual(ways(busy), ["ac"]);
  });
});

describe("a plan that a failover is moving", () => {
  test("gives what was due before its run, and no slot after that one", () => {
    const { plan: moving, effects } = decidePlan(plan(), { type: "moving", failoverId: one }, minute(31));
    assert.deepEqual([created(effects).length, moving.moving], [1, one]);
    const late = decidePlan(moving, { type: "tick" }, minute(150));
    assert.deepEqual(
      skips(late.effects).map(({ reason, count }) => [reason, count]),
      [["failover", 2]],
    );
    assert.deepEqual(created(late.effects), []);
    assert.throws(() => decidePlan(moving, { type: "run-now" }, minute(40)), code("FAILOVER_UNDER_WAY"));
  });

  test("is run when that one asks for it, to the targets that it names, and once", () => {
    const of = { failoverId: one, slot: minute(2), targets: [b] };
    const { plan: moving, effects } = play(
      plan(),
      { type: "moving", failoverId: one },
      { type: "run-now", of },
      { type: "run-now", of },
    );
    const runs = created(effects);
    assert.deepEqual(
      runs.map(({ runId, targets, failoverId }) => [runId, targets, failoverId]),
      [[runIdOf(id, minute(2)), [b], one]],
    );
    assert.deepEqual(Object.keys(moving.lanes), ["b"]);
    const another = decidePlan(
      moving,
      { type: "run-now", of: { ...of, failoverId: other, slot: minute(1) } },
      minute(3),
    );
    assert.equal(another.plan, moving);
  });

  test("is placed by that one alone, and what runs then is cancelled, and what waits skipped", () => {
    const busy = play(plan(), { type: "run-now" }, { type: "run-now" }, { type: "moving", failoverId: one }).plan;
    const stranger = decidePlan(busy, { type: "place", failoverId: other, place: at(b) }, minute(4));
    assert.equal(stranger.plan, busy);
    const { plan: placed, effects } = decidePlan(busy, { type: "place", failoverId: one, place: at(b) }, minute(4));
    assert.deepEqual(
      effects.map(({ type }) => type),
      ["supersede", "cancel", "supersede", "cancel"],
    );
    assert.deepEqual([siteOfObjects(placed), targetsOf(placed)], [b, [a, c]]);
    assert(Object.values(placed.lanes).every(({ queued }) => queued === null));
    const back = play(placed, { type: "place", failoverId: one, place: undefined }).plan;
    assert.deepEqual([back.place, targetsOf(back)], [undefined, [b, c]]);
  });

  test("counts what it owes a site from when that became a target of its again", () => {
    const moving = plan({ moving: one });
    const placed = decidePlan(moving, { type: "place", failoverId: one, place: at(b) }, minute(4)).plan;
    assert.deepEqual(placed.targetsSince, [{ site: a, since: minute(4) }]);
    const back = decidePlan(placed, { type: "place", failoverId: one, place: undefined }, minute(9)).plan;
    assert.deepEqual(back.targetsSince, [{ site: b, since: minute(9) }]);
  });

  test("is let go by that one alone, and runs again", () => {
    const moving = plan({ moving: one });
    assert.equal(decidePlan(moving, { type: "moved", failoverId: other }, minute(3)).plan, moving);
    assert.equal(decidePlan(moving, { type: "moving", failoverId: other }, minute(3)).plan, moving);
    const { plan: moved } = decidePlan(moving, { type: "moved", failoverId: one }, minute(40));
    assert.equal(moved.moving, undefined);
    assert.equal(created(decidePlan(moved, { type: "tick" }, minute(90)).effects).length, 1);
  });
});

test("whatever happens around failovers: each slot is a run or a skip (I11), runs start where the objects are, and none begins beside a move", () => {
  const failoverId = fc.constantFrom(one, other);
  const happening = fc.oneof(
    { weight: 4, arbitrary: fc.constant<PlanEvent>({ type: "tick" }) },
    fc.constantFrom<PlanEvent>({ type: "suspend" }, { type: "resume" }, { type: "run-now" }),
    fc.record({ type: fc.constantFrom("moving" as const, "moved" as const), failoverId }),
    fc.record({
      type: fc.constant("place" as const),
      failoverId,
      place: fc.constantFrom(undefined, at(a), at(b), at(c)),
    }),
    fc.record({
      type: fc.constant("run-now" as const),
      of: fc.record({ failoverId, slot: fc.nat(5).map(minute), targets: fc.subarray([a, b, c]) }),
    }),
    fc.record({
      type: fc.constant("released" as const),
      target: fc.constantFrom(a, b, c),
      runId: fc.constant(made[0]),
    }),
  );
  const actions = fc.array(fc.record({ happening, minutes: fc.nat(90), isHomeAbsent: fc.boolean() }), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(actions, (all) => {
      let now = plan();
      let time = begin;
      const [runs, skipped]: [Instant[], Instant[]] = [[], []];
      for (const { happening: told, minutes, isHomeAbsent } of all) {
        time = addSeconds(time, minutes * 60 + 1);
        const active = told.type === "released" ? now.lanes[told.target]?.active : undefined;
        const event = (told.type === "released" ? { ...told, runId: active as RunId } : told) as PlanEvent;
        const before = now;
        const effects = attempt(before, event, time, { isHomeAbsent }, (after) => {
          now = after;
        });
        for (const run of created(effects)) {
          if (run.trigger === "schedule") runs.push(run.slot);
          assert.equal(run.at, isAway(before) ? siteOfObjects(before) : undefined);
          assert.deepEqual(run.standIns, before.place?.standIns);
          assert(run.targets.length > 0 && !run.targets.includes(siteOfObjects(before)));
          assert(!(isHomeAbsent && isAway(before) && run.targets.includes(a)) || run.failoverId !== undefined);
          assert(before.moving === undefined || run.failoverId === before.moving);
          const lanes = run.targets.map((target) => now.lanes[target]);
          assert(lanes.every((lane) => lane?.active === run.runId || lane?.queued === run.runId));
        }
        if (event.type === "place" && event.failoverId === before.moving) {
          assert(Object.values(now.lanes).every(({ queued }) => queued === null));
          const cancelled = effects.filter(({ type }) => type === "cancel").length;
          assert.equal(cancelled, Object.values(before.lanes).filter((lane) => lane.active !== null).length);
        }
        for (const { firstSlot, lastSlot, count } of skips(effects)) {
          const range = slots(hourly, { after: addSeconds(firstSlot, -1), until: lastSlot, limit: 10_000 });
          assert.equal(range.length, count);
          skipped.push(...range);
        }
      }
      const due = slots(hourly, { after: begin, until: now.slotsDoneUntil, limit: 10_000 });
      assert.deepEqual([...runs, ...skipped].sort(), due);
    }),
  );
});

/** What a person is refused changes nothing. */
const attempt = (
  before: Plan,
  event: PlanEvent,
  time: Instant,
  around: Around,
  take: (after: Plan) => void,
): readonly PlanEffect[] => {
  try {
    const { plan: after, effects } = decidePlan(before, event, time, around);
    take(after);
    return effects;
  } catch (error) {
    if (!VisibleError.is(error) || event.type !== "run-now") throw error;
    return [];
  }
};
