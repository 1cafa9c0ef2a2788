import { X509Certificate } from "node:crypto";
import { DeleteMessageCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { decodeProtectedHeader } from "jose";
import { senderNameOf } from "../../core/api/access.ts";
import { reportQueueName } from "../../core/api/queues.ts";
import type { SQSBatchResponse } from "../../functions/aws/lambda-events.ts";
import { queueUrlOf } from "../../functions/aws/queues.ts";
import { identityOfCertificate } from "../../gateway/tunnel/identity.ts";
import { concurrencyOf, newAccountExecutions } from "../../infra/aws/concurrency.ts";
import { type Deployment, gatewayRoleId, installation } from "../aws/deployed/deployment.ts";
import { until } from "../patience.ts";
import type { SendersFront } from "./senders.ts";

/** As many as Lambda would call the function at once. */
const pumps = concurrencyOf(newAccountExecutions).reports;

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
  onFailure: (error: Error) => void,
): Promise<{ stop(): Promise<void> }> => {
  const { sqs } = deployment.clients;
  const QueueUrl = await queueUrlOf(sqs, reportQueueName(installation.prefix));
  let isOver = false;
  /** What a function fails with is for all of its messages: they come again. */
  const invoke = async (event: { readonly Records: readonly { readonly messageId: string }[] }) => {
    try {
      return (await deployment.invoke("report", event)) as SQSBatchResponse;
    } catch (error) {
      onFailure(error as Error);
      return { batchItemFailures: event.Records.map(({ messageId }) => ({ itemIdentifier: messageId })) };
    }
  };
  const pump = async (): Promise<void> => {
    while (!isOver) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
      );
      if (Messages.length === 0) continue;
      // A message may be here before its sender was answered.
      await until("the senders to be known", () =>
        Messages.every(({ MessageId = "" }) => senders.sentAs(MessageId) !== undefined),
      );
      const Records = Messages.map(({ MessageId = "", Body: body }) => {
        const sent = senders.sentAs(MessageId);
        const session = sent && sessionOf(deployment, sent.accessKeyId);
        const SenderId = session === undefined ? "nobody" : `${gatewayRoleId}:${session}`;
        return { messageId: MessageId, body, attributes: { SenderId, MessageGroupId: sent?.groupId } };
      });
      const answer = await invoke({ Records });
      const failed = new Set(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      for (const { MessageId, ReceiptHandle } of Messages) {
        if (!failed.has(MessageId ?? "")) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      }
    }
  };
  const ended = Promise.all(Array.from({ length: pumps }, pump));
  ended.catch(onFailure);
  return {
    async stop() {
      isOver = true;
      await ended;
    },
  };
};
