import { Temporal } from "temporal-polyfill";
import { VisibleError } from "../../../core/api/errors.ts";
import type { Instant } from "../../../core/api/ids.ts";
import { parseCron } from "./cron.ts";

/** The times of a schedule, as EventBridge Scheduler is told of them. */
export interface ScheduleTimes {
  /** `cron(…)`, `rate(5 minutes)` or `at(2026-11-24T01:00:00)`. */
  readonly expression: string;
  /** IANA name; `rate` has no use for it. */
  readonly timeZone: string;
  /** Where a rate counts from, unless it has a `startsAt`. */
  readonly createdAt: Instant;
  readonly startsAt?: Instant;
  /** It fires before this instant, and not at it. */
  readonly endsAt?: Instant;
}

/**
 * Those instants of a schedule that are later than `after` and not later than `until`, in order.
 */
type Finder = (after: number, until: number) => readonly number[];

const minuteMilliseconds = 60_000;
const unitMilliseconds: Readonly<Record<string, number>> = {
  minute: minuteMilliseconds,
  hour: 60 * minuteMilliseconds,
  day: 24 * 60 * minuteMilliseconds,
};

const refuse = (expression: string, cause?: unknown) =>
  new VisibleError("BAD_REQUEST", `The schedule expression “${expression}” is not understood.`, {
    hint: "cron(0 1 * * ? *), rate(5 minutes) or at(2026-11-24T01:00:00)",
    cause,
  });

const checkZone = (timeZone: string): void => {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone);
  } catch (cause) {
    throw new VisibleError("BAD_REQUEST", `There is no time zone “${timeZone}”.`, {
      hint: "Use a name like Asia/Shanghai or Europe/Berlin.",
      cause,
    });
  }
};

/** The first instant that has this local time; undefined where clocks go forward over it. */
const firstInstantOf = (local: Temporal.PlainDateTime, timeZone: string): number | undefined => {
  const zoned = local.toZonedDateTime(timeZone, { disambiguation: "earlier" });
  return zoned.toPlainDateTime().equals(local) ? zoned.epochMilliseconds : undefined;
};

/** Goes through the minutes one by one: callers ask for a few minutes only. */
const cronFinder = (text: string, timeZone: string): Finder => {
  const cron = parseCron(text);
  const isOccurrence = (instant: number): boolean => {
    const local = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone).toPlainDateTime();
    // A local time that clocks going back repeat fires when it comes first.
    return cron.matches(local) && firstInstantOf(local, timeZone) === instant;
  };
  return (after, until) => {
    const found: number[] = [];
    const first = Math.floor(after / minuteMilliseconds) + 1;
    for (let minute = first; minute * minuteMilliseconds <= until; minute++) {
      if (isOccurrence(minute * minuteMilliseconds)) found.push(minute * minuteMilliseconds);
    }
    return found;
  };
};

const rateFinder = (expression: string, base: number): Finder => {
  const [, value = "", unit = ""] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const period = Number(value) * (unitMilliseconds[unit] ?? 0);
  if (!(period > 0)) throw refuse(expression);
  return (after, until) => {
    const first = Math.max(0, Math.floor((after - base) / period) + 1);
    const count = Math.max(0, Math.floor((until - base) / period) - first + 1);
    return Array.from({ length: count }, (_, index) => base + (first + index) * period);
  };
};

const atFinder = (expression: string, timeZone: string): Finder => {
  try {
    const local = Temporal.PlainDateTime.from(expression.slice("at(".length, -1));
    const instant = firstInstantOf(local, timeZone);
    return (after, until) => (instant !== undefined && instant > after && instant <= until ? [instant] : []);
  } catch (cause) {
    throw refuse(expression, cause);
  }
};

const finderOf = ({ expression, timeZone, createdAt, startsAt }: ScheduleTimes): Finder => {
  checkZone(timeZone);
  const [, kind, inside = ""] = /^(cron|rate|at)\((.*)\)$/.exec(expression) ?? [];
  if (kind === "cron") return cronFinder(inside, timeZone);
  if (kind === "rate") return rateFinder(expression, Date.parse(startsAt ?? createdAt));
  if (kind === "at") return atFinder(expression, timeZone);
  throw refuse(expression);
};

/**
 * When a schedule fires: later than `after`, and not later than `until`; in order. Local times that
 * do not exist are left out, repeated ones come once, as in EventBridge Scheduler.
 * @throws {VisibleError} BAD_REQUEST for an expression or a time zone that is not understood
 */
export const occurrences = (times: ScheduleTimes, after: Instant, until: Instant): readonly Instant[] =>
  finderOf(times)(Date.parse(after), Date.parse(until))
    .map((instant) => new Date(instant).toISOString() as Instant)
    .filter((instant) => times.startsAt === undefined || instant >= times.startsAt)
    .filter((instant) => times.endsAt === undefined || instant < times.endsAt);
