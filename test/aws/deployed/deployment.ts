import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ApiGatewayV2Client,
  CreateApiCommand,
  CreateIntegrationCommand,
  CreateRouteCommand,
  CreateStageCommand,
} from "@aws-sdk/client-apigatewayv2";
import { CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { type Clients, createClients, type Environment } from "../../../functions/aws/clients.ts";
import { ensureQueue, reportQueueDefinition } from "../../../functions/aws/queues.ts";
import { ensureScheduleGroup } from "../../../functions/aws/scheduler.ts";
import { ensureTables } from "../../../functions/aws/table.ts";
import { createDeps, type Names } from "../../../functions/environment.ts";
import type { Deps } from "../../../functions/ports/deps.ts";
import { concurrencyOf, newAccountExecutions } from "../../../infra/aws/concurrency.ts";
import {
  arnsOf,
  type FunctionName,
  functionNames,
  type Installation,
  namesOf,
  prefixOf,
} from "../../../infra/aws/names.ts";
import {
  type Condition,
  functionPolicies,
  gatewayPolicy,
  type Statement,
  schedulePolicy,
  scheduleTrustConditions,
} from "../../../infra/aws/policies.ts";
import { auditRoute, gatewayRoutes } from "../../../infra/aws/routes.ts";
import { bundleFunction, zipBundle } from "../../infra/bundle.ts";
import { until } from "../../patience.ts";
import type { EmulatorProcess } from "../emulator-process.ts";
import { type ApiProxy, startApiProxy } from "./api-proxy.ts";
import { policyDocument } from "./iam.ts";

export const installation: Installation = {
  partition: "aws",
  region: "us-east-1",
  accountId: "000000000000",
  prefix: prefixOf("smtx-backup", "judged"),
};

const names = namesOf(installation.prefix);
const arns = arnsOf(installation);
const silent = { info: () => undefined, warn: () => undefined, failed: () => undefined, error: () => undefined };
const policyName = "judged";

/** What an account's root has on ministack; it is judged by nothing. */
const root = { accessKeyId: "test", secretAccessKey: "test" };

/** The functions as they are deployed, on a ministack that enforces IAM. */
export interface Deployment {
  /** The API through API Gateway. */
  readonly api: ApiProxy;
  /**
   * The control plane's own adapters with the root's credentials: to put things up, and to look.
   */
  readonly deps: Deps;
  readonly clients: Clients;
  /** What a gateway finds in its environment: no credentials. */
  readonly gatewayEnv: Readonly<Record<string, string>>;
  invoke(name: FunctionName, input: unknown): Promise<unknown>;
  /**
   * Gives a function other permissions, and a new process: what it remembers was
   * got with the old ones.
   */
  allow(name: FunctionName, statements: readonly Statement[]): Promise<void>;
  /** What a function finds in its environment: the keys of its role. */
  credentialsOf(name: FunctionName): Promise<Environment>;
  /** Gives gateways other permissions. */
  allowGateways(statements: readonly Statement[]): Promise<void>;
  stop(): Promise<void>;
}

const environment: Names = {
  tableName: names.tables.state,
  queuePrefix: installation.prefix,
  scheduleGroup: names.scheduleGroup,
  planFunctionArn: arns.function("plan"),
  scheduleRoleArn: arns.scheduleRole,
  scheduleDeadLetterArn: arns.schedulesDead,
};

const variablesOf = (name: FunctionName, more: Readonly<Record<string, string>>) => ({
  TABLE_NAME: environment.tableName,
  QUEUE_PREFIX: environment.queuePrefix,
  SCHEDULE_GROUP: environment.scheduleGroup,
  PLAN_FUNCTION_ARN: environment.planFunctionArn,
  SCHEDULE_ROLE_ARN: environment.scheduleRoleArn,
  SCHEDULE_DEAD_LETTER_ARN: arns.schedulesDead,
  ...(name === "api" && {
    SITE_QUEUES_FUNCTION: names.function("site-queues"),
    GATEWAY_ROLE_ARN: arns.gatewayRole,
    ...more,
  }),
});

const trust = (principal: object, conditions: readonly Condition[] = []): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: principal,
        Action: "sts:AssumeRole",
        ...(conditions.length > 0 && {
          Condition: Object.fromEntries(conditions.map(({ test, variable, values }) => [test, { [variable]: values }])),
        }),
      },
    ],
  });

/**
 * Bundles and zips the functions, and makes all that the deployment makes on ministack.
 * @param options.authorities of the environment variable AUTHORITIES
 */
