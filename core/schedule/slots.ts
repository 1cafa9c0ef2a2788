import { Temporal } from "temporal-polyfill";
import type { Instant } from "../api/ids.ts";
import type { Schedule } from "../api/plan.ts";
import { type Cycle, cycleOf } from "./cycle.ts";

/**
 * So many periods without a slot in a row, and there is none to come. The longest wait of a
 * schedule that has slots is that of 29 February in yearly steps across 2100: eight.
 */
const emptyPeriodsMax = 12;

/**
 * What clocks go forward by otherwise is less, also when a zone changes its
 * standard time meanwhile.
 */
const mostHoursOfSummerTime = 12;
/** A slot whose day is missing lies this far after where it was wanted. */
const marginMilliseconds = 2 * 24 * 3_600_000;

/** The last instant that can be written. */
const endOfTime = "9999-12-31T23:59:59.999Z" as Instant;

/**
 * The slots of a schedule that lie after `after` and not after `until`, ascending; the first
 * `limit` of them. A slot whose local time does not exist on its day is moved to after the gap; one
 * that exists twice is the earlier.
 */
export const slots = (
  schedule: Schedule,
  { after, until, limit }: { readonly after: Instant; readonly until: Instant; readonly limit: number },
): Instant[] => {
  const found: Instant[] = [];
  if (limit <= 0) return found;
  const end = Math.min(Date.parse(until), schedule.endsAt === undefined ? Infinity : Date.parse(schedule.endsAt));
  for (const slot of slotsAfter(schedule, Date.parse(after))) {
    if (slot > end) break;
    found.push(new Date(slot).toISOString() as Instant);
    if (found.length === limit) break;
  }
  return found;
};

/** The first slot after `after`, or undefined when the schedule has ended by then. */
export const nextSlot = (schedule: Schedule, after: Instant): Instant | undefined => previewRuns(schedule, after, 1)[0];

/** The next `count` slots after `after`; fewer when the schedule ends. */
export const previewRuns = (schedule: Schedule, after: Instant, count: number): Instant[] =>
  slots(schedule, { after, until: endOfTime, limit: count });

/** Slots that follow each other. */
export interface SlotRange {
  readonly first: Instant;
  readonly last: Instant;
  readonly count: number;
}

/**
 * The slots that lie after `after` and not after `until`, told by the first, the last and their
 * number; undefined when there is none. Centuries cost no more than a day: nothing is looked at
 * slot by slot.
 */
export const slotRange = (
  schedule: Schedule,
  { after, until }: { readonly after: Instant; readonly until: Instant },
): SlotRange | undefined => {
  const first = nextSlot(schedule, after);
  if (first === undefined || first > until) return undefined;
  const ends = schedule.endsAt === undefined ? Infinity : Date.parse(schedule.endsAt);
  const end = Math.min(Date.parse(until), ends);
  const last = new Date(lastSlot(schedule, end)).toISOString() as Instant;
  return { first, last, count: countSlots(schedule, Date.parse(after), end) };
};

/** The last slot that is not after `end`; there must be one. Without regard to `endsAt`. */
const lastSlot = (schedule: Schedule, end: number): number => {
  const cycle = cycleOf(schedule);
  const near = cycle.firstPeriod(end);
  for (let period = near; period >= 0; period -= 1) {
    // The periods from there on may hold the slot, too.
    const found = period === near ? slotsUntil(cycle, near, end) : cycle.slotsOf(period);
    const last = found.at(-1);
    if (last !== undefined) return last;
  }
  throw new RangeError("there is no slot before the end");
};

/** The slots of a period and of those after it that are not after `end`. */
const slotsUntil = (cycle: Cycle, first: number, end: number): readonly number[] => {
  const found: number[] = [];
  let emptyPeriods = 0;
  for (let period = first; emptyPeriods < emptyPeriodsMax; period += 1) {
    const inPeriod = cycle.slotsOf(period);
    emptyPeriods = inPeriod.length === 0 ? emptyPeriods + 1 : 0;
    found.push(...inPeriod.filter((slot) => slot <= end));
    if (inPeriod.some((slot) => slot > end)) break;
  }
  return found;
};

/** How many slots lie after `after` and not after `end`. Without regard to `endsAt`. */
const countSlots = (schedule: Schedule, after: number, end: number): number => {
  if (leavesOutADay(schedule, after, end)) {
    let count = 0;
    for (const slot of slotsAfter(schedule, after)) {
      if (slot > end) break;
      count += 1;
    }
    return count;
  }
  const cycle = cycleOf(schedule);
  const countUntil = (instant: number): number => {
    const near = cycle.firstPeriod(instant);
    return cycle.countBefore(near) + slotsUntil(cycle, near, instant).length;
  };
  return countUntil(end) - countUntil(after);
};

/**
 * Where a zone crossed the date line, as Samoa did in 2011, a day is missing and its slot is the
 * next day's.
 */
const leavesOutADay = ({ cycle, timeZone }: Schedule, after: number, end: number): boolean => {
  if (cycle === "hourly") return false;
  const offsetHours = (instant: number): number =>
    Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(timeZone).offsetNanoseconds / 3.6e12;
  return offsetHours(end) - offsetHours(after - marginMilliseconds) > mostHoursOfSummerTime;
};

/** All slots after an instant, in Unix milliseconds, without regard to `endsAt`. */
function* slotsAfter(schedule: Schedule, after: number): Generator<number> {
  const cycle = cycleOf(schedule);
  let last = after;
  let emptyPeriods = 0;
  for (let period = cycle.firstPeriod(after); emptyPeriods < emptyPeriodsMax; period++) {
    const inPeriod = cycle.slotsOf(period);
    emptyPeriods = inPeriod.length === 0 ? emptyPeriods + 1 : 0;
    for (const slot of inPeriod) {
      // Where a zone left out a whole day, the slots of two days are the same instant.
      if (slot <= last) continue;
      last = slot;
      yield slot;
    }
  }
}
