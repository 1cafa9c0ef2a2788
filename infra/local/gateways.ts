import { open } from "node:fs/promises";
import { dirname, extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Environment } from "../../functions/aws/clients.ts";
import { writeFileSafely } from "../../gateway/files/files.ts";
import { makeFolder } from "../../gateway/files/folder.ts";
import { privateFile } from "../../gateway/files/private.ts";
import { type Death, keepRunning } from "../../gateway/processes/keep-running.ts";
import { type OwnedProcess, startOwned } from "../../gateway/processes/owned-process.ts";
import type { Time } from "../../gateway/time/time.ts";

/** A gateway process: where its configuration is, and where its log and its process id go. */
export interface GatewayProcess {
  readonly id: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly pidFile: string;
}

const script = fileURLToPath(new URL(`./gateway-process${extname(import.meta.url)}`, import.meta.url));

/** Of glibc: threads that come and go leave less behind with few arenas. */
const quietAllocator = { MALLOC_ARENA_MAX: "2" };

/** A gateway lets go of its work and closes everything within 10 s. */
const stopMs = 12_000;

/**
 * Keeps a gateway running until the signal, and ends it then. It ends with this process, however
 * this process ends.
 * @param options.mayStart asked before each start: one that an administrator has removed is not
 *   started again
 * @throws VisibleError PROCESS_LOST when it keeps ending
 */
export const superviseGateway = (options: {
  readonly gateway: GatewayProcess;
  readonly env: Environment;
  readonly mayStart?: () => Promise<boolean>;
  readonly onDeath: (death: Death) => void;
  readonly time: Time;
  readonly signal: AbortSignal;
}): Promise<void> => {
  const { gateway, env, mayStart = async () => true, ...rest } = options;
  return keepRunning({
    ...rest,
    what: `the gateway ${gateway.id}`,
    start: async () => ((await mayStart()) ? startGateway(gateway, env) : undefined),
    hint: `Its log has what happened: ${gateway.logFile}`,
  });
};

const startGateway = async (gateway: GatewayProcess, env: Environment): Promise<OwnedProcess> => {
  await makeFolder(dirname(gateway.logFile));
  const output = await open(gateway.logFile, "a", privateFile);
  try {
    const process_ = startOwned({
      command: process.execPath,
      parameters: [script, gateway.configFile],
      env: { ...quietAllocator, ...env } as NodeJS.ProcessEnv,
      // It ends in order when its input does.
      endsBy: "input",
      output: output.fd,
      stopMs,
    });
    if (process_.pid !== undefined) await writeFileSafely(gateway.pidFile, `${process_.pid}\n`);
    return process_;
  } finally {
    await output.close();
  }
};
