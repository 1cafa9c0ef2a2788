import type { Instant } from "../api/ids.ts";
import type { Schedule } from "../api/plan.ts";
import { cycleOf } from "./cycle.ts";

/**
 * So many periods without a slot in a row, and there is none to come. The longest wait of a schedule that has slots is
 * that of 29 February in yearly steps across 2100: eight.
 */
const emptyPeriodsMax = 12;

/** The last instant that can be written. */
const endOfTime = "9999-12-31T23:59:59.999Z" as Instant;

/**
 * The slots of a schedule that lie after `after` and not after `until`, ascending; the first `limit` of them. A slot
 * whose local time does not exist on its day is moved to after the gap; one that exists twice is the earlier.
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

/** All slots after an instant, in epoch milliseconds, without regard to `endsAt`. */
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
