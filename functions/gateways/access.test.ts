import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AssumeRoleCommand } from "@aws-sdk/client-sts";
import { senderNameOf } from "../../core/api/access.ts";
import { gatewayIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { type Report, reportSchema } from "../../core/api/report.ts";
import { createTestApi } from "../api/testing.ts";
import { createGatewayAccess } from "../aws/gateway-access.ts";
import type { SQSEvent } from "../aws/lambda-events.ts";
import { handleReportBatch } from "../report-batch.ts";
import { isFromWhomItSays, isInItsGroup, noGatewayAccess } from "./access.ts";

const siteId = siteIdSchema.parse("a");
const gatewayId = gatewayIdSchema.parse("a1");
const identity = { multiCluster: siteIdSchema.parse("mc"), siteId, gatewayId };
const roleId = "AROAEXAMPLE";

const alive = (site: string, id: string): Report =>
  reportSchema.parse({
    kind: "alive",
    gateway: { id, siteId: site, endpoint: "127.0.0.1:1", tunnel: "envoy", version: "1", storage: "extentstore" },
  });

describe("a gateway's credentials", () => {
  test("are a role session that is named for it, for a quarter of an hour, and narrowed to its site's queues", async () => {
    const asked: AssumeRoleCommand["input"][] = [];
    const expiration = new Date("2026-03-01T00:15:00Z");
    const client = {
      send: async ({ input }: AssumeRoleCommand) => {
        asked.push(input);
        const keys = { AccessKeyId: "key", SecretAccessKey: "secret", SessionToken: "token" };
        return { Credentials: { ...keys, Expiration: expiration } };
      },
    };
    const access = createGatewayAccess({
      client: client as never,
      ...{ roleArn: "arn:aws-cn:iam::123456789012:role/gateways", region: "cn-north-1", prefix: "prod" },
    });
    assert.deepEqual(await access.credentialsFor(identity), {
      ...{ accessKeyId: "key", secretAccessKey: "secret", sessionToken: "token", region: "cn-north-1" },
      expiresAt: "2026-03-01T00:15:00.000Z",
    });
    const [input] = asked;
    assert.deepEqual([input?.RoleSessionName, input?.DurationSeconds], ["a@a1", 900]);
    const arn = (name: string) => `arn:aws-cn:sqs:cn-north-1:123456789012:prod-${name}`;
    assert.deepEqual(JSON.parse(input?.Policy ?? "").Statement, [
      {
        Effect: "Allow",
        Action: [
          "sqs:ReceiveMessage",
          ...["sqs:DeleteMessage", "sqs:DeleteMessageBatch"],
          ...["sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"],
          "sqs:GetQueueUrl",
        ],
        Resource: [arn("tasks-a"), arn("transfers-a"), arn("settings-a")],
      },
      {
        Effect: "Allow",
        Action: ["sqs:SendMessage", "sqs:SendMessageBatch", "sqs:GetQueueUrl"],
        Resource: arn("reports"),
      },
    ]);
    assert.ok((input?.Policy?.length ?? 0) < 2048, "AWS takes no longer one");
  });

  test("have a role session name that AWS takes, and that tells sites apart, however long the names", () => {
    const long = { siteId: siteIdSchema.parse("s".repeat(32)), gatewayId: gatewayIdSchema.parse("g".repeat(48)) };
    assert.match(senderNameOf(long), /^[\w+=,.@-]{2,64}$/);
    assert.ok(senderNameOf(long).startsWith(`${long.siteId}@`));
  });

  test("are not to be had where there is no role for them, and it is said what to do", async () => {
    await assert.rejects(noGatewayAccess.credentialsFor(identity), /gives no credentials/);
  });
});

describe("a report", () => {
  test("is believed from the role session that is named for its gateway, and from nobody else", () => {
    const own = alive("a", "a1");
    assert.ok(isFromWhomItSays(own, `${roleId}:a@a1`, roleId));
    for (const sender of [`${roleId}:b@b1`, `${roleId}:a@a2`, "AROAOTHER:a@a1", "AIDAEXAMPLE", "", `${roleId}:a@a1x`]) {
      assert.ok(!isFromWhomItSays(own, sender, roleId), sender);
    }
    assert.ok(isFromWhomItSays(own, "whoever", undefined), "emulators tell nobody apart");
  });

  test("is one of its site's in the queue, and of nobody else's share", () => {
    const own = alive("a", "a1");
    assert.ok(isInItsGroup(own, "a", roleId));
    for (const group of ["b", "", undefined]) assert.ok(!isInItsGroup(own, group, roleId), group);
    assert.ok(isInItsGroup(own, undefined, undefined), "the built-in queues keep no groups");
  });

  test("that somebody else has sent in a gateway's name, or out of its site's share, is dropped, and the log says so", async () => {
    const { deps, errors, dump, send } = await createTestApi();
    await send("POST", "/v1/sites", { id: "a", multiCluster: "main" });
    const before = await dump();
    const record = (report: Report, SenderId: string, MessageGroupId?: string) => ({
      ...{ messageId: "1", receiptHandle: "r", body: JSON.stringify(report), md5OfBody: "", awsRegion: "x" },
      attributes: {
        ...{ ApproximateReceiveCount: "1", SentTimestamp: "0", ApproximateFirstReceiveTimestamp: "0" },
        SenderId,
        ...(MessageGroupId !== undefined && { MessageGroupId }),
      },
      ...{ messageAttributes: {}, eventSource: "aws:sqs" as const, eventSourceARN: "" },
    });
    const records = [
      record(alive("a", "a1"), `${roleId}:b@b1`, "a"),
      record(alive("a", "a1"), `${roleId}:a@a1`, "b"),
      record(alive("a", "a1"), `${roleId}:a@a1`),
    ];
    const forged: SQSEvent = { Records: records };
    assert.deepEqual(await handleReportBatch(deps, forged, roleId), { batchItemFailures: [] });
    assert.equal(await dump(), before);
    assert.equal(errors.length, records.length);
    await handleReportBatch(deps, { Records: [record(alive("a", "a1"), `${roleId}:a@a1`, "a")] }, roleId);
    assert.notEqual(await dump(), before);
  });
});
