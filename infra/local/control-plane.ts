import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { SiteId } from "../../core/api/ids.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import type { RetryPolicy } from "../../core/run/retry-policy.ts";
import { defaultRetryPolicy } from "../../core/run/retry-policy.ts";
import { createApp } from "../../functions/api/app.ts";
import type { ApiDeps } from "../../functions/api/env.ts";
import { type Clients, createClients, type Environment } from "../../functions/aws/clients.ts";
import {
  ensureQueue,
  type QueueDefinition,
  reportQueueDefinition,
  taskQueueDefinition,
} from "../../functions/aws/queues.ts";
import { ensureScheduleGroup } from "../../functions/aws/scheduler.ts";
import { ensureTables } from "../../functions/aws/table.ts";
import type { Authorities } from "../../functions/certificates/authorities.ts";
import { handleDeadLetters } from "../../functions/dead-letters.ts";
import { createDeps, type Names, systemClock } from "../../functions/environment.ts";
import { noGatewayAccess } from "../../functions/gateways/access.ts";
import { handlePlanInvocation } from "../../functions/plan.ts";
import type { Log } from "../../functions/ports/deps.ts";
import { handleReportBatch } from "../../functions/report-batch.ts";
import { handleSweep } from "../../functions/sweep.ts";
import { takeOver } from "../../functions/take-over/take-over.ts";
import { DueSoon } from "./runner/due-soon.ts";
import { invokeWhenDue } from "./runner/invoke-when-due.ts";
import { pollQueue } from "./runner/poll-queue.ts";
import { createTicker } from "./ticker/ticker.ts";

export const localNames: Names = {
  tableName: "smtx-backup",
  queuePrefix: "smtx-backup",
  scheduleGroup: "smtx-backup",
  planFunctionArn: "arn:aws:lambda:us-east-1:000000000000:function:smtx-backup-plan",
  scheduleRoleArn: "arn:aws:iam::000000000000:role/smtx-backup-schedule",
};

/**
 * The queue emulator forgets its messages when it ends, so runs on one machine look sooner for what
 * got no answer: when a sign of life, one every 15 s, has not come twice.
 */
export const localRetryPolicy: RetryPolicy = { ...defaultRetryPolicy, workingSeconds: 30, dispatchSeconds: 10 };

/**
 * No call is cut off here, and none is throttled. So it is as short as the tasks': emulators that
 * go on with a receive whose caller has ended hide from the next start what it took.
 */
const localReportQueue: QueueDefinition = {
  ...reportQueueDefinition,
  visibilityTimeoutSeconds: taskQueueDefinition.visibilityTimeoutSeconds,
};

const reportBatch = 10;
const reportConcurrency = 4;

/** The functions as one process runs them, over the services that `env` names. */
export interface ControlPlane {
  readonly deps: ApiDeps;
  /** Where the API listens, on loopback. */
  readonly url: string;
  /**
   * Fulfilled when everything has ended after the signal. Rejects when a part of it can't go on.
   */
  readonly ended: Promise<void>;
}

/**
 * Makes table, queues and schedule group where they are missing, and runs the functions as AWS
 * would: the API behind HTTP, the reports consumer behind its queue, the sweep when something is
 * due, the plan function by the schedules.
 */
export const startControlPlane = async (options: {
  readonly dir: string;
  readonly env: Environment;
  /** Made from `env` unless given; closed at the end. */
  readonly clients?: Clients;
  /** Those that get queues. */
  readonly sites: readonly SiteId[];
  /** Tried first; another one when it is taken. */
  readonly port: number;
  readonly authorities: Authorities;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<ControlPlane> => {
  const { dir, env, sites, port, authorities, log, signal } = options;
  const { clients = createClients(env) } = options;
  const made = createDeps(clients, localNames, log);
  const due = new DueSoon(systemClock);
  const unnamed: Omit<ApiDeps, "audiences"> = {
    ...made,
    store: due.watch(made.store),
    retryPolicy: localRetryPolicy,
    authorities,
    access: noGatewayAccess,
  };
  await ensureTables(clients.dynamodb, localNames.tableName);
  const { isNew, moved } = await takeOver(clients.dynamodb, localNames.tableName, systemClock);
  if (isNew) log.info({ moved }, "a table from before, if there was one, was taken apart");
  await ensureScheduleGroup(clients.scheduler, localNames.scheduleGroup);
  const reports = await ensureQueue(clients.sqs, reportQueueName(localNames.queuePrefix), localReportQueue);
  for (const site of sites) await unnamed.tasks.ensure(site);

  const api = await startApi(unnamed, port);
  const { deps } = api;
  const ticker = createTicker({
    client: clients.scheduler,
    groupName: localNames.scheduleGroup,
    dir,
    log,
    invoke: (_, input) => handlePlanInvocation(deps, JSON.parse(input)),
  });
  const loops = [
    ticker.run({ clock: systemClock, signal }),
    invokeWhenDue({
      ...{ store: deps.store, due, clock: systemClock, signal, log },
      handler: async () => (await handleSweep(deps)).due > 0,
    }),
    pollQueue({
      ...{ client: clients.sqs, queueUrl: reports.url, batchSize: reportBatch, signal, log },
      concurrency: reportConcurrency,
      handler: (event) => handleReportBatch(deps, event),
    }),
    pollQueue({
      ...{ client: clients.sqs, queueUrl: reports.deadLetterUrl, batchSize: reportBatch, signal, log },
      handler: (event) => handleDeadLetters(deps, event),
    }),
  ];
  const ended = Promise.all(loops)
    .then(() => undefined)
    .finally(async () => {
      await api.stop();
      clients.destroy();
    });
  // Whoever waits for it hears of it.
  ended.catch(() => undefined);
  return { deps, url: api.url, ended };
};

const startApi = async (unnamed: Omit<ApiDeps, "audiences">, port: number) => {
  const listen = async (chosen: number): Promise<Server> => {
    const server = createServer().listen(chosen, "127.0.0.1");
    await once(server, "listening");
    return server;
  };
  const server = await listen(port).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EADDRINUSE" && port !== 0) return listen(0);
    throw error;
  });
  const address = server.address();
  const chosen = typeof address === "object" && address !== null ? address.port : port;
  const audiences = ["127.0.0.1", "localhost"].map((name) => `${name}:${chosen}`);
  const deps: ApiDeps = { ...unnamed, audiences };
  server.on("request", getRequestListener(createApp(deps).fetch));
  return {
    deps,
    url: `http://127.0.0.1:${chosen}`,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
};
