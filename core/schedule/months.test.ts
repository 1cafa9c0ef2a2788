import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "../api/ids.ts";
import { scheduleSchema } from "../api/plan.ts";
import { monthsLeftOut } from "./months.ts";
import { previewRuns } from "./slots.ts";

const monthly = (day: number | "last", every = 1, startsOn = "2026-01-01") =>
  scheduleSchema.parse({ cycle: "monthly", day, every, startsOn });

test("a monthly schedule leaves out the months that lack its day, and of those that it comes to only", () => {
  const left = (...given: Parameters<typeof monthly>) => monthsLeftOut(monthly(...given)).map(({ month }) => month);
  assert.deepEqual(left(28), []);
  assert.deepEqual(left("last"), []);
  assert.deepEqual(left(30), [2]);
  assert.deepEqual(left(31), [2, 4, 6, 9, 11]);
  assert.deepEqual(left(31, 6, "2026-05-01"), [11]);
  assert.deepEqual(monthsLeftOut(monthly(29)), [{ month: 2, exceptLeapYears: true }]);
});

test("what it leaves out are the months without a slot", () => {
  for (const day of [28, 29, 30, 31]) {
    for (const every of [1, 2, 3, 5, 12]) {
      const schedule = monthly(day, every);
      const slots = previewRuns(schedule, "2025-12-31T23:59:59.000Z" as Instant, 100);
      const seen = new Set(slots.map((slot) => Number(slot.slice(5, 7))));
      for (const { month, exceptLeapYears } of monthsLeftOut(schedule)) {
        if (!exceptLeapYears) assert.ok(!seen.has(month), `day ${day} of month ${month}`);
      }
    }
  }
});
