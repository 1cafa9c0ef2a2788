import { join } from "node:path";
import type { Environment } from "../../functions/aws/clients.ts";
import { systemClock } from "../../functions/environment.ts";
import type { Death } from "../../gateway/processes/keep-running.ts";
import type { Time } from "../../gateway/time/time.ts";
import { startDynamo } from "./emulators/dynamo.ts";
import type { Emulator } from "./emulators/emulator.ts";
import { startScheduler } from "./emulators/scheduler.ts";
import { startSqs } from "./emulators/sqs.ts";

type Service = "DYNAMODB" | "SQS" | "SCHEDULER";

/**
 * The services that a run needs, by environment variables as the SDK knows them, and how to end
 * those we started.
 */
export interface Endpoints {
  readonly env: Environment;
  /** The services that were started here. */
  readonly started: readonly Service[];
  /** Rejects when one that was started here has ended and can't be started again. */
  readonly lost: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Uses what `AWS_ENDPOINT_URL` and its kin name, and starts an emulator in `dir` for each service
 * that they don't.
 */
export const startEndpoints = async (options: {
  readonly dir: string;
  readonly env: Environment;
  /** Told when one that was started here has ended by itself and is started again. */
  readonly onDeath?: (death: Death) => void;
  readonly time?: Time;
  readonly signal: AbortSignal;
}): Promise<Endpoints> => {
  const { dir, env, ...watching } = options;
  const starts: Record<Service, () => Promise<Emulator>> = {
    DYNAMODB: () => startDynamo({ dir: join(dir, "dynamodb"), ...watching }),
    SQS: () => startSqs(),
    SCHEDULER: () => startScheduler({ dir: join(dir, "scheduler"), clock: systemClock }),
  };
  const emulators: Emulator[] = [];
  const started: Service[] = [];
  const stop = async () => {
    for (const emulator of emulators.toReversed()) await emulator.stop();
  };
  const found: Record<string, string> = {};
  try {
    for (const service of Object.keys(starts) as Service[]) {
      if (env["AWS_ENDPOINT_URL"] || env[`AWS_ENDPOINT_URL_${service}`]) continue;
      const emulator = await starts[service]();
      emulators.push(emulator);
      started.push(service);
      found[`AWS_ENDPOINT_URL_${service}`] = emulator.endpoint;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  // Of none at all it stays open.
  const lost = Promise.race(emulators.flatMap((emulator) => emulator.lost ?? []));
  lost.catch(() => undefined);
  return { env: { ...env, ...found }, started, lost, stop };
};
