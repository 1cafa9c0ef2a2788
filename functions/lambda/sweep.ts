import { reportStuck } from "../monitoring/stuck.ts";
import { handleSweep } from "../sweep.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("sweep");

/** Once a minute → the sweep. */
export const handler = async () => {
  const { stuck, ...swept } = await handleSweep(deps);
  reportStuck(deps, process.env["QUEUE_PREFIX"] ?? "", stuck);
  return swept;
};
