import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { messageBytesMax } from "../../core/api/message.ts";
import { reportQueueDefinition } from "../../functions/aws/queues.ts";
import { concurrencyOf, newAccountExecutions } from "../../infra/aws/concurrency.ts";
import { arnsOf, functionNames, handlerOf, type Installation, namesOf, prefixOf } from "../../infra/aws/names.ts";
import type { Statement } from "../../infra/aws/policies.ts";
import { functionPolicies, gatewayPolicy, schedulePolicy } from "../../infra/aws/policies.ts";
import { type Evaluation, evaluate, type Resource } from "./evaluate.ts";

const prefix = "smtx-backup-production";
const names = namesOf(prefix);
const installation: Installation = { partition: "aws", region: "us-east-1", accountId: "123456789012", prefix };
const arns = arnsOf(installation);

/** A statement as the mocks hand it back. */
interface Said extends Statement {
  readonly effect?: string;
  readonly principals?: readonly { readonly type: string; readonly identifiers: readonly string[] }[];
}

describe("the deployment", () => {
  let production: Evaluation;
  let staging: Evaluation;
  before(async () => {
    production = await evaluate("production");
    staging = await evaluate("staging");
  });

  const all = (type: string, evaluation = production): readonly Resource[] =>
    evaluation.resources.filter((resource) => resource.type === type);
  const one = (type: string, name: string, evaluation = production) => {
    const found = all(type, evaluation).filter((resource) => resource.name === name);
    assert.equal(found.length, 1, `${found.length} resources ${type} ${name}`);
    return found[0]?.inputs as Record<string, unknown>;
  };
  const functionNamed = (name: string) => {
    const found = all("aws:lambda/function:Function").find(({ inputs }) => inputs["name"] === name);
    assert(found !== undefined, `there is no function ${name}`);
    return found.inputs as { role: string; timeout: number; environment: unknown } & Record<string, unknown>;
  };
  const statementsOf = (policy: unknown): readonly Said[] => JSON.parse(policy as string);
  const roles = (): readonly (Resource["inputs"] & { name: string })[] =>
    all("aws:iam/role:Role").map(({ inputs }) => inputs as Resource["inputs"] & { name: string });
  const roleOf = (arn: string) => {
    const role = roles().find(({ name }) => arn.endsWith(`:role/${name}`));
    assert(role !== undefined, `there is no role ${arn}`);
    return role;
  };
  const granted = (role: Resource["inputs"]): readonly Said[] =>
    (role["inlinePolicies"] as { policy: string }[]).flatMap(({ policy }) => statementsOf(policy));
  const plain = (statements: readonly Said[]): readonly Statement[] =>
    statements.map(({ actions, resources, conditions }) => ({
      actions,
      resources,
      ...(conditions === undefined ? {} : { conditions }),
    }));
  const environmentOf = (name: string): Record<string, string> => {
    const { environment } = functionNamed(name) as { environment: Record<string, unknown> };
    // A secret is wrapped.
    const { variables } = (environment["variables"] === undefined ? environment["value"] : environment) as {
      variables: Record<string, string>;
    };
    return variables;
  };

  const scheduleTrust = (group: string): Said =>
    ({
      actions: ["sts:AssumeRole"],
      principals: [{ type: "Service", identifiers: ["scheduler.amazonaws.com"] }],
      conditions: [
        { test: "StringEquals", variable: "aws:SourceAccount", values: ["123456789012"] },
        { test: "ArnEquals", variable: "aws:SourceArn", values: [group] },
      ],
    }) as unknown as Said;

  test("makes these resources and no others", () => {
    const count = new Map<string, number>();
    for (const { type } of production.resources) {
      if (/^(?:sst|pulumi):/.test(type)) continue;
      count.set(type, (count.get(type) ?? 0) + 1);
    }
    assert.deepEqual(Object.fromEntries([...count].sort()), {
      "aws:apigatewayv2/api:Api": 1,
      "aws:apigatewayv2/integration:Integration": 5,
      "aws:apigatewayv2/route:Route": 5,
      "aws:apigatewayv2/stage:Stage": 1,
      "aws:cloudwatch/logGroup:LogGroup": 9,
      "aws:cloudwatch/metricAlarm:MetricAlarm": 15,
      "aws:dynamodb/table:Table": 3,
      // Of eight functions, of the plans' schedules, of two of our own, and of the gateways.
      "aws:iam/role:Role": 12,
      "aws:lambda/eventSourceMapping:EventSourceMapping": 3,
      "aws:lambda/function:Function": 8,
      "aws:lambda/permission:Permission": 5,
      "aws:s3/bucketObjectv2:BucketObjectv2": 8,
      "aws:scheduler/schedule:Schedule": 2,
      "aws:scheduler/scheduleGroup:ScheduleGroup": 1,
      "aws:secretsmanager/secret:Secret": 1,
      "aws:secretsmanager/secretPolicy:SecretPolicy": 1,
      "aws:sns/topic:Topic": 1,
      "aws:sqs/queue:Queue": 3,
      "random:index/randomBytes:RandomBytes": 1,
    });
    assert.deepEqual([...production.handlers].sort(), functionNames.map(handlerOf).sort());
  });

  test("says what its administrator needs", () => {
    assert.deepEqual(production.outputs, {
      _protect: true,
      api: "https://api.test",
      authorities: `${prefix}-authorities`,
      table: prefix,
      queuePrefix: prefix,
      alarms: `arn:aws:sns:us-east-1:123456789012:${prefix}-alarms`,
    });
  });

  test("protects its data in production, and only there", () => {
    assert.deepEqual([production.app.removal, production.app.protect], ["retain", true]);
    assert.deepEqual([staging.app.removal, staging.app.protect], ["remove", false]);
    for (const [evaluation, isProtected] of [
      [production, true],
      [staging, false],
    ] as const) {
      const tables = all("aws:dynamodb/table:Table", evaluation);
      assert.equal(tables.length, 3);
      for (const { inputs, retainOnDelete } of tables) {
        assert.equal(inputs["deletionProtectionEnabled"], isProtected);
        assert.equal(retainOnDelete, isProtected);
        assert.deepEqual(inputs["pointInTimeRecovery"], { enabled: true });
      }
    }
  });

  test("has the tables that local runs have: for state, for access and for the audit trail", () => {
    const keys = [
      { name: "pk", type: "S" },
      { name: "sk", type: "S" },
    ];
    const due = [
      { name: "dueShard", type: "N" },
      { name: "dueAt", type: "S" },
    ];
    for (const [id, tableName, isSwept] of [
      ["TableTable", prefix, true],
      ["AccessTableTable", `${prefix}-access`, false],
      ["AuditTableTable", `${prefix}-audit`, false],
    ] as const) {
      const { attributes, hashKey, rangeKey, globalSecondaryIndexes, ttl, billingMode, name } = one(
        "aws:dynamodb/table:Table",
        id,
      );
      assert.deepEqual(attributes, isSwept ? [...keys, ...due] : keys);
      assert.deepEqual([name, billingMode, hashKey, rangeKey], [tableName, "PAY_PER_REQUEST", "pk", "sk"]);
      const index = { name: "due", hashKey: "dueShard", rangeKey: "dueAt", projectionType: "KEYS_ONLY" };
      assert.deepEqual(globalSecondaryIndexes ?? [], isSwept ? [index] : []);
      assert.deepEqual(ttl, { attributeName: "ttl", enabled: true });
    }
  });

  test("has the queues that local runs have, and dead letters for each", () => {
    const retention = {
      messageRetentionSeconds: 14 * 24 * 60 * 60,
      visibilityTimeoutSeconds: 60,
      maxMessageSize: messageBytesMax,
    };
    const facts = ({ inputs }: Resource) => {
      const { name, messageRetentionSeconds, visibilityTimeoutSeconds, maxMessageSize, redrivePolicy } = inputs;
      const redrive = redrivePolicy === undefined ? undefined : JSON.parse(redrivePolicy as string);
      return { name: name as string, messageRetentionSeconds, visibilityTimeoutSeconds, maxMessageSize, redrive };
    };
    const queues = all("aws:sqs/queue:Queue").map(facts);
    assert.deepEqual(
      queues.toSorted((a, b) => a.name.localeCompare(b.name)),
      [
        {
          name: names.reports,
          ...retention,
          redrive: { deadLetterTargetArn: arns.reportsDead, maxReceiveCount: reportQueueDefinition.maxReceiveCount },
        },
        { name: names.reportsDead, ...retention, redrive: undefined },
        { name: names.schedulesDead, ...retention, redrive: undefined },
      ],
    );
  });

  test("gives reports and dead letters to their functions, so many at once, which may fail for some of a batch, and have time for six tries", () => {
    const mappings = all("aws:lambda/eventSourceMapping:EventSourceMapping").map(({ inputs }) => {
      const { eventSourceArn, functionName, functionResponseTypes, batchSize, scalingConfig } = inputs;
      return JSON.stringify([eventSourceArn, functionName, functionResponseTypes, batchSize, scalingConfig]);
    });
    const wanted = [
      [arns.reports, "report", 4],
      [arns.reportsDead, "dead-letters", 2],
      [arns.schedulesDead, "dead-letters", 2],
    ] as const;
    const facts = wanted.map(([queue, name, maximumConcurrency]) => [
      ...[queue, arns.function(name), ["ReportBatchItemFailures"], 10],
      { maximumConcurrency },
    ]);
    assert.deepEqual(mappings.toSorted(), facts.map((fact) => JSON.stringify(fact)).toSorted());
    const together = wanted.reduce((sum, [, , most]) => sum + most, 0);
    assert(
      together <= newAccountExecutions - 2,
      "nothing is left of a new account's executions for the API and the sweep",
    );
    for (const [, name] of wanted) {
      const { timeout } = functionNamed(names.function(name));
      assert(timeout * 6 <= reportQueueDefinition.visibilityTimeoutSeconds);
    }
  });

  test("lets an account with more executions take in more reports at once, within AWS's bounds", () => {
    assert.equal(concurrencyOf(1000).reports, 400);
    assert.equal(concurrencyOf(10_000).reports, 1000);
    for (const executions of [9, 10.5, Number.NaN]) assert.throws(() => concurrencyOf(executions), /10 or more/);
  });

  test("lets API Gateway's routes call the API's function, and nobody else call anything", () => {
    const called = [...Array(4).fill("api"), "audit"].map((name) => arns.function(name));
    const integrations = all("aws:apigatewayv2/integration:Integration").map(({ inputs }) => inputs);
    assert.deepEqual(integrations.map((inputs) => inputs["integrationUri"]).toSorted(), called);
    for (const inputs of integrations) assert.equal(inputs["payloadFormatVersion"], "2.0");
    const permissions = all("aws:lambda/permission:Permission").map(({ inputs }) => inputs);
    assert.deepEqual(permissions.map((inputs) => inputs["function"]).toSorted(), called);
    for (const inputs of permissions) assert.equal(inputs["principal"], "apigateway.amazonaws.com");
    assert.deepEqual(one("aws:apigatewayv2/api:Api", "HttpApi")["corsConfiguration"], {});
  });

  test("throttles each call of gateways by itself, so that a flood elsewhere locks none out", () => {
    const routes = all("aws:apigatewayv2/route:Route");
    const paths = ["POST /v1/credentials", "POST /v1/enrol", "POST /v1/renew"];
    assert.deepEqual(routes.map(({ inputs }) => inputs["routeKey"]).toSorted(), [
      "$default",
      "ANY /v1/audit",
      ...paths,
    ]);
    const stage = all("aws:apigatewayv2/stage:Stage")[0];
    const throttle = (throttlingRateLimit: number, throttlingBurstLimit: number) => ({
      throttlingRateLimit,
      throttlingBurstLimit,
    });
    assert.deepEqual(stage?.inputs["defaultRouteSettings"], throttle(100, 200));
    const settings = stage?.inputs["routeSettings"] as { routeKey: string }[];
    assert.deepEqual(
      settings.toSorted((a, b) => a.routeKey.localeCompare(b.routeKey)),
      [
        { routeKey: "POST /v1/credentials", ...throttle(100, 200) },
        { routeKey: "POST /v1/enrol", ...throttle(10, 20) },
        { routeKey: "POST /v1/renew", ...throttle(20, 40) },
      ],
    );
    for (const { inputs, order } of routes) {
      assert(
        order < (stage?.order ?? 0),
        `the stage says something of ${inputs["routeKey"]}, which must be there first`,
      );
    }
  });

  test("runs every function on Node 24, with what it needs in its environment, and no secret", () => {
    const shared = {
      TABLE_NAME: names.tables.state,
      QUEUE_PREFIX: prefix,
      SCHEDULE_GROUP: names.scheduleGroup,
      PLAN_FUNCTION_ARN: arns.function("plan"),
      SCHEDULE_ROLE_ARN: arns.scheduleRole,
      SCHEDULE_DEAD_LETTER_ARN: arns.schedulesDead,
    };
    const expected: Record<string, object> = {
      api: {
        ...shared,
        API_URLS: "https://api.test",
        AUTHORITIES_SECRET: names.authorities,
        SITE_QUEUES_FUNCTION: names.function("site-queues"),
        GATEWAY_ROLE_ARN: arns.gatewayRole,
      },
      report: { ...shared, GATEWAY_ROLE_ID: `AROA-${names.gatewayRole}` },
      "dead-letters": { ...shared, GATEWAY_ROLE_ID: `AROA-${names.gatewayRole}` },
      "site-queues": { QUEUE_PREFIX: prefix },
    };
    for (const name of functionNames) {
      const inputs = functionNamed(names.function(name));
      assert.deepEqual(
        [inputs["runtime"], inputs["architectures"], inputs["handler"]],
        ["nodejs24.x", ["arm64"], "bundle.handler"],
      );
      const ours = Object.entries(environmentOf(names.function(name))).filter(([key]) => !key.startsWith("SST_"));
      assert.deepEqual(Object.fromEntries(ours), expected[name] ?? shared, name);
    }
  });

  test("keeps the authorities' keys where whoever may read a function's configuration, or every secret, can't read them", () => {
    const secret = one("aws:secretsmanager/secret:Secret", "Authorities");
    assert.deepEqual([secret["name"], secret["recoveryWindowInDays"]], [names.authorities, 30]);
    const { policy } = one("aws:secretsmanager/secretPolicy:SecretPolicy", "AuthoritiesPolicy");
    assert.deepEqual(statementsOf(policy), [
      {
        effect: "Deny",
        principals: [{ type: "*", identifiers: ["*"] }],
        actions: ["secretsmanager:GetSecretValue"],
        resources: ["*"],
        conditions: [
          {
            test: "StringNotEquals",
            variable: "aws:PrincipalArn",
            values: [functionNamed(names.function("api")).role],
          },
        ],
      },
    ]);
    const readers = functionNames.filter((name) =>
      granted(roleOf(functionNamed(names.function(name)).role)).some(({ actions }) =>
        actions.some((action) => action.startsWith("secretsmanager:")),
      ),
    );
    assert.deepEqual(readers, ["api"]);
    const isSecret = ({ type }: Resource) => /secretVersion|sst:sst:Secret/i.test(type);
    assert.deepEqual(production.resources.filter(isSecret), [], "no key passes through a deployment");
  });

  test("keeps what it logs for three months", () => {
    const groups = all("aws:cloudwatch/logGroup:LogGroup");
    for (const { name, inputs } of groups) assert.equal(inputs["retentionInDays"], 90, name);
    for (const name of functionNames) {
      const { loggingConfig } = functionNamed(names.function(name)) as { loggingConfig?: { logGroup: string } };
      assert.equal(loggingConfig?.logGroup, `/aws/lambda/${names.function(name)}`);
    }
    const { accessLogSettings } = one("aws:apigatewayv2/stage:Stage", "HttpStage") as {
      accessLogSettings?: { destinationArn: string };
    };
    assert.match(accessLogSettings?.destinationArn ?? "", /vendedlogs/);
  });

  test("gives each function a role of its own with its statements and nothing else", () => {
    const seen = new Set<string>();
    for (const name of functionNames) {
      const { role: arn } = functionNamed(names.function(name));
      seen.add(arn);
      const role = roleOf(arn);
      assert.deepEqual(plain(granted(role)), functionPolicies[name](installation), name);
      assert.deepEqual(role["managedPolicyArns"], ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]);
      const { Statement: trust } = role["assumeRolePolicy"] as unknown as { Statement: { Principal: object }[] };
      assert.deepEqual(
        trust.map(({ Principal }) => Principal),
        [{ Service: "lambda.amazonaws.com" }],
      );
    }
    assert.equal(seen.size, functionNames.length);
  });

  test("has plans' schedules invoke the plan function, in a role that only their group may have", () => {
    assert.equal(one("aws:scheduler/scheduleGroup:ScheduleGroup", "ScheduleGroup")["name"], names.scheduleGroup);
    const role = roleOf(arns.scheduleRole);
    assert.deepEqual(plain(granted(role)), schedulePolicy(installation));
    assert.deepEqual(statementsOf(role["assumeRolePolicy"]), [scheduleTrust(arns.scheduleGroup)]);
  });

  test("sweeps every minute and looks for what is overdue every quarter of an hour, each in a role for that", () => {
    const facts = all("aws:scheduler/schedule:Schedule").map(({ inputs }) => {
      const { arn, roleArn } = inputs["target"] as { arn: string; roleArn: string };
      const role = roleOf(roleArn);
      assert.deepEqual(plain(granted(role)), [{ actions: ["lambda:InvokeFunction"], resources: [arn] }]);
      assert.deepEqual(statementsOf(role["assumeRolePolicy"]), [scheduleTrust(arns.defaultScheduleGroup)]);
      return [inputs["scheduleExpression"], arn, inputs["state"]];
    });
    assert.deepEqual(facts, [
      ["rate(15 minutes)", arns.function("overdue"), "ENABLED"],
      ["rate(1 minute)", arns.function("sweep"), "ENABLED"],
    ]);
  });

  test("lets the API's function, and nobody else, give gateways role sessions", () => {
    const role = roleOf(arns.gatewayRole);
    assert.deepEqual(plain(granted(role)), gatewayPolicy(installation));
    assert.deepEqual(statementsOf(role["assumeRolePolicy"]), [
      {
        actions: ["sts:AssumeRole"],
        principals: [{ type: "AWS", identifiers: [functionNamed(names.function("api")).role] }],
      },
    ]);
    assert.equal(role["maxSessionDuration"], 3600);
  });

  test("lets each role do this and no more", () => {
    const may = (role: Resource["inputs"]) => granted(role).flatMap(({ actions }) => actions);
    const documents = ["GetItem", "Query", "BatchWriteItem", "UpdateItem", "DeleteItem"].map(
      (name) => `dynamodb:${name}`,
    );
    const accessChanged = ["GetItem", "Query", "UpdateItem", "DeleteItem", "ConditionCheckItem"].map(
      (name) => `dynamodb:${name}`,
    );
    const [get, add] = ["dynamodb:GetItem", "dynamodb:PutItem"];
    const send = ["sqs:GetQueueUrl", "sqs:SendMessage"];
    const schedule = [...["Create", "Update", "Delete"].map((verb) => `scheduler:${verb}Schedule`), "iam:PassRole"];
    const invoke = "lambda:InvokeFunction";
    const expected = {
      api: [
        ...[...documents, ...accessChanged, add],
        ...[...send, ...schedule, invoke, "sts:AssumeRole", "secretsmanager:GetSecretValue"],
      ],
      audit: ["dynamodb:Query", get, "dynamodb:UpdateItem"],
      plan: [...documents, ...send],
      report: [...documents, get, ...send, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
      "dead-letters": [...documents, ...send, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
      // Its second query is of the index.
      sweep: [...documents, get, add, "dynamodb:Query", ...send, ...schedule],
      overdue: ["dynamodb:GetItem", "dynamodb:Query"],
      "site-queues": ["sqs:CreateQueue", "sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:SetQueueAttributes"],
    };
    for (const name of functionNames) {
      assert.deepEqual(may(roleOf(functionNamed(names.function(name)).role)), expected[name], name);
    }
    assert.deepEqual(may(roleOf(arns.scheduleRole)), [invoke, "sqs:SendMessage"]);
    assert.deepEqual(may(roleOf(arns.gatewayRole)), [
      "sqs:ReceiveMessage",
      "sqs:DeleteMessage",
      "sqs:ChangeMessageVisibility",
      "sqs:GetQueueUrl",
      "sqs:SendMessage",
      "sqs:GetQueueUrl",
    ]);
  });

  test("lets nobody but the API change who may do what, nobody change the audit trail, and nobody both read it and add to it", () => {
    const mayIn = (name: (typeof functionNames)[number], table: string): string =>
      functionPolicies[name](installation)
        .filter(({ resources }) => resources.some((resource) => resource === table))
        .flatMap(({ actions }) => actions.map((action) => action.replace("dynamodb:", "")))
        .join(", ");
    const reads: ReadonlySet<string> = new Set(["", "GetItem"]);
    for (const name of functionNames) {
      if (name !== "api") assert(reads.has(mayIn(name, arns.table("access"))), name);
      assert(["", "PutItem", "Query"].includes(mayIn(name, arns.table("audit"))), name);
    }
  });

  test("grants no action by a wildcard, and no resource but by its name", () => {
    // Sites and plans come and go without a deployment; AWS knows no other resource
    // for any of our actions.
    const byPrefix: ReadonlySet<string> = new Set([...arns.siteQueues, arns.schedules]);
    for (const role of roles()) {
      for (const { actions, resources, effect } of granted(role)) {
        assert(effect === undefined || effect === "Allow");
        for (const action of actions) assert.match(action, /^[a-z]+:[A-Za-z]+$/, role.name);
        for (const resource of resources) {
          assert(!resource.includes("*") || byPrefix.has(resource), `${role.name} may do something to ${resource}`);
        }
      }
    }
  });

  test("passes the schedules' role to EventBridge Scheduler only", () => {
    const passing = roles().flatMap((role) => granted(role).filter(({ actions }) => actions.includes("iam:PassRole")));
    assert.equal(passing.length, 2);
    for (const { actions, resources, conditions } of passing) {
      assert.deepEqual([actions, resources], [["iam:PassRole"], [arns.scheduleRole]]);
      assert.deepEqual(conditions, [
        { test: "StringEquals", variable: "iam:PassedToService", values: ["scheduler.amazonaws.com"] },
      ]);
    }
  });

  test("wakes somebody when messages die or wait, functions fail or are throttled, effects stick, the sweep is silent or restore points are old", () => {
    const alarms = all("aws:cloudwatch/metricAlarm:MetricAlarm").map(({ inputs }) => {
      const topic = `arn:aws:sns:us-east-1:123456789012:${names.alarms}`;
      assert.deepEqual([inputs["alarmActions"], inputs["okActions"]], [[topic], [topic]]);
      const [of = "the account"] = Object.values(inputs["dimensions"] as object);
      return `${inputs["metricName"]} of ${of} ${inputs["comparisonOperator"]} ${inputs["threshold"]}, silence: ${inputs["treatMissingData"]}`;
    });
    const errors = functionNames.map(
      (name) => `Errors of ${names.function(name)} GreaterThanThreshold 0, silence: notBreaching`,
    );
    assert.deepEqual(
      [...alarms].sort(),
      [
        `NumberOfMessagesReceived of ${names.reportsDead} GreaterThanThreshold 0, silence: notBreaching`,
        `NumberOfMessagesReceived of ${names.schedulesDead} GreaterThanThreshold 0, silence: notBreaching`,
        `ApproximateAgeOfOldestMessage of ${names.reports} GreaterThanThreshold 120, silence: notBreaching`,
        ...errors,
        "Throttles of the account GreaterThanThreshold 0, silence: notBreaching",
        `StuckOutboxEntries of ${prefix} GreaterThanThreshold 0, silence: notBreaching`,
        `Invocations of ${names.function("sweep")} LessThanThreshold 1, silence: breaching`,
        `OverdueRestorePoints of ${prefix} GreaterThanThreshold 0, silence: breaching`,
      ].sort(),
    );
  });

  test("refuses a stage whose queues could be taken for another's, or whose names would be too long", () => {
    for (const stage of ["a-tasks", "Production", "", "x".repeat(21)]) {
      assert.throws(() => prefixOf("smtx-backup", stage), /lower-case letters and digits/);
    }
    assert.equal(prefixOf("smtx-backup", "x".repeat(20)).length, 32);
  });
});
