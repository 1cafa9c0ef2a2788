import { SQSClient } from "@aws-sdk/client-sqs";
import { reachedAt } from "../../core/address/service-endpoint.ts";
import type { QueueAccess } from "./credentials.ts";

/** Longest wait of one poll: SQS's. The limit of the request is above it. */
export const pollSecondsMax = 20;
export const pollTimeoutMs = 27_000;
const requestTimeoutMs = 7_000;

type Environment = Readonly<Record<string, string | undefined>>;

const credentialVariables = [
  "AWS_ACCESS_KEY_ID",
  "AWS_PROFILE",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
];

const endpointNamed = (environment: Environment): string | undefined =>
  (environment["AWS_ENDPOINT_URL_SQS"] ?? environment["AWS_ENDPOINT_URL"]) || undefined;

/**
 * What an emulator needs and AWS must not get: a region and credentials, where an endpoint is set
 * and they are not.
 */
const emulatorDefaults = (environment: Environment): object => {
  if (endpointNamed(environment) === undefined) return {};
  const region = environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1";
  if (credentialVariables.some((name) => environment[name])) return { region };
  return { region, credentials: { accessKeyId: "local", secretAccessKey: "local" } };
};

const given = (access: QueueAccess) => ({
  region: async () => (await access.get()).region,
  credentials: async () => {
    const credentials = await access.get();
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    return { accessKeyId, secretAccessKey, sessionToken, expiration: access.expiresAtHere(credentials) };
  },
});

/** What an answer says of the time. */
const dateOf = (response: unknown): string | undefined => {
  if (typeof response !== "object" || response === null || !("headers" in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== "object" || headers === null || !("date" in headers)) return undefined;
  return typeof headers.date === "string" ? headers.date : undefined;
};

/** Is told the queues' time by each of their answers, also to what they refuse. */
const listening = (client: SQSClient, heard: (date: string | undefined) => void): SQSClient => {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      heard(dateOf(result.response));
      return result;
    },
    // Nearest to the wire: what comes later throws for a refusal.
    { step: "deserialize", priority: "low", name: "hearTheTime" },
  );
  return client;
};

/**
 * The client for a site's queues. It honours `AWS_ENDPOINT_URL_SQS` and `AWS_ENDPOINT_URL`, and
 * calls that endpoint whatever host a queue's URL names. Each request ends within 7 s but a poll,
 * which ends within 27 s, and so does an answer that comes in part and goes on no more.
 * @param access where credentials come from; the environment otherwise
 * @param heard is told the `Date` of each answer
 */
export const createSqsClient = (
  environment: Environment = process.env,
  access?: QueueAccess,
  heard: (date: string | undefined) => void = () => undefined,
): SQSClient => {
  const named = endpointNamed(environment);
  const { endpoint, httpAgent } = named === undefined ? {} : reachedAt(named);
  return listening(
    new SQSClient({
      ...(endpoint !== undefined && { endpoint }),
      ...(access === undefined ? emulatorDefaults(environment) : given(access)),
      useQueueUrlAsEndpoint: false,
      maxAttempts: 2,
      requestHandler: {
        ...(httpAgent !== undefined && { httpAgent }),
        connectionTimeout: 3_000,
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
        // The other limit ends where the answer begins. A connection that a
        // poll waits on is silent.
        socketTimeout: pollTimeoutMs,
      },
    }),
    heard,
  );
};
