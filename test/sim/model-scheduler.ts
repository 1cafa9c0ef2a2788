import { SchedulerClient } from "@aws-sdk/client-scheduler";
import type { Instant } from "../../core/api/ids.ts";
import type { SchedulerExpression } from "../../core/ports/scheduler.ts";

interface Remembered {
  readonly told: string;
  readonly madeAt: Date;
  readonly changedAt: Date;
}

/**
 * A client of EventBridge Scheduler whose requests end at a map of the plans' schedules, dated by
 * the service's clock. Of its requests it knows those that the ticker makes.
 */
export const modelScheduler = (schedules: () => ReadonlyMap<string, object>, now: () => Instant): SchedulerClient => {
  const known = new Map<string, Remembered>();
  const look = (id: string, told: string): Remembered => {
    const before = known.get(id);
    if (before?.told === told) return before;
    const changedAt = new Date(now());
    const next = { told, madeAt: before?.madeAt ?? changedAt, changedAt };
    known.set(id, next);
    return next;
  };
  const described = (id: string, schedule: object) => {
    const { expression, timeZone, endsAt } = schedule as SchedulerExpression;
    const { madeAt, changedAt } = look(id, JSON.stringify([expression, timeZone, endsAt]));
    return {
      ...{ Arn: `arn:${id}`, Name: id, GroupName: "plans", State: "ENABLED" as const },
      ...{ ScheduleExpression: expression, ScheduleExpressionTimezone: timeZone },
      ...{ CreationDate: madeAt, LastModificationDate: changedAt },
      ...(endsAt === undefined ? {} : { EndDate: new Date(endsAt) }),
      Target: { Arn: "arn:plan", RoleArn: "arn:role", Input: JSON.stringify({ planId: id, scheduledTime: "x" }) },
    };
  };
  const client = new SchedulerClient({ region: "us-east-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
  client.middlewareStack.add(
    (_, context) =>
      async ({ input }) => {
        const all = schedules();
        for (const id of known.keys()) if (!all.has(id)) known.delete(id);
        const list = [...all].map(([id, told]) => described(id, told));
        const { Name } = input as { readonly Name?: string };
        const output =
          context.commandName === "ListSchedulesCommand"
            ? { Schedules: list }
            : list.find((schedule) => schedule.Name === Name);
        return { output: { $metadata: {}, ...output }, response: {} } as never;
      },
    { step: "initialize", priority: "high", name: "modelScheduler" },
  );
  return client;
};
