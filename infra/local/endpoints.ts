import { join } from "node:path";
import type { Environment } from "../../functions/aws/clients.ts";
import { systemClock } from "../../functions/environment.ts";
import type { Death } from "../../gateway/processes/keep-running.ts";
import type { Time } from "../../gateway/time/time.ts";
import { startDynamo } from "./emulators/dynamo.ts";
import type { Emulator } from "./emulators/emulator.ts";
import { requireOwnNetwork, sharedHostVariable } from "./emulators/namespace.ts";
import { makeRunFolder } from "./emulators/run-folder.ts";
import { startScheduler } from "./emulators/scheduler.ts";
import type { EmulatorPlace } from "./emulators/socket.ts";
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
  /** Those of them that every user of the machine reaches. */
  readonly open: readonly Service[];
  /** Rejects when one that was started here has ended and can't be started again. */
  readonly lost: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Uses what `AWS_ENDPOINT_URL` and its kin name, and starts an emulator in `dir` for each service
 * that they don't.
 * @throws VisibleError HOST_SHARED where they can't be hidden from other users of the machine
 */
export const startEndpoints = async (options: {
  readonly dir: string;
  readonly env: Environment;
  /**
   * They listen on 127.0.0.1, where every user of the machine reaches them. Otherwise on sockets of
   * this user. `SMTX_BACKUP_SHARED_HOST=1` in `env` says it as well.
   */
  readonly sharedHost?: boolean;
  /** Told when one that was started here has ended by itself and is started again. */
  readonly onDeath?: (death: Death) => void;
  readonly time?: Time;
  readonly signal: AbortSignal;
}): Promise<Endpoints> => {
  const { dir, env, sharedHost = false, ...watching } = options;
  const starts: Record<Service, (place: EmulatorPlace) => Promise<Emulator>> = {
    DYNAMODB: (place) => startDynamo({ dir: join(dir, "dynamodb"), ...place, ...watching }),
    SQS: startSqs,
    SCHEDULER: (place) => startScheduler({ dir: join(dir, "scheduler"), clock: systemClock, ...place }),
  };
  const missing = (Object.keys(starts) as Service[]).filter(
    (service) => !env["AWS_ENDPOINT_URL"] && !env[`AWS_ENDPOINT_URL_${service}`],
  );
  const isShared = sharedHost || env[sharedHostVariable] === "1";
  if (!isShared && missing.includes("DYNAMODB")) await requireOwnNetwork();
  const run = isShared || missing.length === 0 ? undefined : await makeRunFolder(env);
  const emulators: Emulator[] = [];
  const started: Service[] = [];
  const stop = async () => {
    for (const emulator of emulators.toReversed()) await emulator.stop();
    await run?.remove();
  };
  const found: Record<string, string> = {};
  try {
    for (const service of missing) {
      const emulator = await starts[service](
        run === undefined ? {} : { socket: join(run.folder, service.toLowerCase()) },
      );
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
  return { env: { ...env, ...found }, started, open: isShared ? started : [], lost, stop };
};
