import { instantSchema } from "../../core/api/ids.ts";
import type { Report } from "../../core/api/report.ts";
import type { RunTask, TaskResult } from "../../core/api/task.ts";
import { startWork } from "../../gateway/agent/work.ts";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import { keepCredentials, loadCredentials } from "../../gateway/credentials/credentials.ts";
import { createLog } from "../../gateway/log/log.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import type { GatewayIdentity } from "../../gateway/tasks/context.ts";
import { performTask } from "../../gateway/tasks/perform.ts";
import { createSendVolume } from "../../gateway/tasks/send.ts";
import { servesNothing } from "../../gateway/tasks/serves-nothing.ts";
import { systemTime, type Time } from "../../gateway/time/time.ts";
import { createReceiver } from "../../gateway/transfer/receiver.ts";
import { createThrottles } from "../../gateway/transfer/throttles.ts";
import { createTransferWorkers } from "../../gateway/transfer/workers.ts";
import { openTunnel } from "../../gateway/tunnel/open.ts";
import { RefusedPeers } from "../../gateway/tunnel/refused.ts";

export interface ComposedGateway {
  /** `host:port` */
  readonly endpoint: string;
  readonly storage: StorageDriver;
  readonly identity: GatewayIdentity;
  perform(task: RunTask): Promise<TaskResult>;
  /** Does it as the agent does. @returns what it reports on the way and at the end */
  work(task: RunTask): Promise<readonly Report[]>;
  close(): Promise<void>;
}

export interface ComposeOptions {
  /**
   * How often it looks for renewed certificates, where a test can't wait for as
   * long as a gateway does.
   */
  readonly certificatesEveryMs?: number;
}

/** A gateway as gateway/gateway.ts composes it, without its agent and its queues. */
export const composeGateway = async (
  config: GatewayConfig,
  { certificatesEveryMs }: ComposeOptions = {},
): Promise<ComposedGateway> => {
  const { siteId, gatewayId, concurrency } = config;
  const log = createLog({ gatewayId, siteId, level: config.logLevel });
  const credentials = await loadCredentials(config);
  const storage = await openStorage(config.storage);
  const sending = concurrency.transfers * concurrency.extentsInFlight;
  const jobsMax = { sending, receiving: 2 * sending };
  const workers = createTransferWorkers({ storage: config.storage, threads: concurrency.workers, jobsMax, log });
  await workers.start();
  const receiver = createReceiver({ storage, workers, log });
  const tunnel = await openTunnel(config, { credentials, ...receiver, refused: new RefusedPeers(log), log });
  const endpoint = `${config.listen.host}:${tunnel.port}`;
  const { extentsInFlight } = concurrency;
  const throttles = createThrottles(systemTime);
  const send = createSendVolume({ workers, tunnel, extentsInFlight, throttles });
  const stopping = new AbortController();
  const { signal } = stopping;
  const keeper = keepCredentials(config, { current: credentials, tunnel, log });
  const time: Time = { ...systemTime, sleep: (ms, until) => systemTime.sleep(certificatesEveryMs ?? ms, until) };
  void keeper.follow(time, signal);
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
  const context = { ...servesNothing, storage, send, identity, now };
  return {
    endpoint,
    storage,
    identity,
    perform: (task) =>
      performTask(task, { ...context, log, signal, onMoved: ignore, onProgress: ignore, onAcknowledged: ignore }),
    work: async (task) => {
      const sent: Report[] = [];
      const reports = { send: async (report: Report) => void sent.push(report) };
      const lease = { messageId: task.id, redelivered: ignore, end: async () => undefined };
      await startWork({ perform: performTask, context, reports, time: systemTime, log }, task, lease).ended;
      return sent;
    },
    close: async () => {
      stopping.abort();
      await tunnel.stop(1);
      await workers.close();
      await storage.close();
    },
  };
};
