import { randomBytes } from "node:crypto";
import { DeleteTableCommand } from "@aws-sdk/client-dynamodb";
import {
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from "@aws-sdk/client-iam";
import { DeleteScheduleGroupCommand } from "@aws-sdk/client-scheduler";
import { DeleteQueueCommand, ListQueuesCommand } from "@aws-sdk/client-sqs";
import { type Clients, createClients, type Environment } from "../../../functions/aws/clients.ts";
import { ensureQueue, reportQueueDefinition } from "../../../functions/aws/queues.ts";
import { ensureScheduleGroup } from "../../../functions/aws/scheduler.ts";
import { ensureTables, tableNamesOf } from "../../../functions/aws/table.ts";

/** What the steps of the smoke test work on. */
export interface Resources {
  readonly clients: Clients;
  /** The name of table and schedule group, and what the queues' names begin with. */
  readonly name: string;
  readonly deadLetters: { readonly url: string; readonly arn: string };
  readonly roleArn: string;
  readonly signal: AbortSignal;
}

/** One thing to check; it throws when it is not so. Says what it saw, if that is worth a line. */
export interface SmokeStep {
  readonly title: string;
  run(resources: Resources): Promise<string | undefined>;
}

type Say = (line: string) => void;

const policyName = "dead-letters";

const makeRole = async (iam: IAMClient, RoleName: string, deadLetterArn: string): Promise<string> => {
  const trust = { Effect: "Allow", Principal: { Service: "scheduler.amazonaws.com" }, Action: "sts:AssumeRole" };
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    }),
  );
  const statement = { Effect: "Allow", Action: "sqs:SendMessage", Resource: deadLetterArn };
  const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: policyName, PolicyDocument }));
  return Role?.Arn ?? "";
};

/**
 * Removes everything of the name, whether or not it was made. @returns what could not be removed
 */
const removeAll = async (clients: Clients, iam: IAMClient, name: string): Promise<readonly string[]> => {
  const left: string[] = [];
  const tryTo = async (what: string, remove: () => Promise<unknown>): Promise<void> => {
    try {
      await remove();
    } catch (error) {
      const isAbsent = error instanceof Error && /NotFound|NoSuchEntity|DoesNotExist|NonExistent/.test(error.name);
      if (!isAbsent) left.push(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  };
  await tryTo(`schedule group ${name}`, () => clients.scheduler.send(new DeleteScheduleGroupCommand({ Name: name })));
  await tryTo(`queues ${name}-*`, async () => {
    const { QueueUrls = [] } = await clients.sqs.send(new ListQueuesCommand({ QueueNamePrefix: `${name}-` }));
    for (const QueueUrl of QueueUrls) {
      await tryTo(`queue ${QueueUrl}`, () => clients.sqs.send(new DeleteQueueCommand({ QueueUrl })));
    }
  });
  for (const TableName of Object.values(tableNamesOf(name))) {
    await tryTo(`table ${TableName}`, () => clients.dynamodb.send(new DeleteTableCommand({ TableName })));
  }
  const RoleName = name;
  await tryTo(`policy of role ${name}`, () =>
    iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName: policyName })),
  );
  await tryTo(`role ${name}`, () => iam.send(new DeleteRoleCommand({ RoleName })));
  return left;
};

/**
 * Makes what the steps need under a name of its own, runs them all, and removes it, also when one
 * fails or the signal comes.
 * @returns how many failed; what could not be removed counts
 */
export const runSteps = async (options: {
  readonly steps: readonly SmokeStep[];
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly say: Say;
}): Promise<number> => {
  const { steps, env, signal, say } = options;
  const name = `smtx-backup-smoke-${randomBytes(4).toString("hex")}`;
  const clients = createClients(env);
  const endpoint = env["AWS_ENDPOINT_URL"];
  const iam = new IAMClient({ region: env["AWS_REGION"] ?? "us-east-1", ...(endpoint && { endpoint, ...dummies }) });
  let failures = 0;
  try {
    say(`making ${name}`);
    await ensureTables(clients.dynamodb, name);
    await ensureScheduleGroup(clients.scheduler, name);
    const deadLetters = await ensureQueue(clients.sqs, `${name}-schedules`, reportQueueDefinition);
    const roleArn = await makeRole(iam, name, deadLetters.arn);
    for (const { title, run } of steps) {
      signal.throwIfAborted();
      try {
        const seen = await run({ clients, name, deadLetters, roleArn, signal });
        say(`ok      ${title}${seen === undefined ? "" : ` (${seen})`}`);
      } catch (error) {
        failures += 1;
        say(`FAILED  ${title}: ${error instanceof Error ? error.message : error}`);
      }
    }
  } catch (error) {
    failures += 1;
    say(`FAILED  ${error instanceof Error ? error.message : error}`);
  } finally {
    const left = await removeAll(clients, iam, name);
    for (const what of left) say(`NOT REMOVED  ${what}`);
    failures += left.length;
    say(left.length === 0 ? `removed ${name}` : `remove the rest of ${name} by hand`);
    clients.destroy();
    iam.destroy();
  }
  return failures;
};

const dummies = { credentials: { accessKeyId: "test", secretAccessKey: "test" } };
