import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant } from "../api/ids.ts";
import { schedulerExpression } from "./expression.ts";
import { previewRuns, slots } from "./slots.ts";
import { fires, instant, schedule, schedules, wallTime, wallTimeExists } from "./testing.ts";

describe("what EventBridge Scheduler is told", () => {
  test("it fires at every slot whose local time exists", () => {
    fc.assert(
      fc.property(schedules, fc.integer({ min: -10, max: 5000 }), (wanted, day) => {
        const told = schedulerExpression(wanted);
        for (const slot of previewRuns(wanted, instant(Date.parse(wanted.startsOn) + day * 86_400_000), 10)) {
          if (fires(told, slot)) continue;
          assert.ok(wanted.cycle !== "hourly", `it does not fire at ${slot}`);
          // A whole day that was left out moves a slot by a day, everything else within it.
          const wall = wallTime(wanted.timeZone, slot);
          const dayBefore = instant(Date.parse(`${wall}Z`) - 86_400_000);
          const moved = [wall, dayBefore].some(
            (time) => !wallTimeExists(wanted.timeZone, `${time.slice(0, 10)}T${wanted.at}`),
          );
          assert.ok(moved, `it does not fire at ${slot}`);
        }
      }),
    );
  });

  test("hourly steps that divide a day fire at slots only", () => {
    for (const every of [2, 3, 4, 6, 8, 12]) {
      const wanted = schedule({ cycle: "hourly", every, minute: 7, timeZone: "Asia/Kolkata", startsOn: "2026-05-05" });
      const told = schedulerExpression(wanted);
      const from = Date.parse("2026-06-01");
      const fired: Instant[] = [];
      for (let minute = 1; minute <= 2 * 1440; minute++) {
        const time = instant(from + minute * 60_000);
        if (fires(told, time)) fired.push(time);
      }
      const window = { after: instant(from), until: instant(from + 2 * 86_400_000), limit: 100 };
      assert.deepEqual(fired, slots(wanted, window));
    }
  });

  test("the expressions read as AWS writes them", () => {
    const told = (input: object) => schedulerExpression(schedule({ timeZone: "Europe/Berlin", ...input })).expression;
    assert.equal(told({ cycle: "hourly", minute: 15 }), "cron(15 * * * ? *)");
    assert.equal(told({ cycle: "hourly", every: 6, minute: 15 }), "cron(15 5/6 * * ? *)");
    assert.equal(told({ cycle: "hourly", every: 5, minute: 15 }), "cron(15 * * * ? *)");
    assert.equal(told({ cycle: "daily", every: 2, at: "23:05" }), "cron(5 23 * * ? *)");
    assert.equal(told({ cycle: "weekly", on: ["mon", "sat"] }), "cron(0 1 ? * MON,SAT *)");
    assert.equal(told({ cycle: "monthly", day: 31 }), "cron(0 1 31 * ? *)");
    assert.equal(told({ cycle: "monthly", day: "last" }), "cron(0 1 L * ? *)");
  });

  test("local times keep the plan's zone, and an hourly schedule is told in UTC", () => {
    const timeZone = "Australia/Lord_Howe";
    assert.equal(schedulerExpression(schedule({ cycle: "daily", timeZone })).timeZone, timeZone);
    const hourly = schedulerExpression(schedule({ cycle: "hourly", timeZone, startsOn: "2026-07-01" }));
    assert.deepEqual(hourly, { expression: "cron(30 * * * ? *)", timeZone: "UTC" });
  });

  test("it ends a minute after endsAt, so that a slot at endsAt still fires", () => {
    const told = schedulerExpression(schedule({ cycle: "daily", endsAt: "2026-02-01T01:00:00+01:00" }));
    assert.equal(told.endsAt, "2026-02-01T00:01:00.000Z");
  });
});
