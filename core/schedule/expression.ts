import type { Instant } from "../api/ids.ts";
import type { Schedule } from "../api/plan.ts";
import { addSeconds } from "../ports/clock.ts";
import type { SchedulerExpression } from "../ports/scheduler.ts";
import { hourlyAnchor } from "./cycle.ts";

/**
 * What EventBridge Scheduler is told of a schedule. It fires at every slot and between them (it
 * knows no `startsOn` and hardly any `every`), and what fires at no slot is dropped. The one
 * slot that it misses is one whose local time does not exist on the day that clocks go forward:
 * AWS skips it, and the sweep finds it. Source: "Schedule types in EventBridge Scheduler",
 * cron-based schedules.
 */
export const schedulerExpression = (schedule: Schedule): SchedulerExpression => ({
  expression: `cron(${fields(schedule)} *)`,
  // Hourly slots are a matter of elapsed time, so they are told in a time zone whose
  // clocks never change.
  timeZone: schedule.cycle === "hourly" ? "UTC" : schedule.timeZone,
  ...(schedule.endsAt === undefined ? {} : { endsAt: justAfter(schedule.endsAt) }),
});

/**
 * A slot at `endsAt` itself counts, and AWS fires only before its end date, up to a minute late.
 */
const justAfter = (endsAt: string): Instant => addSeconds(new Date(endsAt).toISOString() as Instant, 60);

/** Minute, hour, day of month, month, day of week. */
const fields = (schedule: Schedule): string => {
  switch (schedule.cycle) {
    case "hourly": {
      const anchor = new Date(hourlyAnchor(schedule));
      return `${anchor.getUTCMinutes()} ${hours(anchor.getUTCHours(), schedule.every)} * * ?`;
    }
    case "daily":
      return `${minuteAndHour(schedule.at)} * * ?`;
    case "weekly":
      return `${minuteAndHour(schedule.at)} ? * ${[...new Set(schedule.on)].join(",").toUpperCase()}`;
    case "monthly":
      return `${minuteAndHour(schedule.at)} ${schedule.day === "last" ? "L" : schedule.day} * ?`;
  }
};

/** Steps that divide a day fall on the same hours every day; others on any. */
const hours = (anchorHour: number, every: number): string => {
  if (every === 1 || 24 % every !== 0) return "*";
  return `${anchorHour % every}/${every}`;
};

const minuteAndHour = (at: string): string => {
  const [hour, minute] = at.split(":").map(Number);
  return `${minute} ${hour}`;
};
