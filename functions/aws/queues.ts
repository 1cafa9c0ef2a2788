import assert from "node:assert/strict";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import type { SiteId } from "../../core/api/ids.ts";
import { messageBytesMax } from "../../core/api/message.ts";
import { siteQueueName, siteQueues } from "../../core/api/queues.ts";

/**
 * A queue and, with the same retention and size, its dead-letter queue. Used here
 * and by the deployment.
 */
export interface QueueDefinition {
  /** How long a received message stays hidden unless its receiver asks for longer. */
  readonly visibilityTimeoutSeconds: number;
  readonly retentionSeconds: number;
  /**
   * The largest message that it takes. Where a deployment does not say, Pulumi makes it 256 KiB.
   */
  readonly messageBytesMax: number;
  /** After so many receives a message goes to the dead-letter queue. */
  readonly maxReceiveCount: number;
}

const retentionSeconds = 14 * 24 * 60 * 60;

/**
 * Those of a site (core/api/queues.ts). A gateway renews what it works on every 5 s, so another has
 * a dead one's task within 20 s (W20). A task must outlive a gateway that dies over it again and
 * again; the run's own bound on tries ends it.
 */
export const taskQueueDefinition: QueueDefinition = {
  visibilityTimeoutSeconds: 15,
  retentionSeconds,
  messageBytesMax,
  maxReceiveCount: 1000,
};

/**
 * One for all. Visibility is six times the function's timeout of 10 s, as Lambda asks for. A
 * receive whose call was throttled counts as one that failed, and there is one a visibility: so 30
 * are half an hour without executions to be had, of which an alarm tells after a quarter. What
 * really fails is a dead letter half an hour later than its first try, which nobody waits for:
 * deadlines send the task again.
 */
export const reportQueueDefinition: QueueDefinition = {
  visibilityTimeoutSeconds: 60,
  retentionSeconds,
  messageBytesMax,
  maxReceiveCount: 30,
};

/** With an underscore, which no name of a site has: `a-dead` is a site like any other. */
export const deadLetterQueueName = (queueName: string): string => `${queueName}_dead`;

/**
 * The definition as attributes of SQS. A dead-letter queue is one without a
 * dead-letter queue of its own.
 */
export const queueAttributes = (definition: QueueDefinition, deadLetterArn?: string): Record<string, string> => {
  const { maxReceiveCount } = definition;
  const redrive = { deadLetterTargetArn: deadLetterArn, maxReceiveCount };
  return {
    VisibilityTimeout: definition.visibilityTimeoutSeconds.toString(),
    MessageRetentionPeriod: definition.retentionSeconds.toString(),
    MaximumMessageSize: definition.messageBytesMax.toString(),
    ...(deadLetterArn === undefined ? {} : { RedrivePolicy: JSON.stringify(redrive) }),
  };
};

/** The URL of a queue; SQS's QueueDoesNotExist when there is none. */
export const queueUrlOf = async (client: SQSClient, name: string): Promise<string> => {
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: name }));
  assert(QueueUrl !== undefined, `SQS gave no URL for ${name}`);
  return QueueUrl;
};

/** SQS's older protocol and its emulators give error names of their own, with a prefix. */
const isNamed = (error: unknown, names: RegExp): boolean => error instanceof Error && names.test(error.name);
const isQueueNameTaken = (error: unknown) => isNamed(error, /(?:^|\.)(?:QueueNameExists|QueueAlreadyExists)$/);
/** Whether SQS said that there is no such queue. */
export const isQueueAbsent = (error: unknown) => isNamed(error, /(?:^|\.)(?:QueueDoesNotExist|NonExistentQueue)$/);

/** A queue that is there with other attributes is given these. */
const put = async (client: SQSClient, name: string, attributes: Record<string, string>): Promise<string> => {
  assert(name.length <= 80, `the queue name ${name} is longer than SQS's 80 characters`);
  try {
    const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    assert(QueueUrl !== undefined, `SQS gave no URL for ${name}`);
    return QueueUrl;
  } catch (error) {
    if (!isQueueNameTaken(error)) throw error;
    const url = await queueUrlOf(client, name);
    await client.send(new SetQueueAttributesCommand({ QueueUrl: url, Attributes: attributes }));
    return url;
  }
};

const arnOf = async (client: SQSClient, url: string): Promise<string> => {
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["QueueArn"] }),
  );
  const arn = Attributes?.QueueArn;
  assert(arn !== undefined, `SQS gave no ARN for ${url}`);
  return arn;
};

/**
 * Makes the queue and its dead-letter queue, or brings them in line with the definition. Takes a
 * queue's name, gives its URL and ARN, and the URL of its dead letters.
 */
export const ensureQueue = async (
  client: SQSClient,
  name: string,
  definition: QueueDefinition,
): Promise<{ readonly url: string; readonly arn: string; readonly deadLetterUrl: string }> => {
  const deadLetterUrl = await put(client, deadLetterQueueName(name), queueAttributes(definition));
  const url = await put(client, name, queueAttributes(definition, await arnOf(client, deadLetterUrl)));
  return { url, arn: await arnOf(client, url), deadLetterUrl };
};

/**
 * Makes the queues of a site, or brings them in line with their definition.
 * Gives their URLs by name.
 */
export const ensureSiteQueues = async (
  client: SQSClient,
  prefix: string,
  siteId: SiteId,
): Promise<ReadonlyMap<string, string>> => {
  const urls = new Map<string, string>();
  for (const queue of siteQueues) {
    const name = siteQueueName(prefix, siteId, queue);
    urls.set(name, (await ensureQueue(client, name, taskQueueDefinition)).url);
  }
  return urls;
};
