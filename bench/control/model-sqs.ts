import assert from "node:assert/strict";
import { SQSClient } from "@aws-sdk/client-sqs";
import type { ManualTime } from "../../gateway/agent/testing.ts";
import { sqsRequestBytes } from "./prices.ts";

interface Message {
  readonly MessageId: string;
  readonly Body: string;
  ReceiptHandle: string;
  visibleAtMs: number;
}

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
  readonly DelaySeconds?: number;
  readonly ReceiptHandle: string;
  readonly VisibilityTimeout: number;
}

/** One command as the SDK has it; what a batch has in its entries, others have themselves. */
interface Input extends Entry {
  readonly QueueName: string;
  readonly QueueUrl: string;
  readonly Entries?: readonly Entry[];
  readonly MaxNumberOfMessages?: number;
  readonly WaitTimeSeconds?: number;
}

/** What requests are for. */
export type SqsUse = "asking" | "reports" | "tasks";

/** How many requests a call with so many bytes is billed as. */
export const billedRequests = (bytes: number): number => Math.max(1, Math.ceil(bytes / sqsRequestBytes));

/** SQS in virtual time, for the commands that the adapters use; it counts what is billed. */
export class ModelSqs {
  readonly requests: Record<SqsUse, number> = { asking: 0, reports: 0, tasks: 0 };
  /** Answers to those who ask for messages, and the bytes of what was in them. */
  readonly answers = { count: 0, bytes: 0 };
  readonly #reportQueue: string;
  readonly #time: ManualTime;
  readonly #queues = new Map<string, Message[]>();
  readonly #wakes = new Map<string, AbortController>();
  #ids = 0;

  constructor(time: ManualTime, reportQueue: string) {
    this.#time = time;
    this.#reportQueue = reportQueue;
  }

  /** A client whose commands end here. */
  client(): SQSClient {
    const client = new SQSClient({ region: "us-east-1", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
    client.middlewareStack.add(
      (_, context) =>
        async ({ input }) =>
          ({
            output: { $metadata: {}, ...(await this.#answer(context.commandName ?? "", input as unknown as Input)) },
            response: {},
          }) as never,
      { step: "initialize", priority: "high", name: "modelSqs" },
    );
    return client;
  }

  /** What Lambda takes of the reports: all that is there, and it is deleted. */
  takeReports(): string[] {
    return this.#messages(this.#reportQueue)
      .splice(0)
      .map(({ Body }) => Body);
  }

  async #answer(command: string, input: Input): Promise<object> {
    if (command === "GetQueueUrlCommand") return { QueueUrl: input.QueueName };
    if (command === "ReceiveMessageCommand") return this.#receive(input);
    const { QueueUrl, Entries = [input] } = input;
    const bytes = Entries.reduce((sum, { MessageBody = "" }) => sum + MessageBody.length, 0);
    this.requests[QueueUrl === this.#reportQueue ? "reports" : "tasks"] += billedRequests(bytes);
    for (const entry of Entries) this.#take(command.replace(/(?:Batch)?Command$/, ""), QueueUrl, entry);
    return {};
  }

  #take(what: string, queue: string, { MessageBody, DelaySeconds = 0, ReceiptHandle, VisibilityTimeout }: Entry): void {
    const messages = this.#messages(queue);
    if (what === "SendMessage") {
      const MessageId = `m${++this.#ids}`;
      const visibleAtMs = this.#time.nowMs() + DelaySeconds * 1000;
      messages.push({ MessageId, Body: MessageBody, ReceiptHandle: "", visibleAtMs });
    } else {
      const place = messages.findIndex((message) => message.ReceiptHandle === ReceiptHandle);
      const message = messages[place];
      if (message === undefined) return;
      if (what === "DeleteMessage") messages.splice(place, 1);
      else if (what === "ChangeMessageVisibility") message.visibleAtMs = this.#time.nowMs() + VisibilityTimeout * 1000;
      else assert.fail(`the model does not know ${what}`);
    }
    this.#wakes.get(queue)?.abort();
    this.#wakes.delete(queue);
  }

  async #receive(input: Input): Promise<object> {
    const { QueueUrl, MaxNumberOfMessages = 1, WaitTimeSeconds = 0, VisibilityTimeout } = input;
    const untilMs = this.#time.nowMs() + WaitTimeSeconds * 1000;
    let found: Message[];
    for (;;) {
      const nowMs = this.#time.nowMs();
      found = this.#messages(QueueUrl).filter(({ visibleAtMs }) => visibleAtMs <= nowMs);
      if (found.length > 0 || nowMs >= untilMs) break;
      const next = Math.min(untilMs, ...this.#messages(QueueUrl).map(({ visibleAtMs }) => visibleAtMs));
      await this.#time.sleep(next - nowMs, this.#wakeOf(QueueUrl));
    }
    const given = found.slice(0, MaxNumberOfMessages);
    for (const message of given) {
      message.ReceiptHandle = `r${++this.#ids}`;
      message.visibleAtMs = this.#time.nowMs() + VisibilityTimeout * 1000;
    }
    const bytes = given.reduce((sum, { Body }) => sum + Body.length, 0);
    this.requests.asking += billedRequests(bytes);
    this.answers.count += 1;
    this.answers.bytes += bytes;
    return { Messages: given.map(({ MessageId, Body, ReceiptHandle }) => ({ MessageId, Body, ReceiptHandle })) };
  }

  #messages(queue: string): Message[] {
    const messages = this.#queues.get(queue) ?? [];
    this.#queues.set(queue, messages);
    return messages;
  }

  #wakeOf(queue: string): AbortSignal {
    const wake = this.#wakes.get(queue) ?? new AbortController();
    this.#wakes.set(queue, wake);
    return wake.signal;
  }
}
