import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SQSClient } from "@aws-sdk/client-sqs";
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { reportQueueName } from "../../../core/api/queues.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import type { SQSBatchResponse, SQSEvent } from "../../../functions/aws/lambda-events.ts";
import { deadLetterQueueName, ensureQueue, queueUrlOf, reportQueueDefinition } from "../../../functions/aws/queues.ts";
import type { KnownDifference, ServicesUnderTest } from "../../../functions/aws/testing.ts";
import { until } from "../../../test/patience.ts";
import { pollQueue } from "./poll-queue.ts";

const silent = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
const none: SQSBatchResponse = { batchItemFailures: [] };
const bodiesOf = (event: SQSEvent) => event.Records.map((record) => record.body);

/**
 * What the reports consumer is promised on SQS, or on what stands in for it. Takes a function that
 * starts that, and what that is known to do otherwise.
 */
export const pollQueueConformance = (
  name: string,
  start: () => Promise<ServicesUnderTest>,
  differences: readonly KnownDifference[] = [],
): void => {
  describe(`polling a queue for a function, ${name}`, () => {
    let services: ServicesUnderTest;
    let client: SQSClient;
    before(async () => {
      services = await start();
      client = createClients(services.env).sqs;
    });
    after(async () => {
      client.destroy();
      await services.stop();
    });

    let queues = 0;
    /** A queue whose messages come again at once, or after so many seconds. */
    const queueWith = async (bodies: readonly string[], visibilitySeconds = 0) => {
      const Attributes = { VisibilityTimeout: visibilitySeconds.toString() };
      const { QueueUrl = "" } = await client.send(
        new CreateQueueCommand({ QueueName: `queue-${++queues}`, Attributes }),
      );
      const MessageGroupId = "whose";
      const Entries = bodies.map((MessageBody, index) => ({ Id: index.toString(), MessageBody, MessageGroupId }));
      if (bodies.length > 0) await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      return QueueUrl;
    };
    const countLeft = async (QueueUrl: string) => {
      const AttributeNames = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] as const;
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...AttributeNames] }),
      );
      return AttributeNames.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
    };

    test("hands messages over as Lambda does, and deletes them when they succeeded", async () => {
      const queueUrl = await queueWith(["a", "b", "c"], 30);
      const abort = new AbortController();
      const events: SQSEvent[] = [];
      const handler = async (event: SQSEvent) => {
        events.push(event);
        if (events.flatMap(bodiesOf).length === 3) abort.abort();
        return none;
      };
      await pollQueue({ client, queueUrl, batchSize: 2, handler, signal: abort.signal, log: silent });
      assert(events.every((event) => event.Records.length <= 2));
      assert.deepEqual(events.flatMap(bodiesOf).toSorted(), ["a", "b", "c"]);
      const [record] = events.flatMap((event) => event.Records);
      assert.equal(record?.eventSource, "aws:sqs");
      assert.match(record?.eventSourceARN ?? "", /:queue-\d+$/);
      assert.equal(record?.attributes.ApproximateReceiveCount, "1");
      assert(Number(record?.attributes.SentTimestamp) > 0);
      const isForgetful = differences.includes("forgets the group of a message on a standard queue");
      assert.equal(record?.attributes.MessageGroupId, isForgetful ? undefined : "whose");
      assert.equal(await countLeft(queueUrl), 0);
    });

    test("leaves what the function names as failed on the queue, and only that", async () => {
      const queueUrl = await queueWith(["good", "bad"]);
      const abort = new AbortController();
      const seen: string[] = [];
      const counts: string[] = [];
      const handler = async (event: SQSEvent): Promise<SQSBatchResponse> => {
        seen.push(...bodiesOf(event));
        const bad = event.Records.filter((record) => record.body === "bad");
        counts.push(...bad.map((record) => record.attributes.ApproximateReceiveCount));
        if (counts.length === 3) abort.abort();
        return { batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) };
      };
      await pollQueue({ client, queueUrl, batchSize: 10, handler, signal: abort.signal, log: silent });
      assert.deepEqual(seen.toSorted(), ["bad", "bad", "bad", "good"]);
      assert.deepEqual(counts, ["1", "2", "3"]);
      assert.equal(await countLeft(queueUrl), 1);
    });

    test("takes a failure that names no message of the batch for a failure of all", async () => {
      const queueUrl = await queueWith(["a", "b"], 30);
      const abort = new AbortController();
      const handler = async (): Promise<SQSBatchResponse> => {
        abort.abort();
        return { batchItemFailures: [{ itemIdentifier: "" }] };
      };
      await pollQueue({ client, queueUrl, batchSize: 10, handler, signal: abort.signal, log: silent });
      assert.equal(await countLeft(queueUrl), 2);
    });

    test("gives a batch again when the function throws, waiting longer each time up to a bound", async () => {
      const queueUrl = await queueWith(["a"]);
      const abort = new AbortController();
      const waits: number[] = [];
      const warnings: string[] = [];
      await pollQueue({
        client,
        queueUrl,
        batchSize: 1,
        handler: async () => {
          if (waits.length < 8) throw new Error("the function is down");
          abort.abort();
          return none;
        },
        signal: abort.signal,
        log: { ...silent, failed: (_, message) => warnings.push(message) },
        sleep: async (milliseconds) => {
          waits.push(milliseconds);
        },
      });
      const full = [100, 200, 400, 800, 1600, 3200, 5000, 5000];
      assert(full.every((most, index) => (waits[index] ?? 0) >= most / 2 && (waits[index] ?? 0) <= most));
      assert.equal(warnings.length, 8);
      assert.equal(await countLeft(queueUrl), 0);
    });

    test("calls the function as often at once as it may, and no oftener", async () => {
      const queueUrl = await queueWith(["1", "2", "3", "4", "5", "6"], 30);
      const abort = new AbortController();
      const arrived = Promise.withResolvers<void>();
      let current = 0;
      let most = 0;
      let done = 0;
      const handler = async () => {
        most = Math.max(most, ++current);
        if (current === 3) arrived.resolve();
        await arrived.promise;
        current--;
        if (++done === 6) abort.abort();
        return none;
      };
      await pollQueue({ client, queueUrl, batchSize: 1, concurrency: 3, handler, signal: abort.signal, log: silent });
      assert.equal(most, 3);
      assert.equal(await countLeft(queueUrl), 0);
    });

    test("waits for nothing when it is told to end, and loses nothing: what its last receive took comes again", async () => {
      const queueUrl = await queueWith([], 1);
      const abort = new AbortController();
      const waiting = Promise.withResolvers<void>();
      const { sqs } = createClients(services.env);
      sqs.middlewareStack.add(
        (next) => async (request) => {
          waiting.resolve();
          return next(request);
        },
        { step: "finalizeRequest" },
      );
      const handled: string[] = [];
      const handler = async (event: SQSEvent) => {
        handled.push(...bodiesOf(event));
        return none;
      };
      const polling = pollQueue({ client: sqs, queueUrl, batchSize: 1, handler, signal: abort.signal, log: silent });
      await waiting.promise;
      abort.abort();
      await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: "late" }));
      await polling;
      assert.deepEqual(handled, []);
      await until("the message", async () => {
        const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl: queueUrl }));
        return Messages[0]?.Body === "late";
      });
      sqs.destroy();
    });

    test("puts what fails again and again among the dead letters, and takes in the rest", async () => {
      const definition = { ...reportQueueDefinition, visibilityTimeoutSeconds: 0 };
      const { url: queueUrl } = await ensureQueue(client, reportQueueName("polled"), definition);
      const Entries = ["bad", "good"].map((MessageBody) => ({ Id: MessageBody, MessageBody }));
      await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
      const abort = new AbortController();
      const seen: string[] = [];
      const handler = async (event: SQSEvent): Promise<SQSBatchResponse> => {
        seen.push(...bodiesOf(event));
        const bad = event.Records.filter((record) => record.body === "bad");
        return { batchItemFailures: bad.map(({ messageId }) => ({ itemIdentifier: messageId })) };
      };
      const polling = pollQueue({ client, queueUrl, batchSize: 10, handler, signal: abort.signal, log: silent });
      const deadUrl = await queueUrlOf(client, deadLetterQueueName(reportQueueName("polled")));
      const bodies: (string | undefined)[] = [];
      await until("a dead letter", async () => {
        const dead = new ReceiveMessageCommand({ QueueUrl: deadUrl, WaitTimeSeconds: 20 });
        const { Messages = [] } = await client.send(dead);
        bodies.push(...Messages.map(({ Body }) => Body));
        return bodies.length > 0;
      });
      abort.abort();
      await polling;
      assert.deepEqual(bodies, ["bad"]);
      assert.deepEqual(seen.toSorted(), [...Array(definition.maxReceiveCount).fill("bad"), "good"]);
    });
  });
};
