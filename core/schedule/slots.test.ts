import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Instant } from "../api/ids.ts";
import type { Schedule } from "../api/plan.ts";
import { nextSlot, previewRuns, slotRange, slots } from "./slots.ts";
import { instant, schedule, schedules, wallTime, wallTimeExists, wantedDays } from "./testing.ts";

const dayMilliseconds = 86_400_000;
const hourMilliseconds = 3_600_000;
const at = (text: string) => text as Instant;

/** A window somewhere from before the start to 15 years after it. */
const windows = schedules.chain((wanted) =>
  fc
    .tuple(fc.integer({ min: -400, max: 15 * 365 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }))
    .map(([fromDay, firstHours, secondHours]) => {
      const after = Date.parse(wanted.startsOn) + fromDay * dayMilliseconds;
      const middle = after + firstHours * hourMilliseconds;
      return {
        wanted,
        after: instant(after),
        middle: instant(middle),
        until: instant(middle + secondHours * hourMilliseconds),
      };
    }),
);
const daysFrom = (from: Instant, days: number) => instant(Date.parse(from) + days * dayMilliseconds);
const all = (wanted: Schedule, after: Instant, until: Instant) => slots(wanted, { after, until, limit: 100_000 });
const local = (wanted: Schedule, found: readonly Instant[]) => found.map((slot) => wallTime(wanted.timeZone, slot));

describe("the slots of any schedule", () => {
  test("are ascending, unique and inside the window", () => {
    fc.assert(
      fc.property(windows, ({ wanted, after, until }) => {
        const found = [after, ...all(wanted, after, until)];
        found.slice(1).forEach((slot, index) => {
          assert.ok(slot > (found[index] ?? ""));
        });
        assert.ok((found.at(-1) ?? after) <= until);
      }),
    );
  });

  test("of a window are those of its two parts together", () => {
    fc.assert(
      fc.property(windows, ({ wanted, after, middle, until }) => {
        assert.deepEqual(all(wanted, after, until), [...all(wanted, after, middle), ...all(wanted, middle, until)]);
      }),
    );
  });

  test("of a window are counted as they are listed, with the same first and last", () => {
    fc.assert(
      fc.property(windows, fc.nat(4), ({ wanted, after, until }, ends) => {
        for (const [from, to] of [
          [after, until],
          [daysFrom(after, -500), until],
        ] as const) {
          const endsAt = previewRuns(wanted, from, 5)[ends];
          for (const one of endsAt === undefined ? [wanted] : [wanted, { ...wanted, endsAt }]) {
            const found = all(one, from, to);
            const range = slotRange(one, { after: from, until: to });
            assert.deepEqual(
              range,
              found.length === 0 ? undefined : { first: found[0], last: found.at(-1), count: found.length },
            );
          }
        }
      }),
    );
  });

  test("of eight thousand years are counted at once", () => {
    fc.assert(
      fc.property(schedules, (wanted) => {
        const day = (year: string) => at(`${year}-06-01T00:00:00.000Z`);
        const whole = slotRange(wanted, { after: day("2031"), until: day("9999") })?.count ?? 0;
        const parts = [
          slotRange(wanted, { after: day("2031"), until: day("5000") })?.count ?? 0,
          slotRange(wanted, { after: day("5000"), until: day("9999") })?.count ?? 0,
        ];
        assert.equal(
          whole,
          parts.reduce((sum, count) => sum + count, 0),
        );
      }),
      { numRuns: 20 },
    );
  });

  test("come one by one from nextSlot, and in order from a limited window", () => {
    fc.assert(
      fc.property(windows, fc.nat(5), ({ wanted, after }, count) => {
        const preview = previewRuns(wanted, after, count);
        const chain: Instant[] = [];
        for (let last: Instant | undefined = after; chain.length < count; chain.push(last)) {
          last = nextSlot(wanted, last);
          if (last === undefined) break;
        }
        assert.deepEqual(preview, chain);
        const last = preview.at(-1);
        if (last !== undefined) assert.deepEqual(all(wanted, after, last), preview);
      }),
    );
  });

  test("stop at endsAt, with a slot at that very instant as the last", () => {
    fc.assert(
      fc.property(windows, fc.nat(4), ({ wanted, after }, keep) => {
        const preview = previewRuns(wanted, after, 5);
        const endsAt = preview[keep];
        if (endsAt === undefined) return;
        const ending = { ...wanted, endsAt };
        assert.deepEqual(previewRuns(ending, after, 10), preview.slice(0, keep + 1));
        assert.equal(nextSlot(ending, endsAt), undefined);
      }),
    );
  });

  test("lie on every day that is wanted, at the wanted time where the day has it, the earlier where it has it twice", () => {
    fc.assert(
      fc.property(windows, ({ wanted, after, until }) => {
        if (wanted.cycle === "hourly") return;
        const wall = new Set(local(wanted, all(wanted, daysFrom(after, -2), daysFrom(until, 2))));
        for (const day of wantedDays(wanted, after.slice(0, 10), until.slice(0, 10))) {
          const time = `${day}T${wanted.at}`;
          assert.ok(wall.has(time) || !wallTimeExists(wanted.timeZone, time), `no slot at ${time}`);
        }
      }),
    );
  });

  test("lie nowhere else, except after a gap that the wanted time is in", () => {
    fc.assert(
      fc.property(windows, ({ wanted, after, until }) => {
        if (wanted.cycle === "hourly") return;
        const days = wantedDays(wanted, daysFrom(after, -3).slice(0, 10), daysFrom(until, 3).slice(0, 10));
        for (const slot of all(wanted, after, until)) {
          const time = wallTime(wanted.timeZone, slot);
          if (days.includes(time.slice(0, 10)) && time.slice(11) === wanted.at) {
            const earlier = [30, 60].map((minutes) => wallTime(wanted.timeZone, Date.parse(slot) - minutes * 60_000));
            assert.ok(!earlier.includes(time), `${time} comes twice, and ${slot} is not the earlier`);
          } else {
            const [dayBefore, day] = [daysFrom(at(`${time}Z`), -1).slice(0, 10), time.slice(0, 10)];
            const moved = [dayBefore, day].some(
              (from) => days.includes(from) && !wallTimeExists(wanted.timeZone, `${from}T${wanted.at}`),
            );
            assert.ok(moved, `nobody wanted a slot at ${time}`);
          }
        }
      }),
    );
  });

  test("of an hourly schedule are whole steps of elapsed time from its first day", () => {
    fc.assert(
      fc.property(windows, ({ wanted, after, until }) => {
        if (wanted.cycle !== "hourly") return;
        const first = nextSlot(wanted, at("2000-01-01T00:00:00.000Z"));
        assert.ok(first !== undefined);
        assert.equal(wallTime(wanted.timeZone, first).slice(14), wanted.minute.toString().padStart(2, "0"));
        const step = wanted.every * hourMilliseconds;
        const expected = Math.max(
          0,
          Math.floor((Date.parse(until) - Date.parse(first)) / step) -
            Math.max(-1, Math.floor((Date.parse(after) - Date.parse(first)) / step)),
        );
        const found = all(wanted, after, until);
        assert.equal(found.length, expected);
        for (const slot of found) assert.equal((Date.parse(slot) - Date.parse(first)) % step, 0);
      }),
    );
  });
});

