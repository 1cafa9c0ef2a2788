import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import { messageBytesMax, messageFormat } from "../../core/api/message.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import type { Task } from "../../core/api/task.ts";
import type { Clients } from "./clients.ts";
import { createClients } from "./clients.ts";
import { ensureQueue, queueUrlOf, reportQueueDefinition } from "./queues.ts";
import { createSqsTaskQueue } from "./sqs-task-queue.ts";
import type { KnownDifference, ServicesUnderTest } from "./testing.ts";
import { usualTries } from "./tries.ts";

const issuedAt = "2026-11-24T12:00:00.000Z" as Instant;
const taskOf = (siteId: SiteId, id: string): Task => ({ kind: "inventory", id, siteId, issuedAt });
const noPause = { ...usualTries, triesMax: 2, time: { sleep: async () => undefined } };

/**
 * What the adapter of the task queues promises on SQS, or on what stands in for it. Takes a
 * function that starts that, and what that is known to do otherwise.
 */
export const taskQueueConformance = (
  name: string,
  start: () => Promise<ServicesUnderTest>,
  differences: readonly KnownDifference[] = [],
): void => {
  describe(`the task queues in SQS, ${name}`, () => {
    let services: ServicesUnderTest;
    let clients: Clients;
    before(async () => {
      services = await start();
      clients = createClients(services.env);
    });
    after(async () => {
      clients.destroy();
      await services.stop();
    });

    /** Everything on a queue that can be received. */
    const receiveAll = async (queueName: string) => {
      const url = await queueUrlOf(clients.sqs, queueName);
      const bodies: string[] = [];
      for (;;) {
        const command = new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
        const { Messages = [] } = await clients.sqs.send(command);
        if (Messages.length === 0) return bodies;
        bodies.push(...Messages.flatMap(({ Body }) => Body ?? []));
      }
    };

    /** A client that changes what a batch's answer says, and counts the batches. */
    const tampered = (change: (output: { Failed?: unknown[] }, ids: string[]) => void) => {
      const { sqs } = createClients(services.env);
      const batches: string[][] = [];
      const groups: string[] = [];
      sqs.middlewareStack.add(
        (next, context) => async (request) => {
          const result = await next(request);
          if (context.commandName !== SendMessageBatchCommand.name) return result;
          const { Entries = [] } = request.input as {
            Entries?: { Id: string; MessageBody: string; MessageGroupId: string }[];
          };
          groups.push(...Entries.map((entry) => entry.MessageGroupId));
          batches.push(Entries.map((entry) => entry.MessageBody));
          change(
            result.output as { Failed?: unknown[] },
            Entries.map((entry) => entry.Id),
          );
          return result;
        },
        { step: "initialize" },
      );
      return { sqs, batches, groups };
    };

    test("are made once, with visibility, retention, the size of a message and a dead-letter queue", async () => {
      const siteId = "made" as SiteId;
      const queue = createSqsTaskQueue({ client: clients.sqs, prefix: "test" });
      await queue.ensure(siteId);
      await queue.ensure(siteId);
      const url = await queueUrlOf(clients.sqs, "test-tasks-made");
      const read = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ["All"] });
      const { Attributes } = await clients.sqs.send(read);
      assert.equal(Attributes?.VisibilityTimeout, "15");
      assert.equal(Attributes?.MessageRetentionPeriod, "1209600");
      assert.equal(Attributes?.MaximumMessageSize, messageBytesMax.toString());
      const redrive = JSON.parse(Attributes?.RedrivePolicy ?? "{}");
      assert.match(redrive.deadLetterTargetArn, /:test-tasks-made_dead$/);
      assert.equal(Number(redrive.maxReceiveCount), 1000);
    });

    test("are brought in line with their definition when they differ", async () => {
      const name = reportQueueName("differs");
      const { url, deadLetterUrl } = await ensureQueue(clients.sqs, name, reportQueueDefinition);
      const urls = [url, deadLetterUrl];
      // What a deployment that says no size makes of it.
      const Attributes = { VisibilityTimeout: "3", MaximumMessageSize: "262144" };
      for (const QueueUrl of urls) await clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
      const again = await ensureQueue(clients.sqs, name, reportQueueDefinition);
      assert.equal(again.url, url);
      assert.match(again.arn, /:differs-reports$/);
      for (const QueueUrl of urls) {
        const read = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] });
        const { VisibilityTimeout, MaximumMessageSize } = (await clients.sqs.send(read)).Attributes ?? {};
        assert.deepEqual([VisibilityTimeout, MaximumMessageSize], ["60", messageBytesMax.toString()]);
      }
    });

    test("take any number of tasks in batches, and every character that a name can hold", async () => {
      const siteId = "many" as SiteId;
      const queue = createSqsTaskQueue({ client: clients.sqs, prefix: "test" });
      await queue.ensure(siteId);
      const tasks = Array.from({ length: 23 }, (_, n) => taskOf(siteId, `${n} 虚拟机 💾 \u0001 \uFFFE \uD800 \uFFFF`));
      await queue.send(
        siteId,
        tasks.map((task) => ({ task })),
      );
      const received = (await receiveAll("test-tasks-many")).map((body): Task => JSON.parse(body));
      const byId = (a: Task, b: Task) => Number.parseInt(a.id, 10) - Number.parseInt(b.id, 10);
      const sent = tasks.map((task) => ({ format: messageFormat, ...task }));
      assert.deepEqual(received.toSorted(byId), sent);
      await queue.send(siteId, []);
    });

    test("have transfers in a queue of their own, so that nothing short waits behind them", async () => {
      const siteId = "apart" as SiteId;
      const queue = createSqsTaskQueue({ client: clients.sqs, prefix: "test" });
      await queue.ensure(siteId);
      const transfer = { ...taskOf(siteId, "long"), kind: "transfer" } as unknown as Task;
      await queue.send(siteId, [{ task: transfer }, { task: taskOf(siteId, "short") }]);
      const idsIn = async (name: string) => (await receiveAll(name)).map((body) => JSON.parse(body).id);
      assert.deepEqual(await idsIn("test-transfers-apart"), ["long"]);
      assert.deepEqual(await idsIn("test-tasks-apart"), ["short"]);
    });

    const isForgetful = differences.includes("forgets the group of a message on a standard queue");
    const groups = "have each run's tasks in a group of its own, so that runs share a site fairly";
    test(isForgetful ? `${groups}: forgotten here, other than on AWS` : groups, async () => {
      const siteId = "shared" as SiteId;
      const { sqs, groups: asked } = tampered(() => undefined);
      const queue = createSqsTaskQueue({ client: sqs, prefix: "test" });
      await queue.ensure(siteId);
      const ofRun = (runId: string) => ({
        task: { ...taskOf(siteId, runId), kind: "snapshot", runId } as unknown as Task,
      });
      await queue.send(siteId, [ofRun("run_1"), ofRun("run_2"), { task: taskOf(siteId, "inventory") }]);
      sqs.destroy();
      assert.deepEqual(asked, ["run_1", "run_2", "inventory"]);
      const QueueUrl = await queueUrlOf(clients.sqs, "test-tasks-shared");
      const { Messages = [] } = await clients.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ["All"] }),
      );
      const seen = Messages.map(({ Body, Attributes }) => [JSON.parse(Body ?? "").id, Attributes?.MessageGroupId]);
      const sent = ["inventory", "run_1", "run_2"].map((id) => [id, isForgetful ? undefined : id]);
      assert.deepEqual(seen.toSorted(), sent);
    });

    test("take a message of the largest size, and none that is larger", async () => {
      const { url: QueueUrl } = await ensureQueue(clients.sqs, reportQueueName("largest"), reportQueueDefinition);
      const send = (bytes: number) =>
        clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "x".repeat(bytes) }));
      await send(messageBytesMax);
      const [body] = await receiveAll(reportQueueName("largest"));
      assert.equal(body?.length, messageBytesMax);
      await assert.rejects(send(messageBytesMax + 1));
    });

    test("hold a delayed task back", async () => {
      const siteId = "later" as SiteId;
      const queue = createSqsTaskQueue({ client: clients.sqs, prefix: "test" });
      await queue.ensure(siteId);
      await queue.send(siteId, [
        { task: taskOf(siteId, "later"), delaySeconds: 600.2 },
        { task: taskOf(siteId, "now") },
      ]);
      const received = (await receiveAll("test-tasks-later")).map((body) => JSON.parse(body).id);
      assert.deepEqual(received, ["now"]);
      await assert.rejects(queue.send(siteId, [{ task: taskOf(siteId, "x"), delaySeconds: 901 }]), /901 s, out of 0/);
    });

    test("get batches of 1 MiB at most, and no task larger than that", async () => {
      const siteId = "large" as SiteId;
      const { sqs, batches } = tampered(() => undefined);
      const queue = createSqsTaskQueue({ client: sqs, prefix: "test" });
      await queue.ensure(siteId);
      const large = (size: number) => ({ task: taskOf(siteId, "x".repeat(size)) });
      await queue.send(siteId, [large(400_000), large(400_000), large(400_000), large(10)]);
      const counts = batches.map((batch) => batch.length);
      assert.deepEqual(counts, [2, 2]);
      await assert.rejects(queue.send(siteId, [large(messageBytesMax)]), { code: "MESSAGE_TOO_LARGE" });
      sqs.destroy();
    });

    test("get only what they did not take again, once", async () => {
      const siteId = "partly" as SiteId;
      let answers = 0;
      const { sqs, batches } = tampered((output) => {
        if (answers++ === 0) output.Failed = [{ Id: "1", SenderFault: false, Code: "InternalError" }];
      });
      const queue = createSqsTaskQueue({ client: sqs, prefix: "test", tries: noPause });
      await queue.ensure(siteId);
      await queue.send(
        siteId,
        ["a", "b", "c"].map((id) => ({ task: taskOf(siteId, id) })),
      );
      const ids = batches.map((batch) => batch.map((body) => JSON.parse(body).id));
      assert.deepEqual(ids, [["a", "b", "c"], ["b"]]);
      sqs.destroy();
    });

    test("make the sender throw when they refuse a task twice", async () => {
      const siteId = "never" as SiteId;
      const { sqs, batches } = tampered((output, ids) => {
        output.Failed = ids.map((Id) => ({ Id, SenderFault: false, Code: "InternalError", Message: "out of order" }));
      });
      const queue = createSqsTaskQueue({ client: sqs, prefix: "test", tries: noPause });
      await queue.ensure(siteId);
      const sending = queue.send(siteId, [{ task: taskOf(siteId, "a") }]);
      await assert.rejects(
        sending,
        (error) => VisibleError.is(error, "INTERNAL") && /1 of 1.*out of order/.test(error.message),
      );
      assert.equal(batches.length, 2);
      sqs.destroy();
    });

    test("are missed by name, and found once they are there", async () => {
      const siteId = "absent" as SiteId;
      const queue = createSqsTaskQueue({ client: clients.sqs, prefix: "test" });
      const message = { task: taskOf(siteId, "a") };
      await assert.rejects(queue.send(siteId, [message]), (error) => VisibleError.is(error, "SITE_UNKNOWN"));
      await createSqsTaskQueue({ client: clients.sqs, prefix: "test" }).ensure(siteId);
      await queue.send(siteId, [message]);
      assert.equal((await receiveAll("test-tasks-absent")).length, 1);
    });
  });
};
