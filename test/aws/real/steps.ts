import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { TransactionCanceledException, TransactionConflictException } from "@aws-sdk/client-dynamodb";
import { ValidationException } from "@aws-sdk/client-scheduler";
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import type { Instant, PlanId, SiteId } from "../../../core/api/ids.ts";
import { messageFormat } from "../../../core/api/message.ts";
import type { Task } from "../../../core/api/task.ts";
import { addSeconds } from "../../../core/ports/clock.ts";
import { CommitConflict, type DocumentStore } from "../../../core/ports/store.ts";
import { createDynamodbStore } from "../../../functions/aws/dynamodb-store.ts";
import { queueUrlOf } from "../../../functions/aws/queues.ts";
import { createEventBridgeScheduler } from "../../../functions/aws/scheduler.ts";
import { createSqsTaskQueue } from "../../../functions/aws/sqs-task-queue.ts";
import type { Resources, SmokeStep } from "./resources.ts";

const planOf = (n: number) => `plan_${n.toString().padStart(26, "0")}` as PlanId;
const now = () => new Date().toISOString() as Instant;

const storeOf = ({ clients, name }: Resources): DocumentStore =>
  createDynamodbStore({ client: clients.dynamodb, tableName: name });

/** A function that is not there: what would call it becomes a dead letter. */
const schedulerOf = ({ clients, name, roleArn, deadLetters }: Resources) =>
  createEventBridgeScheduler({
    client: clients.scheduler,
    groupName: name,
    targetArn: deadLetters.arn.replace(":sqs:", ":lambda:").replace(name, `function:${name}`),
    roleArn,
    deadLetterArn: deadLetters.arn,
  });

/**
 * A new role is not known everywhere at once; Scheduler calls that a
 * ValidationException. 60 s at most.
 */
const onceRoleIsKnown = async (signal: AbortSignal, put: () => Promise<void>): Promise<void> => {
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      return await put();
    } catch (error) {
      if (!(error instanceof ValidationException && /role/i.test(error.message)) || Date.now() > end) throw error;
    }
    await wait(2_000, undefined, { signal });
  }
};

const increment = async (store: DocumentStore): Promise<void> => {
  const keys = ["counter", "other"].map((sort) => ({ partition: "SMOKE", sort }));
  for (let tries = 0; tries < 100; tries += 1) {
    const before = await Promise.all(keys.map((key) => store.get<{ n: number }>(key)));
    const changes = keys.map((key, index) => {
      const stored = before[index];
      const expect = stored === undefined ? ("absent" as const) : { version: stored.version };
      return { type: "put" as const, key, body: { n: (stored?.body.n ?? 0) + 1 }, expect };
    });
    try {
      return await store.commit(changes);
    } catch (error) {
      if (!(error instanceof CommitConflict)) throw error;
    }
  }
  assert.fail("100 tries were not enough");
};

const transactionConflicts: SmokeStep = {
  title: "no increment is lost to transactions that meet, whether DynamoDB calls that a conflict or a failed condition",
  async run(resources) {
    let conflicts = 0;
    resources.clients.dynamodb.middlewareStack.add(
      (next) => async (request) => {
        try {
          return await next(request);
        } catch (error) {
          const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
          const isConflict = reasons.some(({ Code }) => Code === "TransactionConflict");
          if (isConflict || error instanceof TransactionConflictException) conflicts += 1;
          throw error;
        }
      },
      { step: "initialize", name: "countConflicts" },
    );
    const store = storeOf(resources);
    await Promise.all(Array.from({ length: 20 }, () => increment(store)));
    resources.clients.dynamodb.middlewareStack.remove("countConflicts");
    const stored = await store.get<{ n: number }>({ partition: "SMOKE", sort: "counter" });
    assert.deepEqual(stored?.body, { n: 20 });
    return `${conflicts} times TransactionConflict`;
  },
};

