import { Temporal } from "temporal-polyfill";
import { type Schedule, weekdaySchema } from "../api/plan.ts";

/**
 * A schedule as a row of periods, counted from `startsOn`: period 0, 1, 2, … each with its slots.
 * Any period is computed by itself, so a slot far from the start costs no more than a near one.
 */
export interface Cycle {
  /**
   * A period that no slot after `after` (Unix milliseconds) lies before; a little early rather
   * than late.
   */
  firstPeriod(after: number): number;
  /** The slots of a period in Unix milliseconds, ascending. */
  slotsOf(period: number): readonly number[];
  /** How many slots the periods before this one have together, told without looking at each. */
  countBefore(period: number): number;
}

/**
 * A slot lies on its own local day, or on the next when that day's time is cut out by a change of
 * the clocks; and where a zone crossed the date line, a local day came twice. Two days cover both.
 */
const marginDays = 2;
const hourMilliseconds = 3_600_000;
const minuteMilliseconds = 60_000;

type Of<C extends Schedule["cycle"]> = Extract<Schedule, { cycle: C }>;

export const cycleOf = (schedule: Schedule): Cycle => {
  switch (schedule.cycle) {
    case "hourly":
      return hourly(schedule);
    case "daily":
      return daily(schedule);
    case "weekly":
      return weekly(schedule);
    case "monthly":
      return monthly(schedule);
  }
};

/**
 * The first slot of an hourly schedule: `startsOn` at 00:mm local, in Unix milliseconds. Old zones
 * have offsets with seconds, which no cron expression can say, so it is set back to the minute.
 */
export const hourlyAnchor = ({ startsOn, minute, timeZone }: Of<"hourly">): number => {
  const local = Temporal.PlainDate.from(startsOn).toPlainDateTime({ minute });
  const { epochMilliseconds } = local.toZonedDateTime(timeZone);
  return Math.floor(epochMilliseconds / minuteMilliseconds) * minuteMilliseconds;
};

/**
 * Elapsed time, not local time: the distance between slots stays the same when the clocks change.
 */
const hourly = (schedule: Of<"hourly">): Cycle => {
  const anchor = hourlyAnchor(schedule);
  const stepMilliseconds = schedule.every * hourMilliseconds;
  return {
    firstPeriod: (after) => Math.max(0, Math.floor((after - anchor) / stepMilliseconds)),
    slotsOf: (period) => [anchor + period * stepMilliseconds],
    countBefore: (period) => period,
  };
};

const daily = (schedule: Of<"daily">): Cycle => {
  const start = Temporal.PlainDate.from(schedule.startsOn);
  return {
    firstPeriod: (after) => periodAt(daysFrom(start, localDate(schedule, after)), schedule.every),
    slotsOf: (period) => [slotOn(schedule, start.add({ days: period * schedule.every }))],
    countBefore: (period) => period,
  };
};

const weekly = (schedule: Of<"weekly">): Cycle => {
  const start = Temporal.PlainDate.from(schedule.startsOn);
  const monday = start.subtract({ days: start.dayOfWeek - 1 });
  const days = weekdaySchema.options.flatMap((weekday, index) => (schedule.on.includes(weekday) ? [index] : []));
  return {
    firstPeriod: (after) => periodAt(daysFrom(monday, localDate(schedule, after)), 7 * schedule.every),
    slotsOf: (period) =>
      days
        .map((day) => monday.add({ days: 7 * schedule.every * period + day }))
        .filter((date) => Temporal.PlainDate.compare(date, start) >= 0)
        .map((date) => slotOn(schedule, date)),
    countBefore: (period) => {
      const beforeStart = days.filter((day) => day < start.dayOfWeek - 1).length;
      return period === 0 ? 0 : period * days.length - beforeStart;
    },
  };
};

const monthly = (schedule: Of<"monthly">): Cycle => {
  const start = Temporal.PlainDate.from(schedule.startsOn);
  const startMonth = start.toPlainYearMonth();
  return {
    firstPeriod: (after) => {
      const { year, month } = localDate(schedule, after);
      return periodAt((year - start.year) * 12 + month - start.month, schedule.every);
    },
    slotsOf: (period) => {
      const month = startMonth.add({ months: period * schedule.every });
      const day = schedule.day === "last" ? month.daysInMonth : schedule.day;
      if (day > month.daysInMonth) return [];
      const date = month.toPlainDate({ day });
      return Temporal.PlainDate.compare(date, start) < 0 ? [] : [slotOn(schedule, date)];
    },
    countBefore: (period) => {
      if (period === 0) return 0;
      const { day } = schedule;
      if (day === "last") return period;
      const beforeStart = day < start.day ? 1 : 0;
      if (day <= 28) return period - beforeStart;
      let count = 0;
      for (let at = 0; at < period; at += 1) {
        if (day <= daysInMonth(start.year, start.month - 1 + at * schedule.every)) count += 1;
      }
      return count - beforeStart;
    },
  };
};

/**
 * Of the month that is `months` after January of `year`. The calendar repeats
 * itself after 400 years.
 */
const daysInMonth = (year: number, months: number): number =>
  new Date(Date.UTC(2000 + ((year + Math.floor(months / 12)) % 400), (months % 12) + 1, 0)).getUTCDate();

/**
 * "compatible": a time that the day doesn't have moves to after the gap; of one that it has twice
 * it's the earlier.
 */
const slotOn = ({ at, timeZone }: { at: string; timeZone: string }, date: Temporal.PlainDate): number =>
  date.toPlainDateTime(at).toZonedDateTime(timeZone, { disambiguation: "compatible" }).epochMilliseconds;

/** The local day that is `marginDays` before `instant`. */
const localDate = ({ timeZone }: Schedule, instant: number): Temporal.PlainDate =>
  Temporal.Instant.fromEpochMilliseconds(instant)
    .toZonedDateTimeISO(timeZone)
    .toPlainDate()
    .subtract({ days: marginDays });

const daysFrom = (from: Temporal.PlainDate, to: Temporal.PlainDate): number =>
  from.until(to, { largestUnit: "days" }).days;

const periodAt = (distance: number, every: number): number => Math.max(0, Math.floor(distance / every));