describe("when the clocks change", () => {
  test("a time that the day lacks moves to after the gap, and only on that day", () => {
    const wanted = schedule({ cycle: "daily", at: "02:30", timeZone: "Europe/Berlin" });
    const found = all(wanted, at("2026-03-27T12:00:00.000Z"), at("2026-03-30T12:00:00.000Z"));
    assert.deepEqual(local(wanted, found), ["2026-03-28T02:30", "2026-03-29T03:30", "2026-03-30T02:30"]);
  });

  test("a time that the day has twice is a slot once, the earlier", () => {
    const berlin = schedule({ cycle: "daily", at: "02:30", timeZone: "Europe/Berlin" });
    assert.deepEqual(all(berlin, at("2026-10-24T12:00:00.000Z"), at("2026-10-25T12:00:00.000Z")), [
      "2026-10-25T00:30:00.000Z",
    ]);
    const newYork = schedule({ cycle: "daily", at: "01:30", timeZone: "America/New_York" });
    assert.deepEqual(all(newYork, at("2026-10-31T12:00:00.000Z"), at("2026-11-01T12:00:00.000Z")), [
      "2026-11-01T05:30:00.000Z",
    ]);
  });

  test("half an hour's change is half an hour's move", () => {
    const wanted = schedule({ cycle: "daily", at: "02:15", timeZone: "Australia/Lord_Howe" });
    const spring = all(wanted, at("2026-10-03T00:00:00.000Z"), at("2026-10-04T00:00:00.000Z"));
    assert.deepEqual(local(wanted, spring), ["2026-10-04T02:45"]);
    const autumn = { ...wanted, at: "01:45" } as Schedule;
    assert.deepEqual(all(autumn, at("2026-04-04T00:00:00.000Z"), at("2026-04-05T00:00:00.000Z")), [
      "2026-04-04T14:45:00.000Z",
    ]);
  });

  test("an hourly schedule goes on in equal steps: 23 and 25 slots on those days", () => {
    const wanted = schedule({ cycle: "hourly", minute: 5, timeZone: "Europe/Berlin" });
    const onDay = (day: string) =>
      local(wanted, previewRuns(wanted, at("2026-03-01T00:00:00.000Z"), 10_000)).filter((time) => time.startsWith(day));
    assert.equal(onDay("2026-03-29").length, 23);
    assert.equal(onDay("2026-10-25").length, 25);
    assert.ok(onDay("2026-10-25").every((time) => time.endsWith(":05")));
  });

  test("a whole day that a zone left out shares the slot of the next", () => {
    const wanted = schedule({ cycle: "daily", timeZone: "Pacific/Apia", startsOn: "2011-12-01" });
    const found = all(wanted, at("2011-12-29T00:00:00.000Z"), at("2011-12-31T23:00:00.000Z"));
    assert.deepEqual(local(wanted, found), ["2011-12-29T01:00", "2011-12-31T01:00", "2012-01-01T01:00"]);
  });
});