const dueIndex: SmokeStep = {
  title: "what is due is found through the index within 10 s",
  async run(resources) {
    const store = storeOf(resources);
    const key = { partition: "SMOKE", sort: "due" };
    await store.commit([{ type: "put", key, body: {}, expect: "absent", dueAt: now() }]);
    const begun = Date.now();
    for (;;) {
      const due = await store.due({ now: addSeconds(now(), 60), limit: 10 });
      if (due.some(({ sort }) => sort === key.sort)) return `${Date.now() - begun} ms`;
      assert(Date.now() - begun < 10_000, "the index does not have it");
      await wait(50, undefined, { signal: resources.signal });
    }
  },
};

const siteQueues: SmokeStep = {
  title: "a site's queues are made, and take a task with every character that a name can hold",
  async run({ clients, name }) {
    const siteId = "smoke" as SiteId;
    const tasks = createSqsTaskQueue({ client: clients.sqs, prefix: name });
    await tasks.ensure(siteId);
    const task: Task = { kind: "inventory", id: "虚拟机 💾 \u0001 \uFFFE \uFFFF", siteId, issuedAt: now() };
    await tasks.send(siteId, [{ task }]);
    const QueueUrl = await queueUrlOf(clients.sqs, `${name}-tasks-${siteId}`);
    const { Messages = [] } = await clients.sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }));
    assert.deepEqual(JSON.parse(Messages[0]?.Body ?? "null"), { format: messageFormat, ...task });
    await clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages[0]?.ReceiptHandle }));
    return undefined;
  },
};

const expressions = ["cron(0 1 * * ? *)", "cron(30 0/6 * * ? *)", "cron(0 1 ? * MON,THU *)", "cron(0 1 L * ? *)"];
const zones = ["UTC", "Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"];

const timeZones: SmokeStep = {
  title: "Scheduler takes every kind of expression in time zones of every kind",
  async run(resources) {
    const scheduler = schedulerOf(resources);
    let n = 0;
    for (const timeZone of zones) {
      for (const expression of expressions) {
        n += 1;
        await onceRoleIsKnown(resources.signal, () => scheduler.put(planOf(n), { expression, timeZone }));
      }
    }
    return `${n} schedules`;
  },
};

const refusedExpressions: SmokeStep = {
  title: "Scheduler refuses a time zone and an expression that there are not",
  async run(resources) {
    const scheduler = schedulerOf(resources);
    const daily = { expression: "cron(0 1 * * ? *)", timeZone: "UTC" };
    for (const wrong of [{ timeZone: "Mars/Olympus" }, { expression: "cron(0 25 * * ? *)" }]) {
      await assert.rejects(scheduler.put(planOf(900), { ...daily, ...wrong }), ValidationException);
    }
    return undefined;
  },
};

const deadLetterSecondsMax = 720;

const deadLetters: SmokeStep = {
  title: "an invocation that fails becomes a dead letter, with the slot in it",
  async run(resources) {
    const at = addSeconds(now(), 60).slice(0, "2026-01-01T00:00:00".length);
    const expression = { expression: `at(${at})`, timeZone: "UTC" };
    await onceRoleIsKnown(resources.signal, () => schedulerOf(resources).put(planOf(901), expression));
    const end = Date.now() + deadLetterSecondsMax * 1000;
    const { url: QueueUrl } = resources.deadLetters;
    while (Date.now() < end) {
      resources.signal.throwIfAborted();
      const { Messages = [] } = await resources.clients.sqs.send(
        new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20, MessageAttributeNames: ["All"] }),
      );
      for (const { Body = "", MessageAttributes = {} } of Messages) {
        const input = JSON.parse(Body) as { planId: string; scheduledTime: string };
        if (input.planId !== planOf(901)) continue;
        assert.equal(input.scheduledTime.slice(0, at.length), at);
        return `after ${Math.round((Date.now() - Date.parse(`${at}Z`)) / 1000)} s: ${MessageAttributes["ERROR_CODE"]?.StringValue}`;
      }
    }
    assert.fail(`there was none within ${deadLetterSecondsMax} s`);
  },
};

/** What emulators do, too: so the smoke test itself can be tried on one. */
export const emulatedSteps: readonly SmokeStep[] = [transactionConflicts, dueIndex, siteQueues, timeZones];

export const smokeSteps: readonly SmokeStep[] = [...emulatedSteps, refusedExpressions, deadLetters];
