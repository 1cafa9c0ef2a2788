import { planIdOf } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { TaskReport } from "../../core/api/report.ts";
import type { Shard } from "../../core/api/run.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import type { TaskAnswer } from "../../core/run/events.ts";
import { leftOf } from "../deletable/choose.ts";
import { planKey } from "../documents/records.ts";
import { noteGone } from "../groups/gone.ts";
import { markDeleted } from "../groups/groups.ts";
import { groupsAtOnce, hasWork } from "../groups/reclaim.ts";
import { listIn, takeList } from "../groups/site-list.ts";
import type { Deps } from "../ports/deps.ts";
import { putFacts } from "../runs/facts.ts";
import type { ShardId } from "../runs/shards.ts";
import { takenOf } from "../runs/taken.ts";
import { putWarnings, warningsIn, warningsOfGone } from "../runs/warnings.ts";

export type Completed = Extract<TaskReport, { kind: "completed" }>;

/** Writes down what a task that is given out came to. @returns what its shard keeps of it */
export const answerTo = async (deps: Deps, id: ShardId, shard: Shard, report: Completed): Promise<TaskAnswer> => {
  const { result, part } = report;
  if (result.kind === "reclaim") return reclaimed(deps, id, shard, { ...report, result });
  const isKnown = part !== undefined && shard.answered?.of === part.of && shard.answered.parts.includes(part.number);
  // The shard keeps it itself.
  if (result.kind === "publish") {
    const { publishedAt, sizeBytes, rebuild } = result;
    return { published: { publishedAt, sizeBytes, ...(rebuild && { rebuild }) } };
  }
  if (!isKnown) await writeDown(deps, id, shard, report);
  const warned = warningsIn(result).length;
  return {
    ...(part && { part }),
    ...((result.kind === "transfer" || result.kind === "attach") && { progress: result.progress }),
    ...(result.kind === "snapshot" && { taken: takenOf(result, part?.of) }),
    ...(warned > 0 && { warned }),
  };
};

const writeDown = async (
  deps: Deps,
  { runId, place, step }: ShardId,
  { progress, sequence, source, at }: Shard,
  { result, part, index }: Completed,
): Promise<void> => {
  await putFacts(deps, { runId, step, target: place, index, ...(part && { part }) }, result, progress);
  if (result.kind !== "snapshot") {
    return putWarnings(deps, { runId, step, target: place, index }, warningsIn(result));
  }
  const warnings = at === undefined ? await warningsOfGone(deps, { runId, source }, result) : warningsIn(result);
  await putWarnings(deps, { runId, step, target: "source", index: part?.number ?? 0 }, warnings);
  await noteGone(deps, { runId, sequence }, result.gone ?? []);
};

const reclaimed = async (
  deps: Deps,
  { runId }: ShardId,
  shard: Shard,
  { result, siteId, attempt }: Completed & { readonly result: TaskResultOf<"reclaim"> },
): Promise<TaskAnswer> => {
  const planId = planIdOf(runId);
  await markDeleted(deps, { planId, siteId, groupIds: result.deleted });
  // A list is taken only from who was asked for it: a late one says what was there once.
  if (!shard.listed && attempt === shard.attempt)
    await takeList(deps, { ...shard, planId }, siteId, listIn(shard, result));
  if (!shard.listed) return {};
  if (shard.step === "deleting") return (await leftOf(deps, runId, siteId)) === undefined ? {} : { more: true };
  if (result.deleted.length < groupsAtOnce) return {};
  const plan = await deps.store.get<Plan>(planKey(planId));
  return plan !== undefined && (await hasWork(deps, plan.body, siteId)) ? { more: true } : {};
};
