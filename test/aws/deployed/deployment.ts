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
import {
  CreateAccessKeyCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import {
  AddPermissionCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from "@aws-sdk/client-lambda";
import { CreateSecretCommand, PutResourcePolicyCommand } from "@aws-sdk/client-secrets-manager";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { createSecretsClient } from "../../../functions/aws/authorities-secret.ts";
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
  authoritiesDenial,
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
import { denialDocument, policyDocument } from "./iam.ts";

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
  /**
   * What the SDK finds in the environment of a user of the account with these permissions.
   */
  user(statements: readonly Statement[]): Promise<Readonly<Record<string, string>>>;
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

/** What AWS calls the gateways' role in what it says of a sender. */
export const gatewayRoleId = "AROAGATEWAYS";

const variablesOf = (name: FunctionName, apiUrl: string, areSendersJudged: boolean) => ({
  ...(areSendersJudged && { GATEWAY_ROLE_ID: gatewayRoleId }),
  TABLE_NAME: environment.tableName,
  QUEUE_PREFIX: environment.queuePrefix,
  SCHEDULE_GROUP: environment.scheduleGroup,
  PLAN_FUNCTION_ARN: environment.planFunctionArn,
  SCHEDULE_ROLE_ARN: environment.scheduleRoleArn,
  SCHEDULE_DEAD_LETTER_ARN: arns.schedulesDead,
  ...(name === "api" && {
    SITE_QUEUES_FUNCTION: names.function("site-queues"),
    GATEWAY_ROLE_ARN: arns.gatewayRole,
    AUTHORITIES_SECRET: names.authorities,
    API_URLS: apiUrl,
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
 * @param options.authorities what the secret holds
 */
export const deploy = async (
  ministack: EmulatorProcess,
  options: {
    readonly authorities: string;
    /**
     * Reports are judged by their sender. ministack tells none: nothing takes messages from the
     * reports queue, and whoever calls this hands them to the function `report`.
     */
    readonly areSendersJudged?: boolean;
  },
): Promise<Deployment> => {
  const { areSendersJudged = false } = options;
  const config = { endpoint: ministack.endpoint, region: installation.region, credentials: root };
  const lambda = new LambdaClient(config);
  const iam = new IAMClient(config);
  const gateway = new ApiGatewayV2Client(config);
  const sts = new STSClient(config);
  const rootEnv = {
    AWS_ENDPOINT_URL: ministack.endpoint,
    AWS_REGION: installation.region,
    AWS_ACCESS_KEY_ID: root.accessKeyId,
    AWS_SECRET_ACCESS_KEY: root.secretAccessKey,
  };
  const clients = createClients(rootEnv);
  const secrets = createSecretsClient(rootEnv);
  const destroy = () => {
    for (const client of [lambda, iam, gateway, sts, secrets, clients]) client.destroy();
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

  const putFunction = async (name: FunctionName, folder: string, apiUrl: string) => {
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
        Environment: { Variables: variablesOf(name, apiUrl, areSendersJudged) },
      }),
    );
    await untilReady(FunctionName);
  };

  const putAuthorities = async (apiRole: string) => {
    const SecretString = options.authorities;
    const { ARN } = await secrets.send(new CreateSecretCommand({ Name: names.authorities, SecretString }));
    const ResourcePolicy = denialDocument(authoritiesDenial(apiRole));
    await secrets.send(new PutResourcePolicyCommand({ SecretId: ARN, ResourcePolicy }));
  };

  const putApi = async (): Promise<string> => {
    const Name = names.function("api");
    const { ApiId } = await gateway.send(new CreateApiCommand({ Name, ProtocolType: "HTTP" }));
    assert(ApiId);
    return ApiId;
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

  const takeReports = () =>
    lambda.send(
      new CreateEventSourceMappingCommand({
        EventSourceArn: arns.reports,
        FunctionName: names.function("report"),
        BatchSize: 10,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        ScalingConfig: { MaximumConcurrency: concurrencyOf(newAccountExecutions).reports },
      }),
    );

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
    // Its URL is in the function's environment.
    const apiId = await putApi();
    const api = await startApiProxy(ministack.endpoint, apiId);
    for (const name of functionNames) await putFunction(name, folder, api.url);
    const apiRole = `arn:aws:iam::${installation.accountId}:role/${names.function("api")}`;
    await putRole(names.gatewayRole, { AWS: apiRole }, gatewayPolicy(installation));
    await putAuthorities(apiRole);
    if (!areSendersJudged) await takeReports();
    await putRoutes(apiId, "api", ["$default", ...Object.keys(gatewayRoutes)]);
    await putRoutes(apiId, "audit", [auditRoute]);
    await gateway.send(new CreateStageCommand({ ApiId: apiId, StageName: "$default", AutoDeploy: true }));
    let processes = 0;
    let users = 0;
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
        const Variables = variablesOf(name, api.url, areSendersJudged);
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
      async user(statements) {
        const UserName = `user${++users}`;
        await iam.send(new CreateUserCommand({ UserName }));
        const PolicyDocument = policyDocument(statements);
        await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: policyName, PolicyDocument }));
        const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
        assert(AccessKey?.AccessKeyId && AccessKey.SecretAccessKey);
        return {
          ...rootEnv,
          AWS_ACCESS_KEY_ID: AccessKey.AccessKeyId,
          AWS_SECRET_ACCESS_KEY: AccessKey.SecretAccessKey,
        };
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
