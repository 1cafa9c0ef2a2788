import { dueIndexName } from "../../functions/aws/table.ts";
import type { TableKind } from "../../functions/documents/tables.ts";
import { arnsOf, type FunctionName, type Installation } from "./names.ts";

/**
 * Who may do what on AWS, as statements of IAM, and nothing of Pulumi: so what is deployed can be
 * judged elsewhere. Every statement names calls that the code makes, and the comment beside it
 * where. What a function needs to write its log comes from SST (AWSLambdaBasicExecutionRole).
 */
export interface Statement {
  readonly actions: readonly string[];
  readonly resources: readonly string[];
  readonly conditions?: readonly Condition[];
}

export interface Condition {
  readonly test: "StringEquals" | "StringNotEquals" | "ArnEquals";
  readonly variable: string;
  readonly values: readonly string[];
}

const actions = (service: string, ...names: readonly string[]): string[] => names.map((name) => `${service}:${name}`);

const ofTable = (installation: Installation, kind: TableKind, ...names: readonly string[]): Statement => ({
  actions: actions("dynamodb", ...names),
  resources: [arnsOf(installation).table(kind)],
});

/**
 * functions/aws/dynamodb-store.ts: GetItem, Query, BatchWriteItem (of puts and deletions);
 * UpdateItem and DeleteItem, alone or in TransactWriteItems, which has no permission of its own:
 * each of its actions needs the one of the same name.
 */
const documents = (installation: Installation): Statement =>
  ofTable(installation, "state", "GetItem", "Query", "BatchWriteItem", "UpdateItem", "DeleteItem");

/**
 * Who may do what is decided by the API alone. It gives a certificate on condition that the site
 * has not changed (functions/enrolment/enrolment.ts).
 */
const accessChanged = (installation: Installation): Statement =>
  ofTable(installation, "access", "GetItem", "Query", "UpdateItem", "DeleteItem", "ConditionCheckItem");

/** Others look up what a site says of its gateways, and whose certificates are revoked. */
const accessKnown = (installation: Installation): Statement => ofTable(installation, "access", "GetItem");

/**
 * functions/audit: adds to the trail. PutItem could replace an entry, but takes its key, of which a
 * part is random: so who may add may not read.
 */
const auditAdded = (installation: Installation): Statement => ofTable(installation, "audit", "PutItem");

/** Only the sweep asks the index. */
const dueDocuments = (installation: Installation): Statement => ({
  actions: actions("dynamodb", "Query"),
  resources: [`${arnsOf(installation).table("state")}/index/${dueIndexName}`],
});

/**
 * functions/aws/sqs-task-queue.ts: GetQueueUrl, and SendMessageBatch, which is
 * permitted by SendMessage.
 */
const tasks = (installation: Installation): Statement => ({
  actions: actions("sqs", "GetQueueUrl", "SendMessage"),
  resources: arnsOf(installation).siteQueues,
});

/**
 * functions/aws/scheduler.ts: the plans' schedules, and the role with which they
 * invoke the plan function.
 */
const schedules = (installation: Installation): Statement[] => [
  {
    actions: actions("scheduler", "CreateSchedule", "UpdateSchedule", "DeleteSchedule"),
    resources: [arnsOf(installation).schedules],
  },
  {
    actions: actions("iam", "PassRole"),
    resources: [arnsOf(installation).scheduleRole],
    conditions: [{ test: "StringEquals", variable: "iam:PassedToService", values: ["scheduler.amazonaws.com"] }],
  },
];

const invoke = (installation: Installation, name: FunctionName): Statement => ({
  actions: actions("lambda", "InvokeFunction"),
  resources: [arnsOf(installation).function(name)],
});

const readAuthorities = actions("secretsmanager", "GetSecretValue");

/**
 * What the secret of the authorities' keys refuses: to be read by anybody but the API's role,
 * whatever else that one may read in the account.
 */
export const authoritiesDenial = (apiRoleArn: string): Statement => ({
  actions: readAuthorities,
  resources: ["*"],
  conditions: [{ test: "StringNotEquals", variable: "aws:PrincipalArn", values: [apiRoleArn] }],
});

/** What each function may do. */
export const functionPolicies: Readonly<Record<FunctionName, (installation: Installation) => Statement[]>> = {
  api: (installation) => [
    documents(installation),
    accessChanged(installation),
    auditAdded(installation),
    tasks(installation),
    ...schedules(installation),
    // functions/aws/site-queues.ts
    invoke(installation, "site-queues"),
    { actions: actions("sts", "AssumeRole"), resources: [arnsOf(installation).gatewayRole] },
    // functions/aws/authorities-secret.ts
    { actions: readAuthorities, resources: [arnsOf(installation).authorities] },
  ],

  /** It looks up whose token it is, and counts what it refuses. */
  audit: (installation) => [
    ofTable(installation, "audit", "Query"),
    accessKnown(installation),
    ofTable(installation, "state", "UpdateItem"),
  ],

  /** A tick makes runs and starts them; it never changes a schedule, and lists nothing. */
  plan: (installation) => [documents(installation), tasks(installation)],

  /**
   * With what Lambda does in the function's name:
   * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
   */
  report: (installation) => [
    documents(installation),
    accessKnown(installation),
    tasks(installation),
    {
      actions: actions("sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
      resources: [arnsOf(installation).reports],
    },
  ],

  /**
   * functions/dead-letters.ts: as the two whose messages have died, from their dead-letter queues.
   */
  "dead-letters": (installation) => [
    documents(installation),
    tasks(installation),
    {
      actions: actions("sqs", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
      resources: [arnsOf(installation).reportsDead, arnsOf(installation).schedulesDead],
    },
  ],

  /** It carries out what others left undone, changes of schedules too. */
  sweep: (installation) => [
    documents(installation),
    accessKnown(installation),
    // functions/audit/refusals.ts
    auditAdded(installation),
    dueDocuments(installation),
    tasks(installation),
    ...schedules(installation),
  ],

  /** functions/monitoring/overdue.ts only reads. */
  overdue: (installation) => [ofTable(installation, "state", "GetItem", "Query")],

  /** functions/aws/queues.ts: makes the queues of a site. */
  "site-queues": (installation) => [
    {
      actions: actions("sqs", "CreateQueue", "GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes"),
      resources: arnsOf(installation).siteQueues,
    },
  ],
};

/**
 * What EventBridge Scheduler may do for the plans' schedules. Dead letters it sends
 * itself, with the same role.
 */
export const schedulePolicy = (installation: Installation): Statement[] => [
  invoke(installation, "plan"),
  { actions: actions("sqs", "SendMessage"), resources: [arnsOf(installation).schedulesDead] },
];

/**
 * EventBridge Scheduler may have a role for schedules of one group only (aws:SourceArn must be a
 * group's, not a schedule's).
 */
export const scheduleTrustConditions = (installation: Installation, groupArn: string): Condition[] => [
  { test: "StringEquals", variable: "aws:SourceAccount", values: [installation.accountId] },
  { test: "ArnEquals", variable: "aws:SourceArn", values: [groupArn] },
];

/**
 * What gateways may do at most (gateway/queues). The API gives each of them a session of the
 * gateways' role that is narrowed to its own site's queues.
 */
export const gatewayPolicy = (installation: Installation): Statement[] => [
  {
    actions: actions("sqs", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueUrl"),
    resources: arnsOf(installation).siteQueues,
  },
  { actions: actions("sqs", "SendMessage", "GetQueueUrl"), resources: [arnsOf(installation).reports] },
];
