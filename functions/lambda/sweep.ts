import { handleSweep } from "../sweep.ts";
import { lambdaDeps } from "./runtime.ts";

const deps = lambdaDeps("sweep");

/** Once a minute → the sweep. */
export const handler = () => handleSweep(deps);
