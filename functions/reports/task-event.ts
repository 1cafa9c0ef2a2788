import { cutSentence } from "../../core/api/bounds.ts";
import { planIdOf } from "../../core/api/ids.ts";
import type { TaskReport } from "../../core/api/report.ts";
import type { Shard } from "../../core/api/run.ts";
import { clockOffSecondsMax } from "../../core/ports/clock.ts";
import type { TaskEvent } from "../../core/run/events.ts";
import { type AnswerFault, answerFaults } from "../../core/run/refusal.ts";
import { flowOf } from "../../core/run/steps.ts";
import { volumesMax, volumesUpTo } from "../../core/run/volumes.ts";
import { noteAttached } from "../attachments/attachments.ts";
import { leftOf } from "../deletable/choose.ts";
import { answerTo, type Completed } from "../engine/answers.ts";
import { applyToPlan } from "../engine/engine.ts";
import { readGateways } from "../gateways/list.ts";
import { loseBase } from "../groups/base.ts";
import type { Deps } from "../ports/deps.ts";
import { readFact, type SnapshotFact } from "../runs/facts.ts";
import type { ShardId } from "../runs/shards.ts";
import { needStagedObject } from "../staging/staged-volumes.ts";

type Failed = Extract<TaskReport, { kind: "failed" }>;

/** What happened, after what it says of anything else is written down. */
export const eventOf = async (deps: Deps, id: ShardId, shard: Shard, report: TaskReport): Promise<TaskEvent> => {
  const { index, attempt } = report;
  switch (report.kind) {
    case "working":
      if (id.step === "attaching" && attempt === shard.attempt) await noteAttached(deps, report);
      return { type: "working", index, attempt, ...(report.progress && { progress: report.progress }) };
    case "completed":
      if (isOfNothing(report)) return { type: "failed", index, attempt, ...nothingTaken };
      if (isOfTooMany(report)) return { type: "failed", index, attempt, ...tooManyTaken };
      return completedEvent(deps, id, shard, report);
    case "failed":
      return failedEvent(deps, id, shard, report);
  }
};

/**
 * What is to go and stays, though the site says that it did what it was told, would stay the next
 * time as well.
 */
const completedEvent = async (deps: Deps, id: ShardId, shard: Shard, report: Completed): Promise<TaskEvent> => {
  const { index, attempt, siteId } = report;
  const isDeletion = shard.step === "deleting" && shard.listed === true;
  const before = isDeletion ? await leftOf(deps, id.runId, siteId) : undefined;
  const answer = await answerTo(deps, id, shard, report);
  const left = before && (await leftOf(deps, id.runId, siteId));
  if (before === undefined || left === undefined || left.count < before.count) {
    return { type: "completed", index, attempt, answer };
  }
  return { type: "failed", index, attempt, reason: left.reason, retryable: false, progressed: false };
};

const failedEvent = async (deps: Deps, id: ShardId, shard: Shard, report: Failed): Promise<TaskEvent> => {
  const { index, attempt, progressed, reason: told } = report;
  const noBase = hasLostBase(report);
  // Of an earlier try nothing follows.
  if (attempt === shard.attempt) await writeDown(deps, id, report);
  const about = await objectIn(deps, id, shard, report);
  const message = `${about}${told.message}${await wrongClocks(deps, shard, report)}`;
  const reason = { code: told.code, message: cutSentence(message) };
  return { type: "failed", index, attempt, reason, retryable: report.retryable || noBase, progressed, noBase };
};

/** What a failure says of the base, and of the site's newest group. */
const writeDown = async (deps: Deps, id: ShardId, report: Failed): Promise<void> => {
  if (hasLostBase(report)) await loseBase(deps, id.runId, id.place);
  const { newestSequence: sequence, reason } = report;
  if (sequence === undefined || reason.code !== "GROUP_STALE") return;
  await applyToPlan(deps, planIdOf(id.runId), { type: "overtaken", sequence });
};

/** An answer that is none: the task is tried again, as often as any. */
export const refusedAnswer = ({ index, attempt, gatewayId, siteId }: TaskReport, fault: AnswerFault): TaskEvent => ({
  ...{ type: "failed", index, attempt, retryable: true, progressed: false },
  reason: {
    code: fault,
    message: `What gateway “${gatewayId}” of site “${siteId}” said of the task was refused: it ${answerFaults[fault]}.`,
  },
});

const isOfNothing = ({ result, part }: Completed): boolean =>
  result.kind === "snapshot" && part === undefined && result.objects.length === 0;

const nothingTaken = {
  reason: { code: "OBJECT_GONE", message: "Nothing of what the plan protects is at the source any more." },
  ...{ retryable: false, progressed: false },
} as const;

const isOfTooMany = ({ result }: Completed): boolean => result.kind === "snapshot" && volumesUpTo(result) > volumesMax;

const tooManyTaken = {
  reason: { code: "PLAN_TOO_LARGE", message: `The plan's objects have more than ${volumesMax} volumes together.` },
  ...{ retryable: false, progressed: false },
} as const;

/** Configuration sync fails for an object, which is named. */
const objectIn = async (deps: Deps, { runId }: ShardId, shard: Shard, { step, index }: TaskReport): Promise<string> => {
  if (step !== "preparing") return "";
  const isStaged = shard.sender !== undefined;
  const fact = isStaged
    ? await needStagedObject(deps, runId, index)
    : await readFact<SnapshotFact>(deps, runId, "snapshotting", "source", index);
  return fact === undefined ? "" : `Object ${fact.config.name} (${fact.config.kind}): `;
};

/** The target has no base of the volume, or none that fits: the next try sends it in full. */
const hasLostBase = (report: Failed): boolean =>
  report.step === "transferring" && report.reason.code === "BASE_MISSING";

/**
 * A peer whose clock is wrong refuses a good certificate, and to the sender the link just breaks:
 * those who may be meant are named.
 */
const wrongClocks = async (deps: Deps, shard: Shard, { step, target }: TaskReport): Promise<string> => {
  if (step !== "transferring") return "";
  const { sender, receiver } = flowOf(shard, target);
  const gateways = await Promise.all([sender, receiver].map((site) => readGateways(deps, site)));
  return gateways
    .flat()
    .filter(({ alive, clockAheadSeconds = 0 }) => alive && Math.abs(clockAheadSeconds) > clockOffSecondsMax)
    .map(({ id, siteId, clockAheadSeconds = 0 }) => {
      const how = `${Math.abs(clockAheadSeconds)} s ${clockAheadSeconds > 0 ? "ahead" : "behind"}`;
      return ` The clock of gateway “${id}” of site “${siteId}” is ${how}: set it.`;
    })
    .join("");
};
