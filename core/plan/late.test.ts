import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, siteIdSchema } from "../api/ids.ts";
import { scheduleSchema } from "../api/plan.ts";
import { latenessOf, type Punctual } from "./late.ts";

const at = (text: string) => `2026-03-${text}:00.000Z` as Instant;
const site = siteIdSchema.parse("b");
const latenessAt = (judged: Punctual, newestTakenAt: Instant | undefined, now: Instant) =>
  latenessOf(judged, site, { newestTakenAt, now });
const daily = scheduleSchema.parse({ cycle: "daily", at: "01:00" });
const plan: Punctual = { status: "active", schedule: daily, createdAt: at("01T00:30") };

test("one slot may be missed: late is what is older than the second one", () => {
  const taken = at("01T01:00");
  for (const [now, isLate] of [
    ["02T01:30", false],
    ["03T01:00", false],
    ["03T01:01", true],
  ] as const) {
    assert.deepEqual(latenessAt(plan, taken, at(now)), { from: at("03T01:00"), isLate }, now);
  }
});

test("without a restore point the plan's beginning counts, or now where a clock was ahead", () => {
  assert.equal(latenessAt(plan, undefined, at("02T02:00")).isLate, true);
  const ahead: Punctual = { ...plan, createdAt: "2028-01-01T00:00:00.000Z" as Instant };
  assert.deepEqual(latenessAt(ahead, undefined, at("02T02:00")), { from: at("04T01:00"), isLate: false });
});

test("a plan that is suspended, runs by hand, or whose schedule ends before the second slot is never late", () => {
  const never = { from: null, isLate: false };
  const taken = at("01T01:00");
  assert.deepEqual(latenessAt({ ...plan, status: "suspended" }, taken, at("30T00:00")), never);
  assert.deepEqual(latenessAt({ ...plan, schedule: undefined }, taken, at("30T00:00")), never);
  const ended = { ...daily, endsAt: at("02T12:00") };
  assert.deepEqual(latenessAt({ ...plan, schedule: ended }, taken, at("30T00:00")), never);
});

test("slots are owed only since the schedule is what it is, the plan was resumed, and the target was added", () => {
  const changes: readonly Partial<Punctual>[] = [
    { slotsSince: at("20T12:00") },
    { resumedAt: at("20T12:00") },
    { targetsSince: [{ site, since: at("20T12:00") }] },
  ];
  for (const change of changes) {
    for (const newest of [undefined, at("01T01:00")]) {
      const changed = { ...plan, ...change };
      assert.deepEqual(latenessAt(changed, newest, at("20T12:01")), { from: at("22T01:00"), isLate: false });
      assert.equal(latenessAt(changed, newest, at("22T01:01")).isLate, true);
    }
    assert.equal(latenessAt({ ...plan, ...change }, at("25T01:00"), at("26T00:00")).from, at("27T01:00"));
  }
  const other = { ...plan, targetsSince: [{ site: siteIdSchema.parse("c"), since: at("20T12:00") }] };
  assert.equal(latenessAt(other, undefined, at("20T12:01")).isLate, true);
});

test("a change that a clock which was ahead has written puts nothing off", () => {
  const ahead = "2028-01-01T00:00:00.000Z" as Instant;
  const changed = { ...plan, slotsSince: ahead, resumedAt: ahead, targetsSince: [{ site, since: ahead }] };
  assert.equal(latenessAt(changed, undefined, at("02T02:00")).isLate, true);
});
