import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { CreateQueueCommand, DeleteQueueCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { reportQueueName, siteQueueName } from "../../core/api/queues.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { until } from "../../test/patience.ts";
import { manualTime, recordingLog } from "../agent/testing.ts";
import { createSqsClient } from "./sqs-client.ts";
import { createSqsReportQueue } from "./sqs-report-queue.ts";
import { createSqsTaskSource } from "./sqs-task-source.ts";

const emulator = buildApp({ logger: false });
const siteId = siteIdSchema.parse("a");
const never = new AbortController().signal;
let client: ReturnType<typeof createSqsClient>;
const heard: (string | undefined)[] = [];
let prefix = "";
let prefixes = 0;
/** How many polls the emulator was asked for. */
let polls = 0;

before(async () => {
  emulator.addHook("onRequest", async ({ headers }) => {
    if (headers["x-amz-target"] === "AmazonSQS.ReceiveMessage") polls += 1;
  });
  const endpoint = await emulator.listen({ host: "127.0.0.1", port: 0 });
  client = createSqsClient({ AWS_ENDPOINT_URL: endpoint }, undefined, (date) => heard.push(date));
});
after(async () => {
  client.destroy();
  await emulator.close();
});
beforeEach(() => {
  prefix = `test${++prefixes}`;
});

const createQueue = async (name: string) => {
  const { QueueUrl = "" } = await client.send(new CreateQueueCommand({ QueueName: name }));
  return QueueUrl;
};
const sendTask = (QueueUrl: string, MessageBody: string) =>
  client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
const source = () => createSqsTaskSource({ client, prefix, siteId, queue: "tasks", log: recordingLog() });
const poll = { max: 10, waitSeconds: 0, visibilitySeconds: 600, signal: never };

/** The names of the requests that the client makes until it is stopped, in their order. */
const countRequests = () => {
  const names: string[] = [];
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      (request) => {
        names.push(commandName.replace("Command", ""));
        return next(request);
      },
    { step: "initialize", name: "count" },
  );
  return {
    stop: () => {
      client.middlewareStack.remove("count");
      return names.toSorted();
    },
  };
};

const alive: Report = {
  kind: "alive",
  gateway: {
    id: gatewayIdSchema.parse("a1"),
    siteId,
    endpoint: "127.0.0.1:1",
    tunnel: "direct-tls",
    version: "1",
    storage: "extentstore",
  },
};

