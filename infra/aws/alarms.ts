import { overdueMetric, stuckMetric } from "../../functions/monitoring/metrics.ts";
import { type FunctionName, functionNames, namesOf } from "./names.ts";

type AlarmArgs = Pick<
  aws.cloudwatch.MetricAlarmArgs,
  "namespace" | "metricName" | "dimensions" | "statistic" | "period" | "evaluationPeriods" | "threshold"
> & { readonly when: "above" | "below"; readonly silence: "good" | "bad"; readonly says: string };

const idOf = (name: FunctionName): string =>
  name.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase());

/**
 * What somebody should be woken for, in one topic. Who wants to be subscribes to it (docs/aws.md).
 */
export const createAlarms = (prefix: string): aws.sns.Topic => {
  const names = namesOf(prefix);
  const topic = new aws.sns.Topic("Alarms", { name: names.alarms });

  const alarm = (id: string, { when, silence, says, ...args }: AlarmArgs): void => {
    new aws.cloudwatch.MetricAlarm(`${id}Alarm`, {
      ...args,
      name: `${prefix}-${id}`,
      alarmDescription: says,
      comparisonOperator: when === "above" ? "GreaterThanThreshold" : "LessThanThreshold",
      treatMissingData: silence === "good" ? "notBreaching" : "breaching",
      alarmActions: [topic.arn],
      okActions: [topic.arn],
    });
  };

  for (const [id, QueueName] of [
    ["ReportsDead", names.reportsDead],
    ["SchedulesDead", names.schedulesDead],
  ] as const) {
    alarm(id, {
      says: `Messages came to ${QueueName}: the log of ${names.function("dead-letters")} says which, and somebody has to look why.`,
      namespace: "AWS/SQS",
      // They don't lie there: a function takes them. SQS does not count what it moved
      // there itself as sent.
      metricName: "NumberOfMessagesReceived",
      dimensions: { QueueName },
      statistic: "Sum",
      period: 300,
      evaluationPeriods: 1,
      threshold: 0,
      when: "above",
      silence: "good",
    });
  }

  alarm("ReportsOld", {
    says: "Reports wait for more than 2 minutes: gateways look dead that are not.",
    namespace: "AWS/SQS",
    metricName: "ApproximateAgeOfOldestMessage",
    dimensions: { QueueName: names.reports },
    statistic: "Maximum",
    period: 60,
    evaluationPeriods: 3,
    threshold: 120,
    when: "above",
    silence: "good",
  });

  for (const name of functionNames) {
    alarm(`${idOf(name)}Errors`, {
      says: `The function ${names.function(name)} failed; its log says why.`,
      namespace: "AWS/Lambda",
      metricName: "Errors",
      dimensions: { FunctionName: names.function(name) },
      statistic: "Sum",
      period: 300,
      evaluationPeriods: 1,
      threshold: 0,
      when: "above",
      silence: "good",
    });
  }

  alarm("Throttles", {
    says: "Functions were throttled for 15 minutes on end: the account's concurrent executions are used up (docs/aws.md).",
    namespace: "AWS/Lambda",
    metricName: "Throttles",
    // Of no function: executions are the account's, and what is throttled is whoever comes
    // when they are used up.
    dimensions: {},
    statistic: "Sum",
    period: 300,
    // A burst that is over by then has starved nobody: what was throttled came again.
    evaluationPeriods: 3,
    threshold: 0,
    when: "above",
    silence: "good",
  });

  alarm("OutboxStuck", {
    says: `What was decided fails again and again to be carried out; the log of ${names.function("sweep")} says what and why.`,
    namespace: stuckMetric.namespace,
    metricName: stuckMetric.name,
    dimensions: { [stuckMetric.dimension]: prefix },
    statistic: "Maximum",
    // An entry is tried once an hour at least, and between two tries nothing is heard of it.
    period: 7200,
    evaluationPeriods: 1,
    threshold: 0,
    when: "above",
    silence: "good",
  });

  alarm("SweepSilent", {
    says: "The sweep has not run for 5 minutes: nothing that got lost is made up for.",
    namespace: "AWS/Lambda",
    metricName: "Invocations",
    dimensions: { FunctionName: names.function("sweep") },
    statistic: "Sum",
    period: 60,
    evaluationPeriods: 5,
    threshold: 1,
    when: "below",
    silence: "bad",
  });

  alarm("RestorePointsOverdue", {
    says: `Newest restore points are older than two cycles of their plans; the log of ${names.function("overdue")} names them.`,
    namespace: overdueMetric.namespace,
    metricName: overdueMetric.name,
    dimensions: { [overdueMetric.dimension]: prefix },
    statistic: "Maximum",
    // Two of the function's quarters, so that one which comes a little late is no silence.
    period: 1800,
    evaluationPeriods: 1,
    threshold: 0,
    when: "above",
    silence: "bad",
  });

  return topic;
};