describe("days of the calendar", () => {
  const after = at("2026-01-15T00:00:00.000Z");

  test("a month without the day has no slot, and the last day is each month's own", () => {
    const the31st = schedule({ cycle: "monthly", day: 31 });
    const dates = previewRuns(the31st, after, 4).map((slot) => slot.slice(0, 10));
    assert.deepEqual(dates, ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]);
    const last = schedule({ cycle: "monthly", day: "last" });
    const lastDates = previewRuns(last, after, 4).map((slot) => slot.slice(0, 10));
    assert.deepEqual(lastDates, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]);
  });

  test("29 February once a year waits for leap years, also across 2100", () => {
    const wanted = schedule({ cycle: "monthly", every: 12, day: 29, startsOn: "2026-02-01" });
    assert.equal(nextSlot(wanted, after), "2028-02-29T01:00:00.000Z");
    assert.equal(nextSlot(wanted, at("2096-03-01T00:00:00.000Z")), "2104-02-29T01:00:00.000Z");
  });

  test("every n counts from startsOn: days from the day, weeks from its ISO week, months from its month", () => {
    const dates = (wanted: Schedule) =>
      previewRuns(wanted, at("2020-01-01T00:00:00.000Z"), 4).map((slot) => slot.slice(0, 10));
    assert.deepEqual(dates(schedule({ cycle: "daily", every: 3, startsOn: "2026-02-27" })), [
      "2026-02-27",
      "2026-03-02",
      "2026-03-05",
      "2026-03-08",
    ]);
    assert.deepEqual(
      dates(schedule({ cycle: "weekly", every: 2, on: ["sun", "mon", "wed"], startsOn: "2026-01-01" })),
      ["2026-01-04", "2026-01-12", "2026-01-14", "2026-01-18"],
    );
    assert.deepEqual(dates(schedule({ cycle: "monthly", every: 5, day: 1, startsOn: "2026-01-02" })), [
      "2026-06-01",
      "2026-11-01",
      "2027-04-01",
      "2027-09-01",
    ]);
  });

  test("a slot two thousand years from the start costs as little as the first", () => {
    for (const wanted of [
      schedule({ cycle: "hourly" }),
      schedule({ cycle: "daily" }),
      schedule({ cycle: "weekly", on: ["mon"] }),
      schedule({ cycle: "monthly", day: 1 }),
    ]) {
      const before = cpuUsage();
      assert.ok(nextSlot(wanted, at("4026-06-01T00:00:00.000Z"))?.startsWith("4026-06-"));
      // In microseconds of this process: on a busy machine it is no more.
      assert.ok(cpuUsage(before).user < 1_000_000, wanted.cycle);
    }
  });

  test("there is nothing after the last instant that can be written", () => {
    assert.equal(nextSlot(schedule({ cycle: "daily" }), at("9999-12-31T12:00:00.000Z")), undefined);
  });
});
