import assert from "node:assert/strict";
import { SendMessageBatchCommand, type SQSClient } from "@aws-sdk/client-sqs";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { messageBytesMax, sendableText } from "../../core/api/message.ts";
import { type SiteQueue, siteQueueName, siteQueueOf, siteQueues } from "../../core/api/queues.ts";
import type { Task } from "../../core/api/task.ts";
import type { TaskQueue } from "../../core/ports/queue.ts";
import { type Tries, tryAgain } from "../../core/waiting/try-again.ts";
import { ensureSiteQueues, isQueueAbsent, queueUrlOf } from "./queues.ts";
import { usualTries } from "./tries.ts";

export interface SqsTaskQueueOptions {
  readonly client: SQSClient;
  /** What the names of the queues begin with, 32 characters at most. */
  readonly prefix: string;
  readonly tries?: Tries;
}

/**
 * SQS's limits of one batch, which may have as many bytes as one message, and of
 * one message's delay.
 */
const batchEntriesMax = 10;
const delaySecondsMax = 900;

const twice: Tries = { ...usualTries, triesMax: 2, backoffMs: { first: 200, max: 200, jitter: 1 } };

interface Message {
  readonly body: string;
  readonly groupId: string;
  readonly bytes: number;
  readonly delaySeconds: number;
}

/**
 * Who shares a site's queues fairly: runs. However many tasks one has, another's need not
 * wait behind them all.
 */
const groupOf = (task: Task): string => ("runId" in task ? task.runId : task.kind);

const messageOf = ({ task, delaySeconds = 0 }: Parameters<TaskQueue["send"]>[1][number]): Message => {
  const body = sendableText(task, `The task ${task.id}`);
  const bytes = body.length;
  const delay = Math.ceil(delaySeconds);
  assert(delay >= 0 && delay <= delaySecondsMax, `the task ${task.id} is delayed by ${delay} s, out of 0 to 900`);
  return { body, bytes, delaySeconds: delay, groupId: groupOf(task) };
};

/** Cuts a list of messages into batches that SQS takes, keeping their order. */
const batchesOf = (messages: readonly Message[]): readonly (readonly Message[])[] => {
  const batches: Message[][] = [];
  let bytes = 0;
  for (const message of messages) {
    const last = batches.at(-1);
    if (last !== undefined && last.length < batchEntriesMax && bytes + message.bytes <= messageBytesMax) {
      last.push(message);
      bytes += message.bytes;
    } else {
      batches.push([message]);
      bytes = message.bytes;
    }
  }
  return batches;
};

/** Sends one batch; gives the messages that SQS did not take, and its word on why. */
const sendBatch = async (client: SQSClient, url: string, batch: readonly Message[]) => {
  const { Failed = [] } = await client.send(
    new SendMessageBatchCommand({
      QueueUrl: url,
      Entries: batch.map(({ body, groupId, delaySeconds }, index) => ({
        Id: index.toString(),
        MessageBody: body,
        MessageGroupId: groupId,
        DelaySeconds: delaySeconds,
      })),
    }),
  );
  const failedIds = new Set(Failed.map(({ Id }) => Id));
  const left = batch.filter((_, index) => failedIds.has(index.toString()));
  return { left, reason: Failed.map(({ Code, Message: text }) => text ?? Code).join("; ") };
};

/** Site queues in SQS, `<prefix>-<queue>-<site>`. Their URLs are looked up once. */
export const createSqsTaskQueue = ({ client, prefix, tries = twice }: SqsTaskQueueOptions): TaskQueue => {
  const urls = new Map<string, string>();

  const urlOf = async (name: string): Promise<string> => {
    const url = urls.get(name) ?? (await queueUrlOf(client, name));
    urls.set(name, url);
    return url;
  };

  const sendAll = async (siteId: SiteId, queue: SiteQueue, batch: readonly Message[]): Promise<void> => {
    const url = await urlOf(siteQueueName(prefix, siteId, queue));
    let left = batch;
    await tryAgain({ ...tries, mayHelp: (failure) => VisibleError.is(failure, "INTERNAL") }, async () => {
      const answer = await sendBatch(client, url, left);
      left = answer.left;
      if (left.length === 0) return;
      throw new VisibleError(
        "INTERNAL",
        `The queue of site “${siteId}” did not take ${left.length} of ${batch.length} tasks: ${answer.reason}`,
        { hint: "They stay in the outbox, and the sweep sends them again within a minute." },
      );
    });
  };

  return {
    async send(siteId, tasks) {
      try {
        for (const [queue, some] of Map.groupBy(tasks, ({ task }) => siteQueueOf(task))) {
          for (const batch of batchesOf(some.map(messageOf))) await sendAll(siteId, queue, batch);
        }
      } catch (error) {
        if (!isQueueAbsent(error)) throw error;
        for (const queue of siteQueues) urls.delete(siteQueueName(prefix, siteId, queue));
        throw new VisibleError("SITE_UNKNOWN", `Site “${siteId}” has no task queue.`, {
          hint: "Register the site again: that makes its queue.",
          cause: error,
        });
      }
    },

    async ensure(siteId) {
      for (const [name, url] of await ensureSiteQueues(client, prefix, siteId)) urls.set(name, url);
    },
  };
};
