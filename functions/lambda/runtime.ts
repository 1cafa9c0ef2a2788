import { createClients } from "../aws/clients.ts";
import { createDeps, namesFrom } from "../environment.ts";
import { createLog } from "../monitoring/log.ts";
import type { Deps } from "../ports/deps.ts";

/** The adapters of a function on Lambda: made once for each process, from its environment. */
export const lambdaDeps = (name: string): Deps =>
  createDeps(createClients(process.env), namesFrom(process.env), createLog({ function: name }));
