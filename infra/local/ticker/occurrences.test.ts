import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Instant } from "../../../core/api/ids.ts";
import { occurrences } from "./occurrences.ts";

const instant = (text: string) => new Date(text).toISOString() as Instant;
const createdAt = instant("2026-01-01T00:00:10Z");

/** The occurrences of `expression` in a span, without their milliseconds. */
const within = (expression: string, after: string, until: string, more: { timeZone?: string } & object = {}) =>
  occurrences({ expression, timeZone: "UTC", createdAt, ...more }, instant(after), instant(until)).map((found) =>
    found.replace(".000Z", "Z"),
  );

describe("cron expressions", () => {
  test("fire at their minute, after the beginning of a span and up to its end", () => {
    const daily = "cron(0 1 * * ? *)";
    assert.deepEqual(within(daily, "2026-11-24T00:59:59Z", "2026-11-24T01:00:00Z"), ["2026-11-24T01:00:00Z"]);
    assert.deepEqual(within(daily, "2026-11-24T01:00:00Z", "2026-11-24T01:10:00Z"), []);
    assert.deepEqual(within(daily, "2026-11-24T00:50:00Z", "2026-11-24T00:59:59Z"), []);
  });

  test("know lists, ranges and steps", () => {
    const minutes = (field: string) =>
      within(`cron(${field} 5 * * ? *)`, "2026-11-24T04:59:00Z", "2026-11-24T06:00:00Z").map((found) =>
        Number(found.slice(14, 16)),
      );
    assert.deepEqual(minutes("0,7,59"), [0, 7, 59]);
    assert.deepEqual(minutes("10-12"), [10, 11, 12]);
    assert.deepEqual(minutes("*/20"), [0, 20, 40]);
    assert.deepEqual(minutes("25/15"), [25, 40, 55]);
    assert.deepEqual(minutes("0-30/10,45"), [0, 10, 20, 30, 45]);
    assert.equal(minutes("*").length, 60);
  });

  test("know week days by name and by number, Sunday being 1", () => {
    const days = (field: string) =>
      within(`cron(0 0 ? 11 ${field} 2026)`, "2026-11-21T23:00:00Z", "2026-11-28T23:00:00Z").map((found) =>
        Number(found.slice(8, 10)),
      );
    // 2026-11-22 is a Sunday.
    assert.deepEqual(days("SUN"), [22]);
    assert.deepEqual(days("MON-FRI"), [23, 24, 25, 26, 27]);
    assert.deepEqual(days("1,7"), [22, 28]);
    assert.deepEqual(days("tue,THU"), [24, 26]);
    assert.deepEqual(days("L"), [28]);
    assert.deepEqual(days("4L"), [25]);
    assert.deepEqual(days("5L"), [26]);
    assert.deepEqual(days("1L"), []);
  });

  test("know the last day of a month, leap years too, and skip days that a month does not have", () => {
    const fires = (day: string, date: string) =>
      within(`cron(0 0 ${day} * ? *)`, `${date}T00:00:00Z`, `${date}T00:01:00Z`).length === 0 &&
      within(`cron(0 0 ${day} * ? *)`, new Date(Date.parse(date) - 1).toISOString(), `${date}T00:00:00Z`).length === 1;
    assert(fires("L", "2026-02-28"));
    assert(!fires("L", "2028-02-28"));
    assert(fires("L", "2028-02-29"));
    assert(fires("1,L", "2026-11-01"));
    assert(fires("L", "2026-11-30"));
    assert(!fires("31", "2026-11-30"));
    assert(fires("31", "2026-12-31"));
  });

  test("know months by name, and years", () => {
    const at = (fields: string) => within(`cron(${fields})`, "2026-11-23T23:59:00Z", "2026-11-24T00:00:00Z").length;
    assert.equal(at("0 0 24 NOV ? 2026"), 1);
    assert.equal(at("0 0 24 1-10,DEC ? *"), 0);
    assert.equal(at("0 0 24 * ? 2027-2030"), 0);
  });

  test("speak of local time, and follow it through the year", () => {
    const berlin = { timeZone: "Europe/Berlin" };
    const daily = "cron(30 8 * * ? *)";
    assert.deepEqual(within(daily, "2026-07-01T06:20:00Z", "2026-07-01T06:40:00Z", berlin), ["2026-07-01T06:30:00Z"]);
    assert.deepEqual(within(daily, "2026-12-01T07:20:00Z", "2026-12-01T07:40:00Z", berlin), ["2026-12-01T07:30:00Z"]);
    const shanghai = { timeZone: "Asia/Shanghai" };
    assert.deepEqual(within(daily, "2026-07-01T00:20:00Z", "2026-07-01T00:40:00Z", shanghai), ["2026-07-01T00:30:00Z"]);
  });

  test("skip a local time that does not exist, and fire once at one that comes twice", () => {
    const berlin = { timeZone: "Europe/Berlin" };
    const daily = "cron(30 2 * * ? *)";
    // Clocks go from 02:00 to 03:00 at 01:00 UTC on 29 March, and from 03:00 to 02:00 at
    // 01:00 UTC on 25 October.
    assert.deepEqual(within(daily, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", berlin), []);
    assert.deepEqual(within(daily, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", berlin), ["2026-10-25T00:30:00Z"]);
  });

  test("fire at most once per local time whatever the zone and the day, and always but in gaps", () => {
    const zones = ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/St_Johns"];
    const days = fc.integer({ min: 0, max: 729 });
    fc.assert(
      fc.property(fc.constantFrom(...zones), days, fc.nat(23), fc.nat(59), (timeZone, day, hour, minute) => {
        const date = new Date(Date.UTC(2026, 0, 1 + day));
        const fields = `${minute} ${hour} ${date.getUTCDate()} ${date.getUTCMonth() + 1} ? ${date.getUTCFullYear()}`;
        const after = new Date(date.getTime() - 15 * 3_600_000).toISOString();
        const found = within(`cron(${fields})`, after, new Date(date.getTime() + 38 * 3_600_000).toISOString(), {
          timeZone,
        });
        const localText = (text: string) =>
          new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" }).format(new Date(text));
        assert(found.length <= 1);
        for (const one of found) {
          assert.equal(localText(one), `${hour.toString().padStart(2, "0")}:${minute.toString().padStart(2, "0")}`);
        }
        const isNearChange = hour <= 3;
        if (!isNearChange) assert.equal(found.length, 1);
      }),
      { numRuns: 40 },
    );
  });

  test("that are not understood are refused, with what is wrong", () => {
    const cases: [string, RegExp][] = [
      ["cron(0 1 * * ?)", /six fields/],
      ["cron(60 1 * * ? *)", /a minute is from 0 to 59/],
      ["cron(0 1 * * * *)", /exactly one/],
      ["cron(0 1 ? * ? *)", /exactly one/],
      ["cron(0 1 15W * ? *)", /a day of month is from 1 to 31/],
      ["cron(0 1 ? * 2#1 *)", /a day of week is from 1 to 7/],
      ["cron(5-1 1 * * ? *)", /smaller end/],
      ["cron(*/0 1 * * ? *)", /a step/],
      ["every day", /not understood/],
      ["rate(0 minutes)", /not understood/],
      ["rate(5 weeks)", /not understood/],
      ["at(yesterday)", /not understood/],
    ];
    for (const [expression, message] of cases) {
      const isRefusal = (error: unknown) => VisibleError.is(error, "BAD_REQUEST") && message.test(error.message);
      assert.throws(() => within(expression, "2026-11-24T00:00:00Z", "2026-11-24T00:01:00Z"), isRefusal, expression);
    }
    const unknownZone = () => within("rate(1 day)", createdAt, createdAt, { timeZone: "Mars/Olympus" });
    assert.throws(unknownZone, /no time zone “Mars\/Olympus”/);
  });
});

describe("rate expressions", () => {
  test("count from the making of the schedule, or from its start", () => {
    const span = ["2026-01-01T00:00:00Z", "2026-01-01T00:21:00Z"] as const;
    const fromCreation = ["2026-01-01T00:00:10Z", "2026-01-01T00:10:10Z", "2026-01-01T00:20:10Z"];
    assert.deepEqual(within("rate(10 minutes)", ...span), fromCreation);
    const startsAt = { startsAt: instant("2026-01-01T00:05:00Z") };
    assert.deepEqual(within("rate(10 minutes)", ...span, startsAt), ["2026-01-01T00:05:00Z", "2026-01-01T00:15:00Z"]);
    assert.deepEqual(within("rate(1 hour)", "2026-06-01T00:00:00Z", "2026-06-01T01:00:00Z"), ["2026-06-01T00:00:10Z"]);
    assert.deepEqual(within("rate(2 days)", "2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z"), ["2026-01-03T00:00:10Z"]);
  });
});

describe("at expressions", () => {
  test("fire once, in their time zone", () => {
    const at = "at(2026-11-24T09:00:30)";
    const zone = { timeZone: "Asia/Shanghai" };
    const span = ["2026-11-24T00:59:00Z", "2026-11-24T01:01:00Z"] as const;
    assert.deepEqual(within(at, ...span, zone), ["2026-11-24T01:00:30Z"]);
    assert.deepEqual(within(at, ...span), []);
  });
});

describe("schedules with a start and an end", () => {
  test("fire from the start on, and before the end", () => {
    const limits = { startsAt: instant("2026-11-24T00:02:00Z"), endsAt: instant("2026-11-24T00:04:00Z") };
    const found = within("cron(* * * * ? *)", "2026-11-24T00:00:00Z", "2026-11-24T00:09:00Z", limits);
    assert.deepEqual(found, ["2026-11-24T00:02:00Z", "2026-11-24T00:03:00Z"]);
  });
});
