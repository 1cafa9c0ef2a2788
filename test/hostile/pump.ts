import assert from "node:assert/strict";
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { reportQueueName } from "../../core/api/queues.ts";
import { queueUrlOf } from "../../functions/aws/queues.ts";
import { type Deployment, gatewayRoleId, installation } from "../aws/deployed/deployment.ts";
import type { SendersFront } from "./senders.ts";

/**
 * Hands the reports queue's messages to the function `report` as Lambda does, with the sender that
 * SQS vouches for, until it is stopped.
 * @param sessionOf the name of the role session that has an access key
 */
export const pumpReports = async (
  { clients: { sqs }, invoke }: Deployment,
  senders: SendersFront,
  sessionOf: (accessKeyId: string) => string | undefined,
): Promise<{ stop(): Promise<void> }> => {
  const QueueUrl = await queueUrlOf(sqs, reportQueueName(installation.prefix));
  let isOver = false;
  const pump = async (): Promise<void> => {
    while (!isOver) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      if (Messages.length === 0) continue;
      const Records = Messages.map(({ MessageId = "", Body: body }) => {
        const sent = senders.sentAs(MessageId);
        const session = sent && sessionOf(sent.accessKeyId);
        const SenderId = session === undefined ? "nobody" : `${gatewayRoleId}:${session}`;
        return { messageId: MessageId, body, attributes: { SenderId, MessageGroupId: sent?.groupId } };
      });
      const answer = (await invoke("report", { Records })) as {
        readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
      };
      const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { MessageId, ReceiptHandle } of Messages) {
        if (!failed.has(MessageId ?? "")) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  };
  const pumps = [pump(), pump()];
  const ended = Promise.all(pumps);
  ended.catch(() => undefined);
  return {
    async stop() {
      isOver = true;
      await ended;
      assert(isOver);
    },
  };
};
