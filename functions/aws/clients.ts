import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SQSClient } from "@aws-sdk/client-sqs";
import { STSClient } from "@aws-sdk/client-sts";
import { reachedAt } from "../../core/address/service-endpoint.ts";

/**
 * The variables that the clients look at: `process.env`, or what a local run made of its emulators.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a client of any service is made with. */
export interface ClientConfig {
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  readonly retryMode: "standard";
  readonly maxAttempts: number;
}

export interface Clients {
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly scheduler: SchedulerClient;
  /** Closes the connections of all three. */
  destroy(): void;
}

const credentialSources = [
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

/**
 * Credentials for an endpoint of our own: the given ones, the SDK's own search where something is
 * set, else dummies.
 */
const endpointCredentials = (env: Environment): Pick<ClientConfig, "credentials"> => {
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  const sessionToken = env["AWS_SESSION_TOKEN"];
  if (accessKeyId && secretAccessKey) {
    return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
  }
  if (credentialSources.some((name) => env[name])) return {};
  return { credentials: { accessKeyId: "local", secretAccessKey: "local" } };
};

type Service = "DYNAMODB" | "SQS" | "SCHEDULER" | "STS" | "LAMBDA" | "SECRETS_MANAGER";

const endpointNamed = (env: Environment, service: Service): string | undefined =>
  env[`AWS_ENDPOINT_URL_${service}`] || env["AWS_ENDPOINT_URL"] || undefined;

/**
 * What the client of one service is made with. Without an endpoint in the environment the SDK looks
 * for region and credentials as it always does; with one, the region is us-east-1 and the
 * credentials are dummies unless given.
 */
export const clientConfig = (env: Environment, service: Service): ClientConfig => {
  const named = endpointNamed(env, service);
  const endpoint = named && reachedAt(named).endpoint;
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"] || (endpoint === undefined ? undefined : "us-east-1");
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, ...endpointCredentials(env) }),
    retryMode: "standard",
    maxAttempts: 4,
  };
};

/**
 * Timeouts of one HTTP request; without `throwOnRequestTimeout` the SDK only warns, and
 * `requestTimeout` ends where the answer begins: `socketTimeout` is for one that comes in part and
 * goes on no more.
 */
export const requestTimeouts = (requestSeconds: number, endpoint?: string) => ({
  requestHandler: {
    ...(endpoint !== undefined && { httpAgent: reachedAt(endpoint).httpAgent }),
    connectionTimeout: 2_000,
    requestTimeout: requestSeconds * 1_000,
    throwOnRequestTimeout: true,
    socketTimeout: requestSeconds * 1_000,
  },
});

/** The same with the timeouts of its requests. */
export const clientOptions = (env: Environment, service: Service, requestSeconds: number) => ({
  ...clientConfig(env, service),
  ...requestTimeouts(requestSeconds, endpointNamed(env, service)),
});

/** For the API alone, which gives gateways their credentials. */
export const createStsClient = (env: Environment): STSClient => new STSClient(clientOptions(env, "STS", 5));

/** A long poll waits 20 s. */
export const createSqsClient = (env: Environment): SQSClient =>
  // With an endpoint in the environment the SDK would still call the host in the queue's URL.
  new SQSClient({ ...clientOptions(env, "SQS", 25), useQueueUrlAsEndpoint: false });

/** Makes the clients of the control plane. The timeouts fit functions, which live for seconds. */
export const createClients = (env: Environment): Clients => {
  const dynamodb = new DynamoDBClient(clientOptions(env, "DYNAMODB", 5));
  const sqs = createSqsClient(env);
  const scheduler = new SchedulerClient(clientOptions(env, "SCHEDULER", 5));
  const destroy = () => {
    for (const client of [dynamodb, sqs, scheduler]) client.destroy();
  };
  return { dynamodb, sqs, scheduler, destroy };
};
