import type { Schedule } from "../api/plan.ts";

/** Of a year that is no leap year. */
const daysOfMonths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;
const february = 2;

/** A month of a schedule that lacks its day: from 1 to 12. */
export interface LackingMonth {
  readonly month: number;
  /** It has the day in leap years. */
  readonly exceptLeapYears: boolean;
}

/**
 * The months, of those that a schedule comes to, in which it has no slot since they lack its day;
 * in the calendar's order.
 */
export const monthsLeftOut = (schedule: Schedule): readonly LackingMonth[] => {
  if (schedule.cycle !== "monthly" || schedule.day === "last") return [];
  const { day, every, startsOn } = schedule;
  const first = Number(startsOn.slice(5, 7)) - 1;
  const visited = new Set(daysOfMonths.map((_, step) => ((first + step * every) % daysOfMonths.length) + 1));
  return daysOfMonths.flatMap((days, index) => {
    const month = index + 1;
    if (days >= day || !visited.has(month)) return [];
    return [{ month, exceptLeapYears: month === february && day === days + 1 }];
  });
};
