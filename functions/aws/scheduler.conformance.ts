import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SchedulerClient } from "@aws-sdk/client-scheduler";
import {
  ConflictException,
  CreateScheduleCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  ResourceNotFoundException,
} from "@aws-sdk/client-scheduler";
import type { Instant, PlanId } from "../../core/api/ids.ts";
import { createClients } from "./clients.ts";
import { createEventBridgeScheduler, ensureScheduleGroup } from "./scheduler.ts";
import type { KnownDifference, ServicesUnderTest } from "./testing.ts";

const groupName = "plans";
const planOf = (n: number) => `plan_${n.toString().padStart(26, "0")}` as PlanId;
const daily = { expression: "cron(0 1 * * ? *)", timeZone: "Asia/Shanghai" };
const ends = { ...daily, endsAt: "2026-12-24T01:00:00.500Z" as Instant };

/**
 * What the adapter promises on EventBridge Scheduler, or on what stands in for it. Takes a function
 * that starts that, and what that is known to do otherwise.
 */
export const schedulerConformance = (
  name: string,
  start: () => Promise<ServicesUnderTest>,
  differences: readonly KnownDifference[] = [],
): void => {
  describe(`the schedules of plans in EventBridge Scheduler, ${name}`, () => {
    let services: ServicesUnderTest;
    let client: SchedulerClient;
    before(async () => {
      services = await start();
      client = createClients(services.env).scheduler;
      await ensureScheduleGroup(client, groupName);
      await ensureScheduleGroup(client, groupName);
    });
    after(async () => {
      client.destroy();
      await services.stop();
    });

    const options = { groupName, targetArn: "arn:function", roleArn: "arn:role", deadLetterArn: "arn:dead" };
    const schedulerOf = (with_: SchedulerClient = client) => createEventBridgeScheduler({ client: with_, ...options });
    const get = (planId: PlanId) => client.send(new GetScheduleCommand({ Name: planId, GroupName: groupName }));

    /** A client that does `first` in between, before its first call of a command. */
    const interrupted = (commandName: string, first: () => Promise<unknown>) => {
      const { scheduler } = createClients(services.env);
      let isFirst = true;
      scheduler.middlewareStack.add(
        (next, context) => async (request) => {
          if (context.commandName === commandName && isFirst) {
            isFirst = false;
            await first();
          }
          return next(request);
        },
        { step: "initialize" },
      );
      return scheduler;
    };

    test("are made with all that an invocation needs", async () => {
      await schedulerOf().put(planOf(1), ends);
      const made = await get(planOf(1));
      assert.equal(made.ScheduleExpression, "cron(0 1 * * ? *)");
      assert.equal(made.ScheduleExpressionTimezone, "Asia/Shanghai");
      assert.equal(made.EndDate?.toISOString(), "2026-12-24T01:00:00.500Z");
      assert.deepEqual(made.FlexibleTimeWindow, { Mode: "OFF" });
      assert.equal(made.Target?.Arn, "arn:function");
      assert.equal(made.Target?.RoleArn, "arn:role");
      assert.deepEqual(made.Target?.RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 3 });
      assert.deepEqual(made.Target?.DeadLetterConfig, { Arn: "arn:dead" });
      assert.deepEqual(JSON.parse(made.Target?.Input ?? ""), {
        planId: planOf(1),
        scheduledTime: "<aws.scheduler.scheduled-time>",
        scheduleArn: "<aws.scheduler.schedule-arn>",
      });
    });

    test("are replaced as a whole: an end that is left out is gone", async () => {
      await schedulerOf().put(planOf(2), ends);
      await schedulerOf().put(planOf(2), { expression: "cron(0 2 * * ? *)", timeZone: "UTC" });
      const replaced = await get(planOf(2));
      assert.equal(replaced.ScheduleExpression, "cron(0 2 * * ? *)");
      assert.equal(replaced.EndDate, undefined);
      const { Schedules = [] } = await client.send(new ListSchedulesCommand({ NamePrefix: planOf(2) }));
      assert.equal(Schedules.length, 1);
    });

    test("are updated when somebody else made them in between", async () => {
      const racing = interrupted(CreateScheduleCommand.name, () => schedulerOf().put(planOf(3), daily));
      await schedulerOf(racing).put(planOf(3), ends);
      assert.notEqual((await get(planOf(3))).EndDate, undefined);
      racing.destroy();
    });

    test("are made when somebody else removed them", async () => {
      await schedulerOf().put(planOf(4), daily);
      await schedulerOf().remove(planOf(4));
      await schedulerOf().put(planOf(4), daily);
      assert.equal((await get(planOf(4))).Name, planOf(4));
    });

    test("are removed, and are not missed when they are gone already", async () => {
      await schedulerOf().put(planOf(5), daily);
      await schedulerOf().remove(planOf(5));
      await schedulerOf().remove(planOf(5));
      await assert.rejects(get(planOf(5)), ResourceNotFoundException);
    });

    const isVague = differences.includes(
      "answers that it has an error of its own when a schedule's group is not there",
    );
    const refused = "are refused in a group that is not there";
    test(isVague ? `${refused}: here by an error of its own, other than on AWS` : refused, async () => {
      const elsewhere = createEventBridgeScheduler({ client, ...options, groupName: "elsewhere" });
      await assert.rejects(
        elsewhere.put(planOf(6), daily),
        isVague ? { name: "InternalError" } : ResourceNotFoundException,
      );
    });

    test("that are made twice are a conflict", async () => {
      await schedulerOf().put(planOf(7), daily);
      const { $metadata: _, ...made } = await get(planOf(7));
      const again = new CreateScheduleCommand({
        Name: planOf(7),
        GroupName: groupName,
        ScheduleExpression: made.ScheduleExpression,
        Target: made.Target,
        FlexibleTimeWindow: made.FlexibleTimeWindow,
      });
      await assert.rejects(client.send(again), ConflictException);
    });
  });
};
