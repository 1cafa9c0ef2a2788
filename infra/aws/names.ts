import assert from "node:assert/strict";
import { reportQueueName, siteQueues } from "../../core/api/queues.ts";
import { deadLetterQueueName } from "../../functions/aws/queues.ts";
import { tableNamesOf } from "../../functions/aws/table.ts";
import type { TableKind } from "../../functions/documents/tables.ts";

/** Where an installation lies: all that its names and its policies depend on. */
export interface Installation {
  /** `aws`, or `aws-cn`. */
  readonly partition: string;
  readonly region: string;
  readonly accountId: string;
  /** What every name begins with: `prefixOf`. */
  readonly prefix: string;
}

/** The functions, as they are called here and, after the prefix, on AWS. */
export const functionNames = [
  "api",
  "audit",
  "plan",
  "report",
  "sweep",
  "overdue",
  "site-queues",
  "dead-letters",
] as const;
export type FunctionName = (typeof functionNames)[number];

/**
 * `smtx-backup-production`: 32 characters at most, or the longest name of a site's queue would be
 * longer than SQS's 80.
 */
export const prefixOf = (app: string, stage: string): string => {
  // A dash would make the queues of one stage look like those of a site of another.
  assert(/^[a-z0-9]{1,20}$/.test(stage), `the stage “${stage}” is not of 1 to 20 lower-case letters and digits`);
  return `${app}-${stage}`;
};

/**
 * Names are given, not left to SST: so that every ARN is known beforehand, and no two resources
 * wait for each other.
 */
export const namesOf = (prefix: string) => ({
  tables: tableNamesOf(prefix),
  scheduleGroup: prefix,
  reports: reportQueueName(prefix),
  reportsDead: deadLetterQueueName(reportQueueName(prefix)),
  schedulesDead: deadLetterQueueName(`${prefix}-schedules`),
  scheduleRole: `${prefix}-schedule`,
  gatewayRole: `${prefix}-gateway`,
  authorities: `${prefix}-authorities`,
  alarms: `${prefix}-alarms`,
  function: (name: FunctionName): string => `${prefix}-${name}`,
});

/** ARNs, as https://docs.aws.amazon.com/service-authorization/latest/reference/ writes them. */
export const arnsOf = (installation: Installation) => {
  const { partition, region, accountId, prefix } = installation;
  const names = namesOf(prefix);
  const arn = (service: string, resource: string) => `arn:${partition}:${service}:${region}:${accountId}:${resource}`;
  const roleArn = (name: string) => `arn:${partition}:iam::${accountId}:role/${name}`;
  return {
    table: (kind: TableKind): string => arn("dynamodb", `table/${names.tables[kind]}`),
    reports: arn("sqs", names.reports),
    reportsDead: arn("sqs", names.reportsDead),
    schedulesDead: arn("sqs", names.schedulesDead),
    /**
     * Every queue of every site, and their dead-letter queues: sites come and go
     * without a deployment.
     */
    siteQueues: siteQueues.map((queue) => arn("sqs", `${prefix}-${queue}-*`)),
    scheduleGroup: arn("scheduler", `schedule-group/${names.scheduleGroup}`),
    /** Where the sweep's schedules are: the plans' have their group to themselves. */
    defaultScheduleGroup: arn("scheduler", "schedule-group/default"),
    schedules: arn("scheduler", `schedule/${names.scheduleGroup}/*`),
    scheduleRole: roleArn(names.scheduleRole),
    gatewayRole: roleArn(names.gatewayRole),
    /** Secrets Manager puts six characters behind a secret's name. */
    authorities: arn("secretsmanager", `secret:${names.authorities}-??????`),
    function: (name: FunctionName): string => arn("lambda", `function:${names.function(name)}`),
  };
};

/** The entry point of a function, as SST wants it: the file without its ending, and the export. */
export const handlerOf = (name: FunctionName): string => `functions/lambda/${name}.handler`;
