import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../api/errors.ts";
import { previewRuns } from "./slots.ts";
import { instant, schedule, schedules } from "./testing.ts";
import { validateSchedule } from "./validate.ts";

const refusal = (input: object): VisibleError => {
  try {
    validateSchedule(schedule(input));
  } catch (error) {
    assert.ok(VisibleError.is(error, "SCHEDULE_IMPOSSIBLE"), `${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: `${JSON.stringify(input)} was not refused` });
};

describe("validateSchedule", () => {
  test("lets through what has a slot, and refuses what has none", () => {
    fc.assert(
      fc.property(schedules, (wanted) => {
        if (previewRuns(wanted, instant(0), 1).length === 1) validateSchedule(wanted);
        else assert.throws(() => validateSchedule(wanted), { code: "SCHEDULE_IMPOSSIBLE" });
      }),
    );
  });

  test("refuses a time zone that nobody knows, an offset, and another spelling with the right one", () => {
    for (const timeZone of ["Europa/Berlin", "", "+02:00", "2026-01-01[Europe/Berlin]"]) {
      assert.match(refusal({ cycle: "daily", timeZone }).hint ?? "", /IANA/);
    }
    const error = refusal({ cycle: "daily", timeZone: "europe/berlin" });
    assert.match(error.message, /europe\/berlin/);
    assert.equal(error.hint, "Did you mean Europe/Berlin?");
  });

  test("refuses an end before the start, and one before the first slot, and says which", () => {
    const endsAt = "2026-03-01T00:00:00Z";
    assert.match(refusal({ cycle: "daily", startsOn: "2026-03-02", endsAt }).message, /before it starts/);
    assert.match(
      refusal({ cycle: "monthly", day: 5, startsOn: "2026-02-20", endsAt }).message,
      /before its first slot \(2026-03-05 01:00:00 UTC\)/,
    );
    validateSchedule(
      schedule({ cycle: "monthly", day: 5, startsOn: "2026-02-20", endsAt: "2026-03-05T02:00:00+01:00" }),
    );
  });

  test("refuses a yearly month that lacks the day, and lets 29 February be", () => {
    const error = refusal({ cycle: "monthly", every: 12, day: 31, startsOn: "2026-04-01" });
    assert.match(error.message, /2026-04-01.*no month has a day 31/);
    validateSchedule(schedule({ cycle: "monthly", every: 12, day: 29, startsOn: "2026-02-01" }));
  });
});