export const deploy = async (
  ministack: EmulatorProcess,
  options: { readonly authorities: string },
): Promise<Deployment> => {
  const config = { endpoint: ministack.endpoint, region: installation.region, credentials: root };
  const lambda = new LambdaClient(config);
  const iam = new IAMClient(config);
  const gateway = new ApiGatewayV2Client(config);
  const sts = new STSClient(config);
  const clients = createClients({
    AWS_ENDPOINT_URL: ministack.endpoint,
    AWS_REGION: installation.region,
    AWS_ACCESS_KEY_ID: root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
  });
  const destroy = () => {
    for (const client of [lambda, iam, gateway, sts, clients]) client.destroy();
  };

  const putRole = async (
    roleName: string,
    principal: object,
    statements: readonly Statement[],
    conditions?: readonly Condition[],
  ) => {
    await iam.send(
      new CreateRoleCommand({ RoleName: roleName, AssumeRolePolicyDocument: trust(principal, conditions) }),
    );
    await putRolePolicy(roleName, statements);
  };
  const putRolePolicy = (RoleName: string, statements: readonly Statement[]) =>
    iam.send(
      new PutRolePolicyCommand({ RoleName, PolicyName: policyName, PolicyDocument: policyDocument(statements) }),
    );
  const untilReady = async (FunctionName: string) => {
    const isReady = async () => {
      const found = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
      return found.State !== "Pending" && found.LastUpdateStatus !== "InProgress";
    };
    await until(`${FunctionName} to become ready`, isReady, 50);
  };

  const putFunction = async (name: FunctionName, folder: string) => {
    const bundle = await bundleFunction(name, join(folder, name));
    const zip = join(folder, `${name}.zip`);
    await zipBundle(bundle, zip);
    const FunctionName = names.function(name);
    await putRole(FunctionName, { Service: "lambda.amazonaws.com" }, functionPolicies[name](installation));
    await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Runtime: "nodejs24.x",
        Handler: bundle.handler,
        Role: `arn:aws:iam::${installation.accountId}:role/${FunctionName}`,
        Timeout: 20,
        MemorySize: 512,
        Code: { ZipFile: await readFile(zip) },
        Environment: { Variables: variablesOf(name, { AUTHORITIES: options.authorities }) },
      }),
    );
    await untilReady(FunctionName);
  };

  const putRoutes = async (ApiId: string, name: FunctionName, routes: readonly string[]): Promise<void> => {
    const { IntegrationId } = await gateway.send(
      new CreateIntegrationCommand({
        ApiId,
        IntegrationType: "AWS_PROXY",
        IntegrationUri: arns.function(name),
        PayloadFormatVersion: "2.0",
      }),
    );
    for (const RouteKey of routes) {
      await gateway.send(new CreateRouteCommand({ ApiId, RouteKey, Target: `integrations/${IntegrationId}` }));
    }
    await lambda.send(
      new AddPermissionCommand({
        FunctionName: names.function(name),
        StatementId: "api",
        Action: "lambda:InvokeFunction",
        Principal: "apigateway.amazonaws.com",
        SourceArn: `arn:aws:execute-api:${installation.region}:${installation.accountId}:${ApiId}/*/*`,
      }),
    );
  };

  const putApi = async (): Promise<string> => {
    const { ApiId } = await gateway.send(new CreateApiCommand({ Name: names.function("api"), ProtocolType: "HTTP" }));
    assert(ApiId);
    await putRoutes(ApiId, "api", ["$default", ...Object.keys(gatewayRoutes)]);
    await putRoutes(ApiId, "audit", [auditRoute]);
    await gateway.send(new CreateStageCommand({ ApiId, StageName: "$default", AutoDeploy: true }));
    return ApiId;
  };

  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-bundles-"));
  try {
    await ensureTables(clients.dynamodb, names.tables.state);
    await ensureQueue(clients.sqs, names.reports, reportQueueDefinition);
    await ensureQueue(clients.sqs, names.schedulesDead, reportQueueDefinition);
    await ensureScheduleGroup(clients.scheduler, names.scheduleGroup);
    await putRole(
      names.scheduleRole,
      { Service: "scheduler.amazonaws.com" },
      schedulePolicy(installation),
      scheduleTrustConditions(installation, arns.scheduleGroup),
    );
    for (const name of functionNames) await putFunction(name, folder);
    const apiRole = `arn:aws:iam::${installation.accountId}:role/${names.function("api")}`;
    await putRole(names.gatewayRole, { AWS: apiRole }, gatewayPolicy(installation));
    await lambda.send(
      new CreateEventSourceMappingCommand({
        EventSourceArn: arns.reports,
        FunctionName: names.function("report"),
        BatchSize: 10,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        ScalingConfig: { MaximumConcurrency: concurrencyOf(newAccountExecutions).reports },
      }),
    );
    const api = await startApiProxy(ministack.endpoint, await putApi());
    let processes = 0;
    return {
      api,
      clients,
      deps: createDeps(clients, environment, silent),
      gatewayEnv: { AWS_ENDPOINT_URL: ministack.endpoint, AWS_REGION: installation.region },
      async invoke(name, input) {
        const Payload = JSON.stringify(input);
        const answer = await lambda.send(new InvokeCommand({ FunctionName: names.function(name), Payload }));
        const text = Buffer.from(answer.Payload ?? []).toString();
        if (answer.FunctionError !== undefined) throw new Error(`${name}: ${text}`);
        return text === "" ? undefined : JSON.parse(text);
      },
      async allow(name, statements) {
        const FunctionName = names.function(name);
        await putRolePolicy(FunctionName, statements);
        processes += 1;
        const Variables = variablesOf(name, { AUTHORITIES: options.authorities });
        await lambda.send(
          new UpdateFunctionConfigurationCommand({
            FunctionName,
            Environment: { Variables: { ...Variables, PROCESS: processes.toString() } },
          }),
        );
        await untilReady(FunctionName);
      },
      async credentialsOf(name) {
        const RoleArn = `arn:aws:iam::${installation.accountId}:role/${names.function(name)}`;
        const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: "taken-over" }));
        assert(Credentials?.AccessKeyId && Credentials.SecretAccessKey && Credentials.SessionToken);
        return {
          ...{ AWS_ENDPOINT_URL: ministack.endpoint, AWS_REGION: installation.region },
          AWS_ACCESS_KEY_ID: Credentials.AccessKeyId,
          AWS_SECRET_ACCESS_KEY: Credentials.SecretAccessKey,
          AWS_SESSION_TOKEN: Credentials.SessionToken,
        };
      },
      async allowGateways(statements) {
        await putRolePolicy(names.gatewayRole, statements);
      },
      async stop() {
        await api.stop();
        destroy();
      },
    };
  } catch (error) {
    destroy();
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
};
