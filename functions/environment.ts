import { ulid } from "ulid";
import { VisibleError } from "../core/api/errors.ts";
import type { Instant, PlanId } from "../core/api/ids.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Ids } from "../core/ports/ids.ts";
import { type Clients, createStsClient, type Environment } from "./aws/clients.ts";
import { createDynamodbStore } from "./aws/dynamodb-store.ts";
import { createGatewayAccess } from "./aws/gateway-access.ts";
import { createEventBridgeScheduler } from "./aws/scheduler.ts";
import { createSqsTaskQueue } from "./aws/sqs-task-queue.ts";
import { goOnWithFailover } from "./failover/go-on.ts";
import { type GatewayAccess, noGatewayAccess } from "./gateways/access.ts";
import type { Deps, Log } from "./ports/deps.ts";

/**
 * What a deployment calls its resources; the functions find them in these environment variables.
 */
export interface Names {
  readonly tableName: string;
  /** Before the names of the queues. */
  readonly queuePrefix: string;
  readonly scheduleGroup: string;
  readonly planFunctionArn: string;
  readonly scheduleRoleArn: string;
  readonly scheduleDeadLetterArn?: string;
}

/** @throws VisibleError BAD_REQUEST naming the variable that is missing */
export const needVariable = (env: Environment, name: string): string => {
  const value = env[name];
  if (value) return value;
  throw new VisibleError("BAD_REQUEST", `The environment variable ${name} is not set.`, {
    hint: "The deployment sets it; see infra/aws.",
  });
};

/** @throws VisibleError BAD_REQUEST naming the variable that is missing */
export const namesFrom = (env: Environment): Names => {
  const need = (name: string): string => needVariable(env, name);
  const deadLetterArn = env["SCHEDULE_DEAD_LETTER_ARN"];
  return {
    tableName: need("TABLE_NAME"),
    queuePrefix: need("QUEUE_PREFIX"),
    scheduleGroup: need("SCHEDULE_GROUP"),
    planFunctionArn: need("PLAN_FUNCTION_ARN"),
    scheduleRoleArn: need("SCHEDULE_ROLE_ARN"),
    ...(deadLetterArn ? { scheduleDeadLetterArn: deadLetterArn } : {}),
  };
};

/**
 * What gives gateways their credentials, by GATEWAY_ROLE_ARN. Without it they find
 * some where they are.
 * @throws VisibleError BAD_REQUEST naming the variable that is missing
 */
export const gatewayAccessFrom = (env: Environment): GatewayAccess => {
  const roleArn = env["GATEWAY_ROLE_ARN"];
  if (!roleArn) return noGatewayAccess;
  const need = (name: string): string => needVariable(env, name);
  return createGatewayAccess({
    client: createStsClient(env),
    roleArn,
    region: need("AWS_REGION"),
    prefix: need("QUEUE_PREFIX"),
  });
};

/**
 * The hosts that gateways' proofs may be made for: those of the API's public URLs, which API_URLS
 * names with spaces in between.
 * @throws VisibleError BAD_REQUEST
 */
export const audiencesFrom = (env: Environment): readonly string[] =>
  needVariable(env, "API_URLS")
    .trim()
    .split(/\s+/)
    .map((url) => {
      const { protocol, host } = URL.parse(url) ?? {};
      if (host && /^https?:$/.test(protocol ?? "")) return host;
      throw new VisibleError(
        "BAD_REQUEST",
        `The environment variable API_URLS names “${url}”, which is no URL of an API.`,
        {
          hint: "Write https://HOST for each name of the API, with spaces in between.",
        },
      );
    });

/**
 * By what the senders of reports are known. Emulators don't tell them apart; on AWS it must be set.
 * @throws VisibleError BAD_REQUEST
 */
export const gatewayRoleIdFrom = (env: Environment): string | undefined => {
  if (env["GATEWAY_ROLE_ID"]) return env["GATEWAY_ROLE_ID"];
  return env["AWS_ENDPOINT_URL"] || env["AWS_ENDPOINT_URL_SQS"] ? undefined : needVariable(env, "GATEWAY_ROLE_ID");
};

export const systemClock: Clock = { now: () => new Date().toISOString() as Instant };

export const systemIds: Ids = { planId: () => `plan_${ulid()}` as PlanId, fraction: () => Math.random() };

/** The adapters of core's ports on AWS, or on whatever the clients' endpoints stand for. */
export const createDeps = (clients: Clients, names: Names, log: Log): Deps => ({
  goOnWithFailover,
  store: createDynamodbStore({ client: clients.dynamodb, tableName: names.tableName }),
  tasks: createSqsTaskQueue({ client: clients.sqs, prefix: names.queuePrefix }),
  scheduler: createEventBridgeScheduler({
    client: clients.scheduler,
    groupName: names.scheduleGroup,
    targetArn: names.planFunctionArn,
    roleArn: names.scheduleRoleArn,
    ...(names.scheduleDeadLetterArn === undefined ? {} : { deadLetterArn: names.scheduleDeadLetterArn }),
  }),
  clock: systemClock,
  ids: systemIds,
  log,
});
