import { reportQueueDefinition } from "../../functions/aws/queues.ts";
import { createFunction, sharedEnvironment } from "./function.ts";
import { type InstallationHere, policyOf, scheduleTrust } from "./installation.ts";
import { namesOf } from "./names.ts";
import { schedulePolicy } from "./policies.ts";
import { createQueue } from "./queue.ts";

/**
 * What the plans' schedules need: a group that they are in, the function that they invoke, the role
 * with which they do it, and where what could not be delivered for an hour goes. The schedules
 * themselves are no infrastructure: functions/aws/scheduler.ts makes them.
 */
export const createSchedules = (here: InstallationHere) => {
  const names = namesOf(here.prefix);
  const dead = createQueue("SchedulesDead", names.schedulesDead, reportQueueDefinition);
  const group = new aws.scheduler.ScheduleGroup("ScheduleGroup", { name: names.scheduleGroup });
  const plan = createFunction(here, "Plan", "plan", {
    timeout: "30 seconds",
    memory: "512 MB",
    environment: sharedEnvironment(here),
  });
  const role = new aws.iam.Role("ScheduleRole", {
    name: names.scheduleRole,
    assumeRolePolicy: scheduleTrust(here, "scheduleGroup"),
    inlinePolicies: [{ name: "schedules", policy: policyOf(here, schedulePolicy) }],
  });
  return { dead, group, plan, role };
};
