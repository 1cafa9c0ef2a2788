import type { Instant } from "../../core/api/ids.ts";

/**
 * A number that CloudWatch reads out of our log. The dimension tells one installation from another;
 * alarms are on all three.
 */
export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimension: string;
}

const metricNamed = (name: string): Metric => ({ namespace: "smtx-backup", name, dimension: "Installation" });

/** Targets whose newest restore point is older than two cycles: functions/monitoring/overdue.ts. */
export const overdueMetric = metricNamed("OverdueRestorePoints");
/** Outbox entries that fail again and again: functions/monitoring/stuck.ts. */
export const stuckMetric = metricNamed("StuckOutboxEntries");

/**
 * What a line of the log has in it, so that CloudWatch makes a metric of it:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 * @param of.installation what its names begin with
 */
export const metricFields = (
  { namespace, name, dimension }: Metric,
  of: { readonly installation: string; readonly now: Instant; readonly count: number },
): Readonly<Record<string, unknown>> => {
  const metric = { Namespace: namespace, Dimensions: [[dimension]], Metrics: [{ Name: name, Unit: "Count" }] };
  return {
    _aws: { Timestamp: Date.parse(of.now), CloudWatchMetrics: [metric] },
    [dimension]: of.installation,
    [name]: of.count,
  };
};
