import type { Temporal } from "temporal-polyfill";
import { VisibleError } from "../../../core/api/errors.ts";

/** A parsed `cron()`: whether it names a local time, by the minute. */
export interface Cron {
  matches(local: Temporal.PlainDateTime): boolean;
}

interface Field {
  readonly name: string;
  readonly first: number;
  readonly last: number;
  /** Names of the values, from `first` on. */
  readonly names?: readonly string[];
}

const months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const minuteField: Field = { name: "minute", first: 0, last: 59 };
const hourField: Field = { name: "hour", first: 0, last: 23 };
const dayField: Field = { name: "day of month", first: 1, last: 31 };
const monthField: Field = { name: "month", first: 1, last: 12, names: months };
const weekdayField: Field = { name: "day of week", first: 1, last: 7, names: weekdays };
const yearField: Field = { name: "year", first: 1970, last: 2199 };

const refuse = (text: string, what: string): never => {
  throw new VisibleError("BAD_REQUEST", `The schedule expression “${text}” is not understood: ${what}.`, {
    hint: "cron(minute hour day-of-month month day-of-week year), where one of the two days is “?”.",
  });
};

const numberOf = (field: Field, text: string): number => {
  const named = field.names?.indexOf(text.toUpperCase()) ?? -1;
  const value = named >= 0 ? field.first + named : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.first && value <= field.last) return value;
  return refuse(text, `a ${field.name} is from ${field.first} to ${field.last}`);
};

/**
 * `*`, `5`, `MON`, `1-5`, or with a step:
 * `10/15` is 10 and every 15th from there on, `0-30/10` is 0, 10, 20, 30.
 */
const valuesOfPart = (field: Field, part: string): readonly number[] => {
  const [range = "", step, ...more] = part.split("/");
  if (more.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step)))
    return refuse(part, "a step is a number from 1");
  const [from = "", to, ...others] = range.split("-");
  if (others.length > 0) return refuse(part, "a range has two ends");
  const start = from === "*" ? field.first : numberOf(field, from);
  const isOpen = from === "*" || step !== undefined;
  const end = to !== undefined ? numberOf(field, to) : isOpen ? field.last : start;
  if (end < start) return refuse(part, "a range begins with its smaller end");
  const stride = step === undefined ? 1 : Number(step);
  return Array.from({ length: Math.floor((end - start) / stride) + 1 }, (_, index) => start + index * stride);
};

const valuesOf = (field: Field, text: string): ReadonlySet<number> =>
  new Set(text.split(",").flatMap((part) => valuesOfPart(field, part)));

type DayRule = (local: Temporal.PlainDateTime) => boolean;

const dayOfMonthRule = (text: string): DayRule => {
  const parts = text.split(",");
  const days = new Set(parts.filter((part) => part !== "L").flatMap((part) => valuesOfPart(dayField, part)));
  const isLastToo = parts.includes("L");
  return (local) => days.has(local.day) || (isLastToo && local.day === local.daysInMonth);
};

/** Sunday is 1, as in AWS; ISO's Monday is 1. */
const weekdayOf = (local: Temporal.PlainDateTime) => (local.dayOfWeek % 7) + 1;

/** `6L` is the last Friday of the month; `L` alone is the week's last day. */
const dayOfWeekRule = (text: string): DayRule => {
  const parts = text.split(",").map((part) => (part === "L" ? "SAT" : part));
  const lasts = new Set(parts.flatMap((part) => (part.endsWith("L") ? numberOf(weekdayField, part.slice(0, -1)) : [])));
  const days = new Set(parts.flatMap((part) => (part.endsWith("L") ? [] : valuesOfPart(weekdayField, part))));
  return (local) => {
    const isInLastWeek = local.day > local.daysInMonth - 7;
    return days.has(weekdayOf(local)) || (isInLastWeek && lasts.has(weekdayOf(local)));
  };
};

const dayRule = (text: string, dayOfMonth: string, dayOfWeek: string): DayRule => {
  if ((dayOfMonth === "?") === (dayOfWeek === "?")) {
    return refuse(text, "exactly one of day of month and day of week is “?”");
  }
  return dayOfWeek === "?" ? dayOfMonthRule(dayOfMonth) : dayOfWeekRule(dayOfWeek);
};

/**
 * Parses the six fields inside AWS's `cron(…)`: `*`, `?`, `L`, numbers, names, lists, ranges
 * and steps; `W` and `#` are refused. Source: "Schedule types in EventBridge Scheduler",
 * cron-based schedules.
 * @throws {VisibleError} BAD_REQUEST
 */
export const parseCron = (text: string): Cron => {
  const [minute, hour, dayOfMonth, month, dayOfWeek, year, ...more] = text.trim().split(/\s+/);
  if (!minute || !hour || !dayOfMonth || !month || !dayOfWeek || !year || more.length > 0) {
    return refuse(text, "it has not six fields");
  }
  const minutes = valuesOf(minuteField, minute);
  const hours = valuesOf(hourField, hour);
  const monthNumbers = valuesOf(monthField, month);
  const years = valuesOf(yearField, year);
  const isDay = dayRule(text, dayOfMonth, dayOfWeek);
  const matches = (local: Temporal.PlainDateTime) =>
    minutes.has(local.minute) &&
    hours.has(local.hour) &&
    monthNumbers.has(local.month) &&
    years.has(local.year) &&
    isDay(local);
  return { matches };
};
