import { isIPv6 } from "node:net";
import { instantSchema } from "../core/api/ids.ts";
import type { SiteQueue } from "../core/api/queues.ts";
import type { Gateway } from "../core/api/site.ts";
import type { RunTask } from "../core/api/task.ts";
import packageJson from "../package.json" with { type: "json" };
import { startAgent } from "./agent/agent.ts";
import { repeat } from "./agent/repeat.ts";
import { createServeAttachment } from "./attach/attachments.ts";
import { SocketFolder } from "./attach/sockets.ts";
import { createReadingThreads, readingThreads } from "./attach/threads/reading-threads.ts";
import type { GatewayConfig } from "./config/config.ts";
import { keepCredentials, loadCredentials, validityOf } from "./credentials/credentials.ts";
import { createProve } from "./credentials/prove.ts";
import { keepRenewed } from "./enrolment/renew.ts";
import { tighten } from "./files/private.ts";
import type { Log } from "./log/log.ts";
import { QueueAccess } from "./queues/credentials.ts";
import { createSqsClient } from "./queues/sqs-client.ts";
import { createSqsReportQueue } from "./queues/sqs-report-queue.ts";
import { createSqsTaskSource } from "./queues/sqs-task-source.ts";
import { createAwaitReady } from "./readiness/await-ready.ts";
import { shareOf } from "./storage/config.ts";
import { KeptHashes } from "./storage/kept-hashes.ts";
import { openStorage } from "./storage/open.ts";
import type { GatewayIdentity } from "./tasks/context.ts";
import { performTask } from "./tasks/perform.ts";
import { createSendVolume } from "./tasks/send.ts";
import { HostClock } from "./time/host-clock.ts";
import type { Watch } from "./time/standstill.ts";
import { steadyTime, systemTime, type Time } from "./time/time.ts";
import { within } from "./time/within.ts";
import { createReceiver } from "./transfer/receiver.ts";
import { createThrottles } from "./transfer/throttles.ts";
import { createTransferWorkers } from "./transfer/workers.ts";
import { openTunnel } from "./tunnel/open.ts";
import { RefusedPeers } from "./tunnel/refused.ts";

/** Seconds that a peer's request may take to end when the gateway stops. */
const receiverStopSeconds = 2;
const tendEverySeconds = 60;
/** For what is closed when nobody works any more. */
const closeMs = 2_000;

export interface RunningGateway {
  /** `host:port` at which other gateways reach it. */
  readonly endpoint: string;
  /** Rejects when the gateway can't go on. Resolves after a stop. */
  readonly ended: Promise<void>;
  /** Lets go of all work and closes everything. Resolves within 10 s, whatever hangs. */
  stop(): Promise<void>;
}

const endpointOf = ({ advertise, listen }: GatewayConfig, port: number): string =>
  advertise ?? `${isIPv6(listen.host) ? `[${listen.host}]` : listen.host}:${port}`;

/** What the control plane is told of the clock, once something is known of it. */
const aheadOf = ({ aheadSeconds }: HostClock): Pick<Gateway, "clockAheadSeconds"> =>
  aheadSeconds === undefined ? {} : { clockAheadSeconds: aheadSeconds };

/** What has been opened, to be closed in the opposite order, also when the start fails half-way. */
class Opened {
  readonly #closers: (() => Promise<void> | void)[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  add(close: () => Promise<void> | void): void {
    this.#closers.unshift(close);
  }

  async close(): Promise<void> {
    for (const close of this.#closers.splice(0)) {
      try {
        await close();
      } catch (error) {
        this.#log.failed({ err: error }, "something could not be closed");
      }
    }
  }
}

/**
 * Starts all that a gateway is made of: storage, worker threads, the receiver that other sites'
 * gateways send to, the queues, and the agent that does the site's tasks.
 * @param watch hears when opening the storage, which may take long, gets on
 * @throws what opening the storage, reading the certificates and listening throw
 */
export const startGateway = async (config: GatewayConfig, log: Log, watch?: Watch): Promise<RunningGateway> => {
  const opened = new Opened(log);
  try {
    return await start(config, log, opened, watch);
  } catch (error) {
    await opened.close();
    throw error;
  }
};

