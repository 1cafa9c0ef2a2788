import { createFunction, sharedEnvironment } from "./function.ts";
import { type InstallationHere, scheduleTrust } from "./installation.ts";

/** What time brings about by itself. One that failed is not repeated: the next comes anyway. */
export const createSweep = (here: InstallationHere) => {
  const environment = sharedEnvironment(here);
  const sweep = createFunction(here, "Sweep", "sweep", { timeout: "60 seconds", memory: "512 MB", environment });
  const transform = { role: { assumeRolePolicy: scheduleTrust(here, "defaultScheduleGroup") } };
  new sst.aws.CronV2("SweepEveryMinute", { function: sweep.arn, schedule: "rate(1 minute)", transform });
  const overdue = createFunction(here, "Overdue", "overdue", { timeout: "5 minutes", memory: "512 MB", environment });
  new sst.aws.CronV2("OverdueEveryQuarter", { function: overdue.arn, schedule: "rate(15 minutes)", transform });
  return { sweep, overdue };
};
