/** The metric's name and the dimension that tells one installation from another; the alarm is on them. */
export const overdueMetric = {
  namespace: "smtx-backup",
  name: "OverdueRestorePoints",
  dimension: "Installation",
} as const;
