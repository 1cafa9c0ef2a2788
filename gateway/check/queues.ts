import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayConfig } from "../config.ts";
import { loadCredentials } from "../credentials.ts";
import { QueueAccess } from "../queues/credentials.ts";
import { isMissingQueue } from "../queues/queueaddress.ts";
import { createSqsClient } from "../queues/sqsclient.ts";
import { systemTime } from "../time.ts";
import type { Check } from "./check.ts";

/** That the queues of the site are there, and may be asked for. The SDK notices a clock that is wrong by minutes. */
export const checkQueues: Check = async (config) => {
  const { prefix } = config.queues;
  const { siteId } = config;
  const client = createSqsClient(process.env, await accessOf(config));
  try {
    const names = [`${prefix}-tasks-${siteId}`, `${prefix}-transfers-${siteId}`, `${prefix}-settings-${siteId}`];
    names.push(`${prefix}-reports`);
    for (const name of names) {
      try {
        await client.send(new GetQueueUrlCommand({ QueueName: name }));
      } catch (cause) {
        throw isMissingQueue(cause) ? missing(name, siteId, cause) : unreachable(cause);
      }
    }
    const skewMinutes = Math.round(client.config.systemClockOffset / 60_000);
    if (skewMinutes !== 0) {
      throw new VisibleError("BAD_REQUEST", `This host's clock is wrong by ${Math.abs(skewMinutes)} minutes.`, {
        hint: "Let it follow a time server: certificates and signatures depend on it.",
      });
    }
    return `${names.length} queues ${prefix}-… are there`;
  } finally {
    client.destroy();
  }
};

const accessOf = async (config: GatewayConfig): Promise<QueueAccess | undefined> => {
  const { api, queues } = config;
  if (api === undefined || queues.credentials !== "api") return undefined;
  const credentials = await loadCredentials(config);
  const { signal } = new AbortController();
  const access = new QueueAccess({
    ...{ api, current: () => credentials, time: systemTime, signal },
    onRemoved: () => undefined,
  });
  // What the control plane says is clearer than what the SDK would make of it.
  await access.get();
  return access;
};

const missing = (name: string, siteId: string, cause: unknown): VisibleError =>
  new VisibleError("SITE_UNKNOWN", `There is no queue ${name}.`, {
    hint: `Register site ${siteId} at the control plane, or correct queues.prefix.`,
    cause,
  });

const unreachable = (cause: unknown): VisibleError =>
  new VisibleError("LINK_BROKEN", `The queues can't be reached: ${cause instanceof Error ? cause.message : cause}`, {
    hint: "See the network, the region (AWS_REGION) and the credentials; AWS_ENDPOINT_URL names an emulator.",
    cause,
  });