describe("the task source on SQS", () => {
  test("gives a message's raw body and hides it from the other gateways", async () => {
    const url = await createQueue(siteQueueName(prefix, siteId, "tasks"));
    await sendTask(url, "not json");
    const [message] = await source().receive(poll);
    assert.equal(message?.body, "not json");
    assert.deepEqual(await source().receive(poll), []);
  });

  test("a released message can be had at once, with the same id and another receipt", async () => {
    const tasks = source();
    await sendTask(await createQueue(siteQueueName(prefix, siteId, "tasks")), "x");
    const [first] = await tasks.receive(poll);
    assert.ok(first);
    await tasks.release(first.receipt);
    const [second] = await tasks.receive(poll);
    assert.equal(second?.messageId, first.messageId);
    assert.notEqual(second?.receipt, first.receipt);
  });

  test("a removed message does not come again", async () => {
    const tasks = source();
    await sendTask(await createQueue(siteQueueName(prefix, siteId, "tasks")), "x");
    const [message] = await tasks.receive({ ...poll, visibilitySeconds: 0 });
    assert.ok(message);
    await tasks.remove(message.receipt);
    assert.deepEqual(await tasks.receive(poll), []);
  });

  test("an extended message stays hidden after its first visibility has passed", async () => {
    const tasks = source();
    await sendTask(await createQueue(siteQueueName(prefix, siteId, "tasks")), "x");
    const [message] = await tasks.receive({ ...poll, visibilitySeconds: 2 });
    assert.ok(message);
    await tasks.extend(message.receipt, 600);
    for (let polls = 0; polls < 2; polls++) assert.deepEqual(await tasks.receive({ ...poll, waitSeconds: 2 }), []);
  });

  test("waits with back-off for a queue that does not exist yet, and says so", async () => {
    const time = manualTime();
    const log = recordingLog();
    const tasks = createSqsTaskSource({ client, prefix, siteId, queue: "tasks", log, time });
    const received = tasks.receive(poll);
    await time.sleeping();
    const url = await createQueue(siteQueueName(prefix, siteId, "tasks"));
    await sendTask(url, "x");
    await time.advance(1_000);
    assert.equal((await received)[0]?.body, "x");
    assert.equal(log.lines.length, 1);
    assert.equal(log.lines[0]?.fields["queue"], siteQueueName(prefix, siteId, "tasks"));
  });

  test("waiting for a missing queue ends with the signal", async () => {
    const time = manualTime();
    const stop = new AbortController();
    const tasks = createSqsTaskSource({ client, prefix, siteId, queue: "tasks", log: recordingLog(), time });
    const received = tasks.receive({ ...poll, signal: stop.signal });
    await time.sleeping();
    stop.abort();
    assert.deepEqual(await received, []);
  });

  test("a poll that waits for messages is called off by the signal, whatever comes of it later", async (context) => {
    const asked = Promise.withResolvers<ServerResponse>();
    const silent = createServer((request, response) => {
      request.resume();
      const { "x-amz-target": action } = request.headers;
      if (action === "AmazonSQS.ReceiveMessage") asked.resolve(response);
      else response.end(JSON.stringify({ QueueUrl: "http://127.0.0.1:1/000000000000/q" }));
    });
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const impatient = createSqsClient({
      AWS_ENDPOINT_URL: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
    });
    context.after(() => {
      impatient.destroy();
      silent.closeAllConnections();
      silent.close();
    });
    const stop = new AbortController();
    const tasks = createSqsTaskSource({ client: impatient, prefix, siteId, queue: "tasks", log: recordingLog() });
    const received = tasks.receive({ ...poll, waitSeconds: 20, signal: stop.signal });
    const answer = await asked.promise;
    stop.abort();
    const late = { MessageId: "m", ReceiptHandle: "r", Body: "late", MD5OfBody: hash("md5", "late") };
    answer.end(JSON.stringify({ Messages: [late] }));
    assert.deepEqual(await received, []);
  });

  test("what a poll took that was called off comes again when its visibility has passed", async () => {
    const tasks = source();
    const url = await createQueue(siteQueueName(prefix, siteId, "tasks"));
    const stop = new AbortController();
    const before = polls;
    const received = tasks.receive({ ...poll, waitSeconds: 20, visibilitySeconds: 1, signal: stop.signal });
    await until("the poll", () => polls > before);
    stop.abort();
    assert.deepEqual(await received, []);
    await sendTask(url, "x");
    await until("the message", async () => (await tasks.receive(poll))[0]?.body === "x");
  });

  test("renewals, removals and releases of several messages at once are one request each", async () => {
    const tasks = source();
    const url = await createQueue(siteQueueName(prefix, siteId, "tasks"));
    for (const body of ["x", "y", "z"]) await sendTask(url, body);
    const [x, y, z] = await tasks.receive(poll);
    assert.ok(x && y && z);
    const requests = countRequests();
    await Promise.all([x, y, z].map(({ receipt }) => tasks.extend(receipt, 600)));
    await Promise.all([tasks.remove(x.receipt), tasks.remove(y.receipt), tasks.release(z.receipt)]);
    assert.deepEqual(requests.stop(), [
      "ChangeMessageVisibilityBatch",
      "ChangeMessageVisibilityBatch",
      "DeleteMessageBatch",
    ]);
    assert.deepEqual(
      (await tasks.receive(poll)).map(({ body }) => body),
      [z.body],
    );
  });

  test("finds a queue again that was deleted and made anew", async () => {
    const tasks = source();
    const url = await createQueue(siteQueueName(prefix, siteId, "tasks"));
    await tasks.receive(poll);
    await client.send(new DeleteQueueCommand({ QueueUrl: url }));
    await assert.rejects(tasks.receive(poll), { name: "QueueDoesNotExist" });
    await sendTask(await createQueue(siteQueueName(prefix, siteId, "tasks")), "x");
    assert.equal((await tasks.receive(poll))[0]?.body, "x");
  });
});

