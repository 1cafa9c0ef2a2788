import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { GetFunctionConfigurationCommand, InvokeCommand } from "@aws-sdk/client-lambda";
import { DeleteScheduleCommand } from "@aws-sdk/client-scheduler";
import { DescribeSecretCommand, GetSecretValueCommand } from "@aws-sdk/client-secrets-manager";
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueUrlCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from "@aws-sdk/client-sqs";
import { AssumeRoleCommand } from "@aws-sdk/client-sts";
import {
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import type { ObjectsAnswer } from "../../../core/api/answers.ts";
import type { SiteId } from "../../../core/api/ids.ts";
import type { Plan } from "../../../core/api/plan.ts";
import { siteQueueName } from "../../../core/api/queues.ts";
import { scopeSchema } from "../../../core/api/token.ts";
import { createSecretsClient } from "../../../functions/aws/authorities-secret.ts";
import { type Clients, createClients, createStsClient, type Environment } from "../../../functions/aws/clients.ts";
import { itemKey } from "../../../functions/aws/dynamodb-item.ts";
import { createLambdaClient } from "../../../functions/aws/lambda-client.ts";
import { queueUrlOf } from "../../../functions/aws/queues.ts";
import { auditKey, tokenKey } from "../../../functions/documents/records.ts";
import { newSecret } from "../../../functions/tokens/secret.ts";
import { createToken } from "../../../functions/tokens/tokens.ts";
import { arnsOf, type FunctionName, functionNames, namesOf } from "../../../infra/aws/names.ts";
import { functionPolicies, gatewayPolicy, type Statement } from "../../../infra/aws/policies.ts";
import { createAuthority } from "../../../pki/authority.ts";
import { hangMs } from "../../patience.ts";
import type { EmulatorProcess } from "../emulator-process.ts";
import { startMinistack } from "../ministack.ts";
import { type Deployment, deploy, installation } from "./deployment.ts";
import {
  type ApiCall,
  callerOf,
  type Exercises,
  environmentOf,
  exercisesOf,
  furnish,
  multiCluster,
} from "./exercises.ts";
import { type Gateways, startGateways } from "./gateways.ts";
import { permissionsOf, without } from "./iam.ts";

const seconds = 1000;

type Subject = FunctionName | "gateway";
const subjects: readonly Subject[] = [...functionNames, "gateway"];
const statementsOf = (subject: Subject): readonly Statement[] =>
  subject === "gateway" ? gatewayPolicy(installation) : functionPolicies[subject](installation);

/**
 * What can be taken away here without harm, and why. A test sees to it that it still can: what
 * ministack begins to judge, or the code to use, has to leave this list.
 */
const notJudged: Readonly<Record<string, string>> = {
  "api iam:PassRole": "ministack asks nobody who passes a role",
  "sweep iam:PassRole": "ministack asks nobody who passes a role",
  "report sqs:ReceiveMessage": "ministack takes messages for the function with nobody's permission",
  "report sqs:DeleteMessage": "ministack takes messages for the function with nobody's permission",
  "report sqs:GetQueueAttributes": "ministack takes messages for the function with nobody's permission",
  "dead-letters sqs:ReceiveMessage": "its messages are handed to it here",
  "dead-letters sqs:DeleteMessage": "its messages are handed to it here",
  "dead-letters sqs:GetQueueAttributes": "its messages are handed to it here",
};

describe("the functions as they are deployed, on ministack with IAM enforced", () => {
  let ministack: EmulatorProcess;
  let deployment: Deployment;
  let call: ApiCall;
  let exercises: Exercises;
  let gateways: Gateways | undefined;

  before(async () => {
    ministack = await startMinistack({ env: { AUTH: "true" } });
    const { certificatePem, keyPem } = await createAuthority({ multiCluster });
    deployment = await deploy(ministack, {
      authorities: JSON.stringify({ [multiCluster]: `${certificatePem}\n${keyPem}` }),
    });
    const { token } = await createToken(deployment.deps, { name: "test", scopes: scopeSchema.options });
    call = callerOf(deployment, token);
    await furnish(deployment, call);
    exercises = exercisesOf(deployment, call);
  });
  after(async () => {
    await gateways?.stop();
    await deployment?.stop();
    await ministack?.stop();
  });

  const until = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    const endMs = performance.now() + hangMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      assert(performance.now() < endMs, `waited in vain for ${what}: ${ministack.lastOutput()}`);
      await wait(500);
    }
  };

  test("a plan made by HTTP is fired by the Scheduler, and two gateways' reports finish its run", async (t) => {
    gateways = await startGateways(deployment, call, ["p", "q"]);
    await gateways.importLun("p", "web1");
    await until("site p's inventory", async () => {
      await call("POST", "/v1/sites/p/inventory");
      await wait(1000);
      const seen = await call<ObjectsAnswer>("GET", "/v1/sites/p/objects").catch(() => undefined);
      return seen?.items.length === 1 ? seen : undefined;
    });
    // ministack's Scheduler looks every 10 s, and fires for the first time for a slot
    // after its first look.
    const slot = new Date(Math.ceil((Date.now() + 15 * seconds) / (60 * seconds)) * 60 * seconds);
    const plan = await call<Plan>("POST", "/v1/plans", {
      name: "fired",
      source: "p",
      targets: [{ site: "q", retention: { keepLast: 2 } }],
      objects: [{ kind: "lun", name: "web1" }],
      schedule: { cycle: "hourly", minute: slot.getUTCMinutes(), every: 1, timeZone: "UTC", startsOn: "2026-01-01" },
    });
    interface History {
      readonly items: readonly { readonly type: string; readonly run: Readonly<Record<string, string>> }[];
    }
    const run = await until("the slot's run to end", async () => {
      const { items } = await call<History>("GET", `/v1/plans/${plan.id}/runs`);
      const ended = items.find(
        ({ type, run }) => type === "run" && !["queued", "running"].includes(run["status"] ?? ""),
      );
      return ended?.run;
    });
    assert.equal(run["status"], "succeeded");
    assert.equal(run["trigger"], "schedule");
    assert.equal(run["slot"], slot.toISOString());
    t.diagnostic(`the run began ${(Date.parse(run["createdAt"] ?? "") - slot.getTime()) / 1000} s after its slot`);
    await call("DELETE", `/v1/plans/${plan.id}`);
    await gateways.stop();
    gateways = undefined;
  });

  const allow = (subject: Subject, statements: readonly Statement[]): Promise<void> =>
    subject === "gateway" ? deployment.allowGateways(statements) : deployment.allow(subject, statements);

  for (const subject of subjects) {
    describe(`${subject === "gateway" ? "a gateway" : `the function ${subject}`}`, () => {
      test("does all that it is there for with the permissions that it is given", () => exercises[subject]());

      for (const permission of permissionsOf(statementsOf(subject))) {
        const why = notJudged[`${subject} ${permission.action}`];
        const [resource] = statementsOf(subject)[permission.statement]?.resources ?? [];
        const name = `${permission.action} on ${resource?.split(":").slice(2).join(":")}`;
        test(why === undefined ? `fails without ${name}` : `is not judged by ${name}: ${why}`, async () => {
          await allow(subject, without(statementsOf(subject), permission));
          if (why === undefined) await assert.rejects(exercises[subject]);
          else await exercises[subject]();
        });
      }

      test("does it again once it has everything back: what failed, failed for want of a permission", async () => {
        await allow(subject, statementsOf(subject));
        await exercises[subject]();
      });
    });
  }

  describe("a gateway's credentials", () => {
    const names = namesOf(installation.prefix);
    const urlOf = (name: string) => queueUrlOf(deployment.clients.sqs, name);
    const tasksOf = (site: string) => siteQueueName(installation.prefix, site as SiteId, "tasks");
    const receiptHandle = "not one";

    type Attempt = readonly [string, (clients: Clients, env: Environment) => Promise<unknown>];
    const tableAttempts = (TableName: string): Attempt[] => [
      [
        `read the table ${TableName}`,
        async ({ dynamodb }) =>
          dynamodb.send(new GetItemCommand({ TableName, Key: { pk: { S: "SITES" }, sk: { S: "SITE#a" } } })),
      ],
      [
        `write to the table ${TableName}`,
        async ({ dynamodb }) =>
          dynamodb.send(new PutItemCommand({ TableName, Item: { pk: { S: "SITES" }, sk: { S: "x" } } })),
      ],
    ];

    /** Everything that isn't its own. */
    const forbidden: readonly Attempt[] = [
      [
        "receive another site's tasks",
        async ({ sqs }) => sqs.send(new ReceiveMessageCommand({ QueueUrl: await urlOf(tasksOf("b")) })),
      ],
      [
        "delete another site's tasks",
        async ({ sqs }) =>
          sqs.send(new DeleteMessageCommand({ QueueUrl: await urlOf(tasksOf("b")), ReceiptHandle: receiptHandle })),
      ],
      [
        "hide another site's tasks",
        async ({ sqs }) =>
          sqs.send(
            new ChangeMessageVisibilityCommand({
              QueueUrl: await urlOf(tasksOf("b")),
              ReceiptHandle: receiptHandle,
              VisibilityTimeout: 1,
            }),
          ),
      ],
      [
        "look for another site's queue",
        async ({ sqs }) => sqs.send(new GetQueueUrlCommand({ QueueName: tasksOf("b") })),
      ],
      [
        "send tasks to another site",
        async ({ sqs }) => sqs.send(new SendMessageCommand({ QueueUrl: await urlOf(tasksOf("b")), MessageBody: "{}" })),
      ],
      [
        "send tasks to its own site",
        async ({ sqs }) => sqs.send(new SendMessageCommand({ QueueUrl: await urlOf(tasksOf("a")), MessageBody: "{}" })),
      ],
      [
        "empty its own site's queue",
        async ({ sqs }) => sqs.send(new PurgeQueueCommand({ QueueUrl: await urlOf(tasksOf("a")) })),
      ],
      [
        "delete its own site's queue",
        async ({ sqs }) => sqs.send(new DeleteQueueCommand({ QueueUrl: await urlOf(tasksOf("a")) })),
      ],
      ["make a queue", async ({ sqs }) => sqs.send(new CreateQueueCommand({ QueueName: tasksOf("z") }))],
      [
        "read what others report",
        async ({ sqs }) => sqs.send(new ReceiveMessageCommand({ QueueUrl: await urlOf(names.reports) })),
      ],
      [
        "read dead letters",
        async ({ sqs }) => sqs.send(new ReceiveMessageCommand({ QueueUrl: await urlOf(names.reportsDead) })),
      ],
      ...Object.values(names.tables).flatMap((TableName) => tableAttempts(TableName)),
      [
        "delete a schedule",
        async ({ scheduler }) =>
          scheduler.send(new DeleteScheduleCommand({ Name: "x", GroupName: names.scheduleGroup })),
      ],
      [
        "read the authorities' keys",
        async (_, env) => createSecretsClient(env).send(new GetSecretValueCommand({ SecretId: names.authorities })),
      ],
      [
        "call a function",
        async (_, env) =>
          createLambdaClient(env).send(
            new InvokeCommand({ FunctionName: names.function("site-queues"), Payload: "{}" }),
          ),
      ],
      [
        "become another gateway",
        async (_, env) =>
          createStsClient(env).send(
            new AssumeRoleCommand({ RoleArn: arnsOf(installation).gatewayRole, RoleSessionName: "b@b1" }),
          ),
      ],
    ];

    let env: Environment;
    let clients: Clients;
    before(async () => {
      env = environmentOf(deployment, await exercises.gatewayCredentials());
      clients = createClients(env);
    });
    after(() => clients?.destroy());

    test("are good for its own site's queues, and for reporting", () => exercises.gateway());

    for (const [what, attempt] of forbidden) {
      test(`are refused to ${what}`, async () => {
        await assert.rejects(attempt(clients, env), (error: unknown) => {
          assert(error instanceof Error);
          assert.match(
            error.name,
            /AccessDenied|NotAuthorized|UnauthorizedOperation/i,
            `${error.name}: ${error.message}`,
          );
          return true;
        });
      });
    }
  });

  describe("a function that was taken over", () => {
    const { tables } = namesOf(installation.prefix);
    const entry = auditKey("2026-03-01T01:00:00.000Z", "entry");
    const planted = newSecret("smtxb");
    const plantedKey = itemKey(tokenKey(planted.sha256));
    const token = { id: planted.id, name: "planted", scopes: scopeSchema.options, createdAt: new Date().toISOString() };
    const plantedItem = { ...plantedKey, version: 1, body: token };

    type Attempt = (documents: DynamoDBDocumentClient) => Promise<unknown>;
    const changes = (TableName: string, Key: { pk: string; sk: string }): Readonly<Record<string, Attempt>> => ({
      update: (documents) =>
        documents.send(
          new UpdateCommand({
            ...{ TableName, Key, UpdateExpression: "SET body = :body", ExpressionAttributeValues: { ":body": token } },
          }),
        ),
      delete: (documents) => documents.send(new DeleteCommand({ TableName, Key })),
      "write among others": (documents) =>
        documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: [{ DeleteRequest: { Key } }] } })),
      "delete in a transaction": (documents) =>
        documents.send(new TransactWriteCommand({ TransactItems: [{ Delete: { TableName, Key } }] })),
    });
    const putIn =
      (TableName: string): Attempt =>
      (documents) =>
        documents.send(new PutCommand({ TableName, Item: plantedItem }));
    const looks: Readonly<Record<string, Attempt>> = {
      "look for": (documents) =>
        documents.send(
          new QueryCommand({
            TableName: tables.audit,
            KeyConditionExpression: "pk = :pk",
            ExpressionAttributeValues: { ":pk": entry.partition },
          }),
        ),
      get: (documents) => documents.send(new GetCommand({ TableName: tables.audit, Key: itemKey(entry) })),
      scan: (documents) => documents.send(new ScanCommand({ TableName: tables.audit })),
    };

    /** Does something as the function itself could, with the keys of its own role. */
    const as = async (name: FunctionName, attempt: Attempt): Promise<unknown> => {
      const { dynamodb, destroy } = createClients(await deployment.credentialsOf(name));
      try {
        return await attempt(DynamoDBDocumentClient.from(dynamodb));
      } finally {
        destroy();
      }
    };
    const assertRefused = (name: FunctionName, attempt: Attempt): Promise<void> =>
      assert.rejects(as(name, attempt), { name: "AccessDeniedException" });

    const others = functionNames.filter((name) => name !== "api");

    test("makes no token and changes none, unless it is the API", async () => {
      for (const name of others) {
        await assertRefused(name, putIn(tables.access));
        for (const attempt of Object.values(changes(tables.access, plantedKey))) await assertRefused(name, attempt);
      }
    });

    test("changes and deletes nothing of the audit trail, whichever it is", async () => {
      for (const name of functionNames) {
        for (const attempt of Object.values(changes(tables.audit, itemKey(entry)))) await assertRefused(name, attempt);
      }
    });

    test("adds to the audit trail only where it is the API or the sweep, which can't read it", async () => {
      for (const name of functionNames) {
        if (name !== "api" && name !== "sweep") await assertRefused(name, putIn(tables.audit));
        if (name === "audit") continue;
        for (const attempt of Object.values(looks)) await assertRefused(name, attempt);
      }
    });

    test("is not believed what it writes about tokens where it may write", async () => {
      await as("report", (documents) =>
        documents.send(
          new BatchWriteCommand({ RequestItems: { [tables.state]: [{ PutRequest: { Item: plantedItem } }] } }),
        ),
      );
      await assert.rejects(call("GET", "/v1/sites", undefined, planted.text), /401/);
    });
  });

  test("whoever may read every function's configuration and every secret of the account has no authority's key", async () => {
    const actions = [
      "lambda:GetFunctionConfiguration",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
    ];
    const env = await deployment.user([{ actions, resources: ["*"] }]);
    const lambda = createLambdaClient(env);
    const secrets = createSecretsClient(env);
    const { api, authorities } = { api: namesOf(installation.prefix).function("api"), ...namesOf(installation.prefix) };
    const read = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: api }));
    assert.doesNotMatch(JSON.stringify(read), /PRIVATE KEY/);
    assert.equal((await secrets.send(new DescribeSecretCommand({ SecretId: authorities }))).Name, authorities);
    await assert.rejects(secrets.send(new GetSecretValueCommand({ SecretId: authorities })), {
      name: "AccessDeniedException",
    });
    lambda.destroy();
    secrets.destroy();
  });

  test("the list of what is not judged names nothing else", () => {
    const known = subjects.flatMap((subject) =>
      permissionsOf(statementsOf(subject)).map(({ action }) => `${subject} ${action}`),
    );
    assert.deepEqual(
      Object.keys(notJudged).filter((name) => !known.includes(name)),
      [],
    );
  });
});
