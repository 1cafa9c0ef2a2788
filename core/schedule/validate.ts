import { Temporal } from "temporal-polyfill";
import { VisibleError } from "../api/errors.ts";
import type { Instant } from "../api/ids.ts";
import type { Schedule } from "../api/plan.ts";
import { instantText } from "../object/instant-text.ts";
import { nextSlot } from "./slots.ts";

const beginningOfTime = "0000-01-01T00:00:00.000Z" as Instant;

/**
 * Refuses a schedule that can never start a run, with a sentence that says why. It looks at no
 * clock: a schedule that was good and has ended passes.
 * @throws SCHEDULE_IMPOSSIBLE
 */
export const validateSchedule = (schedule: Schedule): void => {
  refuseUnknownTimeZone(schedule.timeZone);
  const { endsAt, ...endless } = schedule;
  const first = nextSlot(endless, beginningOfTime);
  if (first === undefined) throw neverHasSlot(schedule);
  if (endsAt === undefined || Date.parse(endsAt) >= Date.parse(first)) return;
  throw new VisibleError(
    "SCHEDULE_IMPOSSIBLE",
    endsBeforeStart(schedule, endsAt)
      ? `The schedule ends (${instantText(endsAt)}) before it starts (${schedule.startsOn}).`
      : `The schedule ends (${instantText(endsAt)}) before its first slot (${instantText(first)}).`,
    { hint: "Set endsAt to a later time, startsOn to an earlier day, or leave endsAt out." },
  );
};

const refuseUnknownTimeZone = (timeZone: string): void => {
  const fault = timeZoneFault(timeZone);
  if (fault !== undefined) throw new VisibleError("SCHEDULE_IMPOSSIBLE", fault.message, { hint: fault.hint });
};

/**
 * What is wrong with a time zone. Only names are right, spelled as they are listed: EventBridge
 * Scheduler takes neither offsets nor other spellings.
 */
export const timeZoneFault = (timeZone: string): { readonly message: string; readonly hint: string } | undefined => {
  const known = knownName(timeZone);
  if (known === timeZone) return undefined;
  return {
    message: `There is no time zone “${timeZone}”.`,
    hint:
      known === undefined
        ? "Use a name of the IANA time zone database, such as Europe/Berlin, Asia/Shanghai or UTC."
        : `Did you mean ${known}?`,
  };
};

const knownName = (timeZone: string): string | undefined => {
  if (!/^[A-Za-z]/.test(timeZone)) return undefined;
  try {
    return new Temporal.ZonedDateTime(0n, timeZone).timeZoneId;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
};

const endsBeforeStart = ({ startsOn, timeZone }: Schedule, endsAt: string): boolean =>
  Date.parse(endsAt) < Temporal.PlainDate.from(startsOn).toZonedDateTime(timeZone).epochMilliseconds;

/** Only a yearly month that lacks the day comes here: steps below 12 reach a month that has it. */
const neverHasSlot = (schedule: Schedule): VisibleError => {
  const day = schedule.cycle === "monthly" ? schedule.day : undefined;
  return new VisibleError(
    "SCHEDULE_IMPOSSIBLE",
    `The schedule never has a slot: counted from ${schedule.startsOn}, every ${schedule.every} months, no month has a day ${day}.`,
    { hint: "Use day: last, a day that the month has, or another startsOn." },
  );
};
