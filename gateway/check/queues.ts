import { GetQueueUrlCommand } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import type { GatewayConfig } from "../config/config.ts";
import { loadCredentials } from "../credentials/credentials.ts";
import { QueueAccess } from "../queues/credentials.ts";
import { isMissingQueue } from "../queues/queue-address.ts";
import { createSqsClient } from "../queues/sqs-client.ts";
import { HostClock } from "../time/host-clock.ts";
import { systemTime } from "../time/time.ts";
import type { Check } from "./check.ts";
import { assertRight, silent } from "./clock.ts";

/**
 * That the queues of the site are there, and may be asked for; and that they have the same time.
 */
export const checkQueues: Check = async (config) => {
  const { prefix } = config.queues;
  const { siteId } = config;
  const clock = new HostClock({ time: systemTime, log: silent });
  const client = createSqsClient(process.env, await accessOf(config), clock.heard);
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
    assertRight(clock);
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