const start = async (config: GatewayConfig, log: Log, opened: Opened, watch?: Watch): Promise<RunningGateway> => {
  const { siteId, concurrency, queues } = config;
  const credentials = await loadCredentials(config);
  const ownStorage = shareOf(config.storage, 1 + concurrency.workers + readingThreads);
  const onTightened = (count: number) =>
    log.warn({ count }, "what other users could read of this gateway's files is closed to them");
  const open = await tighten(config.tls.key);
  if (open > 0) onTightened(open);
  const onRecovered = (plans: readonly object[]) =>
    log.error({ plans }, "the cluster's ledger was lost: of these plans, groups could be made known again");
  const storage = await openStorage(ownStorage, { ...watch, onTightened, onRecovered });
  opened.add(() => storage.close());

  const sending = concurrency.transfers * concurrency.extentsInFlight;
  const workers = createTransferWorkers({
    storage: ownStorage,
    threads: concurrency.workers,
    // Several sites may send at once, each as much as we do.
    jobsMax: { sending, receiving: 2 * sending },
    log,
  });
  opened.add(() => workers.close());
  const readers = createReadingThreads({ storage: ownStorage, threads: readingThreads });
  opened.add(() => readers.close());
  await workers.start();

  const refused = new RefusedPeers(log);
  const tunnel = await openTunnel(config, { credentials, ...createReceiver({ storage, workers, log }), refused, log });
  // Nothing is left to wait for when this is called after a stop.
  opened.add(() => tunnel.stop(0));
  const stopping = new AbortController();
  opened.add(() => stopping.abort());
  const tending = repeat(
    {
      everySeconds: tendEverySeconds,
      first: "now",
      purpose: "tend the storage",
      time: systemTime,
      log,
      signal: stopping.signal,
    },
    async ({ signal, onMoved }) => {
      const call = { signal: AbortSignal.any([signal, stopping.signal]), onMoved };
      await storage.tend({ time: systemTime }, call).catch((error: unknown) => {
        if (!stopping.signal.aborted) throw error;
      });
    },
  );
  opened.add(() => {
    stopping.abort();
    return tending;
  });
  const keeper = keepCredentials(config, { current: credentials, tunnel, log });
  void keeper.follow(systemTime, stopping.signal);
  const clock = new HostClock({ time: systemTime, log });
  void clock.follow(stopping.signal);
  const { heard } = clock;
  const time: Time = { nowMs: clock.nowMs, sleep: systemTime.sleep };
  const { api } = config;
  if (api !== undefined) {
    const renewal = {
      config: { ...config, api },
      current: () => keeper.current,
      onRenewed: () => keeper.reload(),
      onRemoved: keeper.noteRemoved,
      // A list of the future: there is a better one to be had.
      isWanted: () => Date.parse(keeper.revocationsAt ?? "") > clock.nowMs(),
    };
    void keepRenewed({ ...renewal, time, heard, log, signal: stopping.signal });
  }

  const access =
    api !== undefined && queues.credentials === "api"
      ? new QueueAccess({
          api,
          current: () => keeper.current,
          onRemoved: keeper.noteRemoved,
          ...{ time, heard },
          signal: stopping.signal,
        })
      : undefined;
  const sqs = createSqsClient(process.env, access, heard);
  opened.add(() => sqs.destroy());
  const identity: GatewayIdentity = {
    id: config.gatewayId,
    siteId,
    endpoint: endpointOf(config, tunnel.port),
    tunnel: tunnel.kind,
    version: packageJson.version,
    storage: storage.kind,
  };
  const source = (queue: SiteQueue) => createSqsTaskSource({ client: sqs, prefix: queues.prefix, siteId, queue, log });
  const throttles = createThrottles(steadyTime);
  const sockets = new SocketFolder(config.attachDir);
  await sockets.reap();
  if (config.storage.kind === "smtx" && config.storage.hashesDir !== undefined) {
    await new KeptHashes(config.storage.hashesDir).tidy(Date.now());
  }
  const agent = startAgent({
    queues: (["tasks", "transfers"] as const).map((queue) => ({
      source: source(queue),
      concurrency: concurrency[queue],
      ...(queue === "transfers" && { siteOf: (task: RunTask) => task.target }),
    })),
    settings: {
      source: source("settings"),
      apply: throttles.apply,
      revoke: (list) => keeper.revoke(list),
      revocationsAt: () => keeper.revocationsAt,
    },
    reports: createSqsReportQueue({ client: sqs, prefix: queues.prefix, log, signal: stopping.signal }),
    perform: performTask,
    context: {
      storage,
      serve: createServeAttachment({ sockets, readers }),
      awaitReady: createAwaitReady(steadyTime),
      send: createSendVolume({ workers, tunnel, extentsInFlight: concurrency.extentsInFlight, throttles }),
      identity,
      now: () => instantSchema.parse(new Date(clock.nowMs()).toISOString()),
      prove: createProve({ current: () => keeper.current, log }),
    },
    refused,
    state: () => ({ certificate: validityOf(keeper.current), ...aheadOf(clock) }),
    time,
    log,
  });

  const end = async (): Promise<void> => {
    stopping.abort();
    await Promise.all([agent.stop(), tunnel.stop(receiverStopSeconds)]);
    if (!(await within(opened.close(), closeMs, systemTime))) log.warn({}, "not all could be closed in time");
  };
  let stopped: Promise<void> | undefined;
  return {
    endpoint: identity.endpoint,
    ended: Promise.race([agent.ended, keeper.removed, tunnel.ended]),
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
};
