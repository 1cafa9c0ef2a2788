import type { GetScheduleCommandOutput, SchedulerClient, ScheduleSummary } from "@aws-sdk/client-scheduler";
import { GetScheduleCommand, paginateListSchedules, ResourceNotFoundException } from "@aws-sdk/client-scheduler";
import type { Instant } from "../../../core/api/ids.ts";
import { mapBounded } from "../../../functions/concurrency/map-bounded.ts";
import type { ScheduleTimes } from "./occurrences.ts";

/** A schedule as the ticker needs it. */
export interface TickerSchedule extends ScheduleTimes {
  readonly arn: string;
  readonly isEnabled: boolean;
  readonly targetArn: string;
  /** With EventBridge Scheduler's placeholders in it. */
  readonly input: string;
}

const concurrencyMax = 8;

const instantOf = (date: Date): Instant => date.toISOString() as Instant;

/** Undefined for an answer that lacks what every schedule has. */
const scheduleOf = (answer: GetScheduleCommandOutput): TickerSchedule | undefined => {
  const { Arn, ScheduleExpression, Target, CreationDate, StartDate, EndDate } = answer;
  if (Arn === undefined || ScheduleExpression === undefined || Target?.Arn === undefined) return undefined;
  return {
    arn: Arn,
    expression: ScheduleExpression,
    timeZone: answer.ScheduleExpressionTimezone ?? "UTC",
    createdAt: instantOf(CreationDate ?? new Date(0)),
    ...(StartDate === undefined ? {} : { startsAt: instantOf(StartDate) }),
    ...(EndDate === undefined ? {} : { endsAt: instantOf(EndDate) }),
    isEnabled: answer.State !== "DISABLED",
    targetArn: Target.Arn,
    input: Target.Input ?? "{}",
  };
};

const read = async (client: SchedulerClient, { Name, GroupName }: ScheduleSummary) => {
  try {
    return scheduleOf(await client.send(new GetScheduleCommand({ Name, GroupName })));
  } catch (error) {
    // Removed since it was listed.
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
};

/**
 * A schedule that was changed this shortly before it was read may change again without a later
 * date: dates may be whole seconds.
 */
const settledMilliseconds = 5_000;

/**
 * Reads all schedules of a group, or of all groups, by EventBridge Scheduler's API, time
 * and again. What a schedule says is asked for when the list, a page for a hundred of them,
 * has it with a new date.
 */
export const createScheduleReader = (
  client: SchedulerClient,
  groupName: string | undefined,
): ((now: Instant) => Promise<readonly TickerSchedule[]>) => {
  let known = new Map<string, { readonly date: number; readonly schedule: TickerSchedule | undefined }>();

  const readIfNew = async (summary: ScheduleSummary, now: Instant) => {
    const { Arn = "", LastModificationDate } = summary;
    const date = LastModificationDate?.getTime() ?? Number.NaN;
    const before = known.get(Arn);
    if (before?.date === date) return { Arn, ...before };
    const isSettled = Date.parse(now) - date > settledMilliseconds;
    return { Arn, schedule: await read(client, summary), date: isSettled ? date : Number.NaN };
  };

  return async (now) => {
    const summaries: ScheduleSummary[] = [];
    const group = groupName === undefined ? {} : { GroupName: groupName };
    for await (const page of paginateListSchedules({ client }, group)) summaries.push(...(page.Schedules ?? []));
    const entries = await mapBounded(summaries, concurrencyMax, (summary) => readIfNew(summary, now));
    known = new Map(entries.map(({ Arn, date, schedule }) => [Arn, { date, schedule }]));
    return entries.flatMap(({ schedule }) => (schedule === undefined ? [] : [schedule]));
  };
};

/** The input of one occurrence: with the slot, in whole seconds of UTC, and the schedule put in. */
export const inputAt = ({ arn, input }: TickerSchedule, occurrence: Instant): string =>
  input
    .replaceAll("<aws.scheduler.scheduled-time>", occurrence.replace(/\.\d+Z$/, "Z"))
    .replaceAll("<aws.scheduler.schedule-arn>", arn);
