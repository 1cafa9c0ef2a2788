import { planIdOf } from "../../core/api/ids.ts";
import type { RunHead, Shard } from "../../core/api/run.ts";
import { type AskedOfTask, answerFault } from "../../core/run/answer-fault.ts";
import type { AnswerFault } from "../../core/run/refusal.ts";
import { runKey } from "../documents/records.ts";
import type { Completed } from "../engine/answers.ts";
import type { Question } from "../engine/tidy.ts";
import type { Deps } from "../ports/deps.ts";
import { readFact, type SnapshotFact } from "../runs/facts.ts";
import { needStagedObject } from "../staging/staged-volumes.ts";

/** What is wrong with an answer to the task that a shard gives out. */
export const faultIn = async (deps: Deps, shard: Shard, report: Completed): Promise<AnswerFault | undefined> =>
  answerFault(report, await askedBy(deps, shard, report));

/** What is wrong with an answer to a question. */
export const faultInAnswer = ({ groupIds }: Question, report: Completed): AnswerFault | undefined =>
  answerFault(report, { mayBeDeleted: (groupId) => groupIds.includes(groupId) });

const askedBy = async ({ store }: Deps, shard: Shard, { runId, step, index }: Completed): Promise<AskedOfTask> => {
  switch (step) {
    case "snapshotting": {
      const entries = (await store.get<RunHead>(runKey(runId)))?.body.objectCount;
      return { taken: shard.taken, ...(entries !== undefined && { entries }) };
    }
    case "preparing": {
      const isStaged = shard.sender !== undefined;
      const fact = isStaged
        ? await needStagedObject({ store }, runId, index)
        : await readFact<SnapshotFact>({ store }, runId, "snapshotting", "source", index);
      const object = fact?.config;
      return object === undefined ? {} : { object };
    }
    case "reclaiming":
    case "deleting":
      return { mayBeDeleted: (groupId) => shard.listed === true && planIdOf(groupId) === planIdOf(runId) };
    default:
      return {};
  }
};
