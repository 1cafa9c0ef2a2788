import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "../api/ids.ts";
import { scheduleSchema } from "../api/plan.ts";
import { latenessOf, type Punctual } from "./late.ts";

const at = (text: string) => `2026-03-${text}:00.000Z` as Instant;
const daily = scheduleSchema.parse({ cycle: "daily", at: "01:00" });
const plan: Punctual = { status: "active", schedule: daily, createdAt: at("01T00:30") };

test("one slot may be missed: late is what is older than the second one", () => {
  const taken = at("01T01:00");
  for (const [now, isLate] of [
    ["02T01:30", false],
    ["03T01:00", false],
    ["03T01:01", true],
  ] as const) {
    assert.deepEqual(latenessOf(plan, taken, at(now)), { from: at("03T01:00"), isLate }, now);
  }
});

test("without a restore point the plan's beginning counts, or now where a clock was ahead", () => {
  assert.equal(latenessOf(plan, undefined, at("02T02:00")).isLate, true);
  const ahead: Punctual = { ...plan, createdAt: "2028-01-01T00:00:00.000Z" as Instant };
  assert.deepEqual(latenessOf(ahead, undefined, at("02T02:00")), { from: at("04T01:00"), isLate: false });
});

test("a plan that is suspended, runs by hand, or whose schedule ends before the second slot is never late", () => {
  const never = { from: null, isLate: false };
  const taken = at("01T01:00");
  assert.deepEqual(latenessOf({ ...plan, status: "suspended" }, taken, at("30T00:00")), never);
  assert.deepEqual(latenessOf({ ...plan, schedule: undefined }, taken, at("30T00:00")), never);
  const ended = { ...daily, endsAt: at("02T12:00") };
  assert.deepEqual(latenessOf({ ...plan, schedule: ended }, taken, at("30T00:00")), never);
});
