import { reportOverdue } from "../monitoring/overdue.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("overdue");

/** Every quarter of an hour → how many restore points are too old. */
export const handler = (): Promise<number> => reportOverdue(deps, process.env["QUEUE_PREFIX"] ?? "");
