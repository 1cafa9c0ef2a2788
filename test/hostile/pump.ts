import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { decodeProtectedHeader } from "jose";
import { senderNameOf } from "../../core/api/access.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import { queueUrlOf } from "../../functions/aws/queues.ts";
import { identityOfCertificate } from "../../gateway/tunnel/identity.ts";
import { type Deployment, gatewayRoleId, installation } from "../aws/deployed/deployment.ts";
import type { SendersFront } from "./senders.ts";

/** The name of the role session that has an access key; undefined when no gateway was given it. */
const sessionOf = ({ api }: Deployment, accessKeyId: string): string | undefined => {
  const proof = api.proofOf(accessKeyId);
  if (proof === undefined) return undefined;
  const [shown = ""] = decodeProtectedHeader(proof).x5c ?? [];
  const { subjectAltName } = new X509Certificate(Buffer.from(shown, "base64"));
  return senderNameOf(identityOfCertificate({ subjectaltname: subjectAltName }));
};

/**
 * Hands the reports queue's messages to the function `report` as Lambda does, with the sender that
 * SQS vouches for, until it is stopped.
 */
export const pumpReports = async (
  deployment: Deployment,
  senders: SendersFront,
): Promise<{ stop(): Promise<void> }> => {
  const { sqs } = deployment.clients;
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
        const session = sent && sessionOf(deployment, sent.accessKeyId);
        const SenderId = session === undefined ? "nobody" : `${gatewayRoleId}:${session}`;
        return { messageId: MessageId, body, attributes: { SenderId, MessageGroupId: sent?.groupId } };
      });
      const answer = (await deployment.invoke("report", { Records })) as {
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
