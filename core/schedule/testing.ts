import fc from "fast-check";
import type { Instant } from "../api/ids.ts";
import { type Schedule, scheduleSchema, weekdaySchema } from "../api/plan.ts";

/**
 * Schedules for tests, and a second opinion on what their slots are: days counted one by one,
 * zones asked of Intl.
 */
const dayMilliseconds = 86_400_000;
const minuteMilliseconds = 60_000;

export const instant = (unixMilliseconds: number): Instant => new Date(unixMilliseconds).toISOString() as Instant;
export const schedule = (input: unknown): Schedule => scheduleSchema.parse(input);

const timeZones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Pacific/Apia"];

/** Half of them inside the hours in which clocks change. */
const timesOfDay = fc
  .tuple(fc.oneof(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 3 })), fc.integer({ min: 0, max: 59 }))
  .map(([hour, minute]) => `${hour.toString().padStart(2, "0")}:${minute.toString().padStart(2, "0")}`);

const days = fc
  .integer({ min: Date.parse("2011-12-01") / dayMilliseconds, max: Date.parse("2030-12-31") / dayMilliseconds })
  .map((day) => instant(day * dayMilliseconds).slice(0, 10));

const common = { timeZone: fc.constantFrom(...timeZones), startsOn: days };

export const schedules: fc.Arbitrary<Schedule> = fc
  .oneof(
    fc.record({
      cycle: fc.constant("hourly"),
      every: fc.integer({ min: 1, max: 23 }),
      minute: fc.integer({ min: 0, max: 59 }),
      ...common,
    }),
    fc.record({
      cycle: fc.constant("daily"),
      every: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 40 })),
      at: timesOfDay,
      ...common,
    }),
    fc.record({
      cycle: fc.constant("weekly"),
      every: fc.integer({ min: 1, max: 5 }),
      on: fc.uniqueArray(fc.constantFrom(...weekdaySchema.options), { minLength: 1 }),
      at: timesOfDay,
      ...common,
    }),
    fc.record({
      cycle: fc.constant("monthly"),
      every: fc.integer({ min: 1, max: 12 }),
      day: fc.oneof(fc.integer({ min: 1, max: 31 }), fc.constant("last")),
      at: timesOfDay,
      ...common,
    }),
  )
  .map(schedule);

/**
 * The days of `from`..`to` (ISO dates) on which the schedule wants a slot, each
 * looked at by itself.
 */
export const wantedDays = (wanted: Schedule, from: string, to: string): string[] => {
  const found: string[] = [];
  for (let day = Date.parse(from); day <= Date.parse(to); day += dayMilliseconds) {
    if (day >= Date.parse(wanted.startsOn) && isWanted(wanted, new Date(day), new Date(wanted.startsOn))) {
      found.push(instant(day).slice(0, 10));
    }
  }
  return found;
};

const mondayOf = (day: Date): number => day.getTime() - ((day.getUTCDay() + 6) % 7) * dayMilliseconds;
const tomorrow = (day: Date): Date => new Date(day.getTime() + dayMilliseconds);

const isWanted = (wanted: Schedule, day: Date, start: Date): boolean => {
  switch (wanted.cycle) {
    case "hourly":
      throw new TypeError("an hourly schedule is not a matter of days");
    case "daily":
      return ((day.getTime() - start.getTime()) / dayMilliseconds) % wanted.every === 0;
    case "weekly": {
      const name = (["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const)[day.getUTCDay()];
      const weeks = (mondayOf(day) - mondayOf(start)) / (7 * dayMilliseconds);
      return name !== undefined && wanted.on.includes(name) && weeks % wanted.every === 0;
    }
    case "monthly": {
      const months = (day.getUTCFullYear() - start.getUTCFullYear()) * 12 + day.getUTCMonth() - start.getUTCMonth();
      if (months % wanted.every !== 0) return false;
      return wanted.day === "last" ? tomorrow(day).getUTCDate() === 1 : day.getUTCDate() === wanted.day;
    }
  }
};

const formatters = new Map<string, Intl.DateTimeFormat>();

/** What clocks of the zone show: `2026-03-29T03:30`. */
export const wallTime = (timeZone: string, at: Instant | number): string => {
  const formatter =
    formatters.get(timeZone) ??
    new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short", calendar: "iso8601" });
  formatters.set(timeZone, formatter);
  return formatter.format(typeof at === "number" ? at : Date.parse(at)).replace(" ", "T");
};

/** Whether clocks of the zone ever show this, found by looking at every minute around. */
export const wallTimeExists = (timeZone: string, wall: string): boolean => {
  const around = Date.parse(`${wall}Z`);
  for (let minutes = -15 * 60; minutes <= 15 * 60; minutes++) {
    if (wallTime(timeZone, around + minutes * minuteMilliseconds) === wall) return true;
  }
  return false;
};

/**
 * Whether EventBridge Scheduler fires at this minute: as much of its cron as our expressions use.
 */
export const fires = ({ expression, timeZone }: { expression: string; timeZone: string }, at: Instant): boolean => {
  const [minute, hour, dayOfMonth, month, dayOfWeek, year] = /^cron\((.*)\)$/.exec(expression)?.[1]?.split(" ") ?? [];
  const local = new Date(`${wallTime(timeZone, at)}Z`);
  const weekday = local.getUTCDay();
  return (
    at.endsWith(":00.000Z") &&
    matches(minute, local.getUTCMinutes()) &&
    matches(hour, local.getUTCHours()) &&
    (dayOfMonth === "L" ? tomorrow(local).getUTCDate() === 1 : matches(dayOfMonth, local.getUTCDate())) &&
    month === "*" &&
    matches(dayOfWeek, ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"][weekday]) &&
    // AWS insists that one of the two day fields, and only one, is a question mark.
    (dayOfMonth === "?") !== (dayOfWeek === "?") &&
    year === "*"
  );
};

const matches = (field: string | undefined, value: number | string | undefined): boolean => {
  if (field === "*" || field === "?") return true;
  const [start, step] = field?.split("/").map(Number) ?? [];
  if (typeof value === "number" && step !== undefined && start !== undefined) {
    return value >= start && (value - start) % step === 0;
  }
  return field?.split(",").includes(`${value}`) ?? false;
};
