import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
import { gatewayIdSchema, type SiteId, siteIdSchema } from "../core/api/ids.ts";
import { reportQueueName, siteQueueName, siteQueueOf, siteQueues } from "../core/api/queues.ts";
import { type Report, reportSchema } from "../core/api/report.ts";
import { type Task, type TaskResult, type TaskResultOf, taskSchema } from "../core/api/task.ts";
import { createAuthority } from "../pki/authority.ts";
import { issueGatewayCertificate } from "../pki/testing.ts";
import { hangMs } from "../test/patience.ts";
import { type GatewayConfig, parseGatewayConfig } from "./config/config.ts";
import { createSqsClient } from "./queues/sqs-client.ts";
import { runTaskFields } from "./tasks/testing.ts";

const prefix = "gateways";
const multiCluster = siteIdSchema.parse("mc");

/**
 * The world around gateways: queues, an authority, a folder. It plays the control plane, and points
 * AWS_ENDPOINT_URL of this process at its queues until it is closed.
 */
export const openWorld = async (sites: readonly SiteId[]) => {
  const emulator = buildApp({ logger: false });
  const endpoint = await emulator.listen({ host: "127.0.0.1", port: 0 });
  const before = process.env["AWS_ENDPOINT_URL"];
  process.env["AWS_ENDPOINT_URL"] = endpoint;
  const client = createSqsClient();
  const dir = await mkdtemp(join(tmpdir(), "gateways-"));
  const authority = await createAuthority({ multiCluster });
  const createQueue = async (name: string) => {
    const { QueueUrl = "" } = await client.send(new CreateQueueCommand({ QueueName: name }));
    return QueueUrl;
  };
  const reportsUrl = await createQueue(reportQueueName(prefix));
  for (const siteId of sites) {
    for (const queue of siteQueues) await createQueue(siteQueueName(prefix, siteId, queue));
  }

  const receiveReports = async (): Promise<readonly Report[]> => {
    const wanted = { QueueUrl: reportsUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 };
    const { Messages = [] } = await client.send(new ReceiveMessageCommand(wanted));
    for (const { ReceiptHandle } of Messages) {
      await client.send(new DeleteMessageCommand({ QueueUrl: reportsUrl, ReceiptHandle }));
    }
    return Messages.map(({ Body = "" }) => reportSchema.parse(JSON.parse(Body)));
  };

  /** What `pick` makes of the first report that it makes something of; those before it are gone. */
  const reportOf = async <R>(pick: (report: Report) => R | undefined): Promise<R> => {
    const deadlineMs = Date.now() + hangMs;
    while (Date.now() < deadlineMs) {
      for (const report of await receiveReports()) {
        const picked = pick(report);
        if (picked !== undefined) return picked;
      }
    }
    return assert.fail("the report did not come");
  };

  const send = async (fields: object): Promise<Task> => {
    const task = taskSchema.parse({ ...runTaskFields, ...fields });
    const QueueUrl = await createQueue(siteQueueName(prefix, task.siteId, siteQueueOf(task)));
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(task) }));
    return task;
  };

  return {
    dir,
    reportOf,
    send,
    /** Gives a task to its site and waits for what it comes to. */
    perform: async <K extends TaskResult["kind"]>(kind: K, fields: object): Promise<TaskResultOf<K>> => {
      const { id } = await send({ id: kind, kind, ...fields });
      const ended = await reportOf((report) =>
        (report.kind === "completed" || report.kind === "failed") && report.taskId === id ? report : undefined,
      );
      assert.ok(ended.kind === "completed", JSON.stringify(ended));
      assert.ok(ended.result.kind === kind);
      return ended.result as TaskResultOf<K>;
    },
    /** A gateway's configuration; its certificate is for the gateway `certificateFor`. */
    configOf: async (siteId: SiteId, certificateFor = `${siteId}1`): Promise<GatewayConfig> => {
      const gatewayId = gatewayIdSchema.parse(certificateFor);
      const { certificatePem, keyPem } = await issueGatewayCertificate(authority, {
        multiCluster,
        siteId,
        gatewayId,
        validDays: 1,
      });
      await writeFile(join(dir, "ca.pem"), authority.certificatePem);
      await writeFile(join(dir, `${siteId}.pem`), certificatePem);
      await writeFile(join(dir, `${siteId}-key.pem`), keyPem, { mode: 0o600 });
      const config = {
        gatewayId: `${siteId}1`,
        siteId,
        multiCluster,
        storage: { kind: "extentstore", dir: `store-${siteId}` },
        tls: { ca: "ca.pem", certificate: `${siteId}.pem`, key: `${siteId}-key.pem` },
        queues: { prefix },
        concurrency: { workers: 1 },
      };
      return parseGatewayConfig(config, join(dir, "gateway.yaml"));
    },
    close: async () => {
      if (before === undefined) delete process.env["AWS_ENDPOINT_URL"];
      else process.env["AWS_ENDPOINT_URL"] = before;
      client.destroy();
      await emulator.close();
      await rm(dir, { recursive: true });
    },
  };
};
