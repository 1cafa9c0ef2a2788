import { instantSchema } from "../../core/api/ids.ts";
import type { RunTask, TaskResult } from "../../core/api/task.ts";
import type { GatewayConfig } from "../../gateway/config.ts";
import { loadCredentials } from "../../gateway/credentials.ts";
import { createLog } from "../../gateway/log.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import type { GatewayIdentity } from "../../gateway/tasks/context.ts";
import { performTask } from "../../gateway/tasks/perform.ts";
import { createSendVolume } from "../../gateway/tasks/send.ts";
import { systemTime } from "../../gateway/time.ts";
import { createReceiver } from "../../gateway/transfer/receiver.ts";
import { createThrottles } from "../../gateway/transfer/throttles.ts";
import { createTransferWorkers } from "../../gateway/transfer/workers.ts";
import { openTunnel } from "../../gateway/tunnel/open.ts";

export interface ComposedGateway {
  /** `host:port` */
  readonly endpoint: string;
  readonly storage: StorageDriver;
  perform(task: RunTask): Promise<TaskResult>;
  close(): Promise<void>;
}

/** A gateway as gateway/gateway.ts composes it, without its agent and its queues. */
export const composeGateway = async (config: GatewayConfig): Promise<ComposedGateway> => {
  const { siteId, gatewayId, concurrency } = config;
  const log = createLog({ gatewayId, siteId, level: config.logLevel });
  const credentials = await loadCredentials(config);
  const storage = await openStorage(config.storage);
  const sending = concurrency.transfers * concurrency.extentsInFlight;
  const jobsMax = { sending, receiving: 2 * sending };
  const workers = createTransferWorkers({ storage: config.storage, threads: concurrency.workers, jobsMax, log });
  await workers.start();
  const handler = createReceiver({ storage, workers, log });
  const tunnel = await openTunnel(config, { credentials, handler, log });
  const endpoint = `${config.listen.host}:${tunnel.port}`;
  const { extentsInFlight } = concurrency;
  const throttles = createThrottles(systemTime);
  const sender = { storage, workers, tunnel, extentsInFlight, throttles };
  const send = createSendVolume(sender);
  const { signal } = new AbortController();
  const ignore = () => undefined;
  const identity: GatewayIdentity = {
    id: gatewayId,
    siteId,
    endpoint,
    tunnel: tunnel.kind,
    version: "0.0.0",
    storage: storage.kind,
  };
  const now = () => instantSchema.parse(new Date().toISOString());
  return {
    endpoint,
    storage,
    perform: (task) =>
      performTask(task, { storage, send, identity, now, log, signal, onProgress: ignore, onAcknowledged: ignore }),
    close: async () => {
      await tunnel.stop(1);
      await workers.close();
      await storage.close();
    },
  };
};
