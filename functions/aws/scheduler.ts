import {
  ConflictException,
  CreateScheduleCommand,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  ResourceNotFoundException,
  type SchedulerClient,
  UpdateScheduleCommand,
  type UpdateScheduleCommandInput,
} from "@aws-sdk/client-scheduler";
import type { PlanId } from "../../core/api/ids.ts";
import type { Scheduler, SchedulerExpression } from "../../core/ports/scheduler.ts";

export interface EventBridgeSchedulerOptions {
  readonly client: SchedulerClient;
  /** The schedule group; nothing but plans' schedules is in it. */
  readonly groupName: string;
  /** The plan function, and the role with which it is invoked. */
  readonly targetArn: string;
  readonly roleArn: string;
  /** A standard queue for invocations that failed for an hour. */
  readonly deadLetterArn?: string;
}

/** What the plan function gets; EventBridge Scheduler puts slot and schedule in. */
const inputOf = (planId: PlanId) =>
  JSON.stringify({
    planId,
    scheduledTime: "<aws.scheduler.scheduled-time>",
    scheduleArn: "<aws.scheduler.schedule-arn>",
  });

/**
 * The whole schedule: an update returns to its default whatever it leaves out, so both
 * calls send all of it.
 */
const scheduleOf = (
  options: EventBridgeSchedulerOptions,
  planId: PlanId,
  { expression, timeZone, endsAt }: SchedulerExpression,
): UpdateScheduleCommandInput => ({
  Name: planId,
  GroupName: options.groupName,
  ScheduleExpression: expression,
  ScheduleExpressionTimezone: timeZone,
  ...(endsAt === undefined ? {} : { EndDate: new Date(endsAt) }),
  FlexibleTimeWindow: { Mode: "OFF" },
  State: "ENABLED",
  ActionAfterCompletion: "NONE",
  Target: {
    Arn: options.targetArn,
    RoleArn: options.roleArn,
    Input: inputOf(planId),
    // The sweep finds slots that were never heard of, so an old invocation need
    // not be tried for a day.
    RetryPolicy: { MaximumEventAgeInSeconds: 3_600, MaximumRetryAttempts: 3 },
    ...(options.deadLetterArn === undefined ? {} : { DeadLetterConfig: { Arn: options.deadLetterArn } }),
  },
});

/**
 * The `Scheduler` port by EventBridge Scheduler: one schedule per plan, named by the plan's id, in
 * one group. An end that has passed already is AWS's ValidationException: a plan that has ended
 * has no schedule to put.
 */
export const createEventBridgeScheduler = (options: EventBridgeSchedulerOptions): Scheduler => {
  const { client, groupName } = options;

  const update = async (schedule: UpdateScheduleCommandInput): Promise<boolean> => {
    try {
      await client.send(new UpdateScheduleCommand(schedule));
      return true;
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return false;
      throw error;
    }
  };

  return {
    async put(planId, expression) {
      const schedule = scheduleOf(options, planId, expression);
      if (await update(schedule)) return;
      try {
        await client.send(new CreateScheduleCommand(schedule));
      } catch (error) {
        // Somebody made it in between. Where it is gone again by now, the conflict is thrown, and
        // the caller tries again.
        if (!(error instanceof ConflictException && (await update(schedule)))) throw error;
      }
    },

    async remove(planId) {
      try {
        await client.send(new DeleteScheduleCommand({ Name: planId, GroupName: groupName }));
      } catch (error) {
        if (!(error instanceof ResourceNotFoundException)) throw error;
      }
    },
  };
};

/**
 * Makes the schedule group where it is not there yet. For local runs: on AWS the
 * deployment makes it.
 */
export const ensureScheduleGroup = async (client: SchedulerClient, name: string): Promise<void> => {
  try {
    await client.send(new CreateScheduleGroupCommand({ Name: name }));
  } catch (error) {
    if (!(error instanceof ConflictException)) throw error;
  }
};
