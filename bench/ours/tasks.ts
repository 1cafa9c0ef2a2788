import {
  type GroupId,
  groupIdOf,
  type Instant,
  instantSchema,
  planIdSchema,
  type RunId,
  runIdOf,
  siteIdSchema,
} from "../../core/api/ids.ts";
import type { Step } from "../../core/api/run.ts";
import type { TaskResult, TaskResultOf } from "../../core/api/task.ts";
import type { Owner } from "../../gateway/storage/control.ts";

export const sourceSite = siteIdSchema.parse("a");
export const targetSite = siteIdSchema.parse("b");
export const multiCluster = siteIdSchema.parse("bench");
const planId = planIdSchema.parse("plan_01ARZ3NDEKTSV4RRFFQ69G5FAV");
export const owner: Owner = { planId, source: sourceSite };

const slotOf = (sequence: number): Instant => instantSchema.parse(new Date(Date.UTC(2026, 0, sequence)).toISOString());
const runOf = (sequence: number): RunId => runIdOf(planId, slotOf(sequence));
/** The group of the plan's n-th run. */
export const groupOf = (sequence: number): GroupId => groupIdOf(runOf(sequence));

/** The fields that every task of the plan's n-th run has. */
export const taskFields = (sequence: number, step: Step, siteId: typeof sourceSite) => ({
  id: `${step}-${sequence}`,
  runId: runOf(sequence),
  planId,
  groupId: groupOf(sequence),
  sequence,
  source: sourceSite,
  target: targetSite,
  step,
  index: 0,
  attempt: 1,
  siteId,
  issuedAt: slotOf(sequence),
});

export const resultOf = <K extends TaskResult["kind"]>(kind: K, result: TaskResult): TaskResultOf<K> => {
  if (result.kind !== kind) throw new Error(`a task was to be ${kind} and came back as ${result.kind}`);
  return result as TaskResultOf<K>;
};