describe("the reports queue on SQS", () => {
  const sent = async (QueueUrl: string) => {
    const { Messages = [] } = await client.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    return Messages.map(({ Body = "" }) => reportSchema.parse(JSON.parse(Body)));
  };

  test("sends a report that its schema accepts", async () => {
    const url = await createQueue(reportQueueName(prefix));
    await createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never }).send(alive);
    assert.deepEqual(await sent(url), [alive]);
  });

  test("reports that are sent at the same time are one request, and each arrives", async () => {
    const url = await createQueue(reportQueueName(prefix));
    const queue = createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never });
    await queue.send(alive);
    const requests = countRequests();
    await Promise.all(Array.from({ length: 8 }, () => queue.send(alive)));
    assert.deepEqual(requests.stop(), ["SendMessageBatch"]);
    assert.equal((await sent(url)).length, 9);
  });

  test("characters that SQS refuses arrive all the same", async () => {
    const url = await createQueue(reportQueueName(prefix));
    const odd: Report = { kind: "alive", gateway: { ...alive.gateway, version: "a\uFFFE\uFFFF\u0001é💾" } };
    await createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never }).send(odd);
    assert.deepEqual(await sent(url), [odd]);
  });

  test("tries again with back-off until the queue is there", async () => {
    const time = manualTime();
    const sending = createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never, time }).send(alive);
    await time.sleeping();
    const url = await createQueue(reportQueueName(prefix));
    await time.advance(200);
    await sending;
    assert.deepEqual(await sent(url), [alive]);
  });

  test("gives up after 8 tries and throws the last failure", async () => {
    const time = manualTime();
    const log = recordingLog();
    const queue = createSqsReportQueue({ client, prefix, log, signal: never, time });
    let ended = false;
    const sending = assert.rejects(queue.send(alive), { name: "QueueDoesNotExist" }).finally(() => {
      ended = true;
    });
    while (!ended) {
      await Promise.race([time.sleeping(), sending]);
      await time.advance(5_000);
    }
    await sending;
    assert.equal(log.lines.length, 7);
  });

  test("sends it as one of its site's, which have a fair share of the queue", async () => {
    await createQueue(reportQueueName(prefix));
    const groups: (string | undefined)[] = [];
    client.middlewareStack.add(
      (next) => async (request) => {
        const { Entries = [] } = request.input as { Entries?: { MessageGroupId?: string }[] };
        groups.push(...Entries.map(({ MessageGroupId }) => MessageGroupId));
        return next(request);
      },
      { step: "initialize", name: "groups" },
    );
    await createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never }).send(alive);
    client.middlewareStack.remove("groups");
    assert.deepEqual(groups, [siteId]);
  });

  test("a report that is too large is refused at once: it would be as large the next time", async () => {
    await createQueue(reportQueueName(prefix));
    const time = manualTime();
    const queue = createSqsReportQueue({ client, prefix, log: recordingLog(), signal: never, time });
    const large: Report = { kind: "alive", gateway: { ...alive.gateway, version: "é".repeat(180_000) } };
    await assert.rejects(queue.send(large), { code: "MESSAGE_TOO_LARGE", retryable: false });
  });

  test("the signal ends the retries", async () => {
    const time = manualTime();
    const stop = new AbortController();
    const queue = createSqsReportQueue({ client, prefix, log: recordingLog(), signal: stop.signal, time });
    const sending = assert.rejects(queue.send(alive), { name: "QueueDoesNotExist" });
    await time.sleeping();
    stop.abort();
    await sending;
  });
});

describe("the client", () => {
  const credentialsOf = async (environment: Record<string, string>) => {
    const created = createSqsClient({ AWS_ENDPOINT_URL: "http://127.0.0.1:1", ...environment });
    try {
      return (await created.config.credentials()).accessKeyId;
    } finally {
      created.destroy();
    }
  };

  test("has a limit for an answer that never comes, and for one that goes on no more", async () => {
    const created = createSqsClient({ AWS_ENDPOINT_URL: "http://127.0.0.1:1" });
    await assert.rejects(created.send(new CreateQueueCommand({ QueueName: "none" })));
    const { requestHandler } = created.config;
    assert.ok("httpHandlerConfigs" in requestHandler && typeof requestHandler.httpHandlerConfigs === "function");
    const limits: unknown = requestHandler.httpHandlerConfigs();
    assert.partialDeepStrictEqual(limits, { requestTimeout: 7_000, socketTimeout: 27_000 });
    created.destroy();
  });

  test("makes credentials up where an endpoint is set and none are given", async () => {
    assert.equal(await credentialsOf({}), "local");
  });

  test("leaves credentials that are given to the SDK", async (context) => {
    const before = { ...process.env };
    context.after(() => {
      process.env = before;
    });
    process.env = { ...before, AWS_ACCESS_KEY_ID: "given", AWS_SECRET_ACCESS_KEY: "given" };
    assert.equal(await credentialsOf({ AWS_ACCESS_KEY_ID: "given" }), "given");
  });

  test("hears the queues' time from what they answer, and from what they refuse", async () => {
    heard.length = 0;
    const QueueUrl = await createQueue(`${prefix}-dated`);
    await client.send(new DeleteQueueCommand({ QueueUrl }));
    await assert.rejects(client.send(new SendMessageCommand({ QueueUrl, MessageBody: "x" })));
    assert.equal(heard.length, 3);
    for (const date of heard) assert.ok(Math.abs(Date.parse(date ?? "") - Date.now()) < 60_000, date);
  });

  test("prefers the endpoint of SQS to the one of all services, and has a region without one being set", async () => {
    const created = createSqsClient({ AWS_ENDPOINT_URL: "http://all:1", AWS_ENDPOINT_URL_SQS: "http://sqs:2" });
    assert.equal((await created.config.endpoint?.())?.hostname, "sqs");
    assert.equal(await created.config.region(), "us-east-1");
    created.destroy();
  });
});
