import assert from "node:assert/strict";
import { AssumeRoleCommand, type STSClient } from "@aws-sdk/client-sts";
import { type QueueCredentials, senderNameOf } from "../../core/api/access.ts";
import type { PeerIdentity } from "../../core/api/identity.ts";
import type { Instant } from "../../core/api/ids.ts";
import { reportQueueName, siteQueueName, siteQueues } from "../../core/api/queues.ts";

/** The shortest that AWS gives: what a gateway that was removed still has is over by then. */
export const durationSeconds = 900;

/**
 * On AWS an action permits its batch, too, and a name that no action has does no harm; ministack
 * asks for it by that name.
 */
const withBatch = (action: string): readonly string[] => [action, `${action}Batch`];

/** What a gateway does with the queues of its site. */
const siteQueueActions = [
  "sqs:ReceiveMessage",
  ...withBatch("sqs:DeleteMessage"),
  ...withBatch("sqs:ChangeMessageVisibility"),
  "sqs:GetQueueUrl",
];
/** And with the one of the reports. */
const reportQueueActions = [...withBatch("sqs:SendMessage"), "sqs:GetQueueUrl"];

export interface GatewayAccessOptions {
  readonly client: Pick<STSClient, "send">;
  /** Of the role that has what all gateways need together: `arn:aws:iam::<account>:role/<name>`. */
  readonly roleArn: string;
  readonly region: string;
  /** What the queues' names begin with. */
  readonly prefix: string;
}

/**
 * What a role session of one site's gateway is narrowed to: its own queues, and sending reports.
 */
export const sessionPolicy = (
  { roleArn, region, prefix }: Pick<GatewayAccessOptions, "roleArn" | "region" | "prefix">,
  { siteId }: Pick<PeerIdentity, "siteId">,
): string => {
  const [, partition, , , account] = roleArn.split(":");
  const arn = (name: string) => `arn:${partition}:sqs:${region}:${account}:${name}`;
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: siteQueueActions,
        Resource: siteQueues.map((queue) => arn(siteQueueName(prefix, siteId, queue))),
      },
      { Effect: "Allow", Action: reportQueueActions, Resource: arn(reportQueueName(prefix)) },
    ],
  });
};

/**
 * Credentials for a gateway's own queues, from a role that is narrowed to its site
 * for each role session.
 */
export const createGatewayAccess = (options: GatewayAccessOptions) => ({
  async credentialsFor(identity: PeerIdentity): Promise<QueueCredentials> {
    const { Credentials } = await options.client.send(
      new AssumeRoleCommand({
        RoleArn: options.roleArn,
        RoleSessionName: senderNameOf(identity),
        DurationSeconds: durationSeconds,
        Policy: sessionPolicy(options, identity),
      }),
    );
    const {
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
    } = Credentials ?? {};
    const expiration = Credentials?.Expiration;
    assert(accessKeyId && secretAccessKey && sessionToken && expiration, "STS gave no credentials");
    const expiresAt = expiration.toISOString() as Instant;
    return { accessKeyId, secretAccessKey, sessionToken, expiresAt, region: options.region };
  },
});
