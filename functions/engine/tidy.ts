import type { GroupId, Instant, RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { Run } from "../../core/api/run.ts";
import type { TaskResultOf } from "../../core/api/task.ts";
import { secondsBetween } from "../../core/ports/clock.ts";
import { siteOfTask, takerOf } from "../../core/run/steps.ts";
import { planKey, questionKey } from "../documents/records.ts";
import { markDeleted } from "../groups/groups.ts";
import { chooseForReclaim, hasWork } from "../groups/reclaim.ts";
import { listIn, takeList } from "../groups/site-list.ts";
import type { Deps } from "../ports/deps.ts";
import { tidyTaskOf } from "./tasks.ts";

/*
 * Outside of a run's own reclaim a site is tidied up the same way: it is asked what it has, and
 * told what to delete. Nobody waits for the answers: what was marked and not deleted is taken up by
 * the next reclaim. What was asked is written down, so that only that is answered.
 */

/** Of which site something is asked: by the index that its reclaim has in the run. */
export interface Place {
  readonly target: SiteId;
  readonly index: 0 | 1;
}

/** What a site was asked. */
export interface Question {
  readonly taskId: string;
  readonly askedAt: Instant;
  /** What it was told to delete. */
  readonly groupIds: readonly GroupId[];
  readonly isAnswered?: true;
}

type About = "list" | "tidy";

/** The plan's number tells an answer that comes in time from one that newer runs have overtaken. */
const listTaskId = (runId: RunId, { target, index }: Place, { sequence }: Plan) =>
  `${runId}/list/${target}/${index}/${sequence}`;
const tidyTaskId = (runId: RunId, { target, index }: Place) => `${runId}/tidy/${target}/${index}`;

const readPlan = async (deps: Deps, { planId }: Run): Promise<Plan | undefined> =>
  (await deps.store.get<Plan>(planKey(planId)))?.body;

/** Has the site that took the run's group delete what its plan needs no longer. */
export const tidySource = async (deps: Deps, run: Run, target: SiteId): Promise<void> => {
  const plan = await readPlan(deps, run);
  if (plan === undefined || !(await hasWork(deps, plan, takerOf(run)))) return;
  await askForList(deps, run, { target, index: 1 }, plan);
};

/** What got lost is asked again after so long. */
const askAgainSeconds = 600;

/**
 * Asks a site what it has of the plan, since it says that it has done what nobody waits for any
 * more. However often it says so, it is asked once for as long as the plan makes no new run.
 */
export const askOnce = async (deps: Deps, run: Run, place: Place): Promise<void> => {
  const plan = await readPlan(deps, run);
  if (plan === undefined) return;
  const { target, index } = place;
  const asked = (await deps.store.get<Question>(questionKey(run.id, target, index, "list")))?.body;
  const isSame = asked?.taskId === listTaskId(run.id, place, plan);
  if (asked !== undefined && isSame) {
    const seconds = secondsBetween(asked.askedAt, deps.clock.now());
    if (asked.isAnswered || (seconds >= 0 && seconds < askAgainSeconds)) return;
  }
  await askForList(deps, run, place, plan);
};

const askForList = (deps: Deps, run: Run, place: Place, plan: Plan): Promise<void> =>
  ask(deps, run, { place, about: "list" }, { id: listTaskId(run.id, place, plan), groupIds: [] });

const ask = async (
  deps: Deps,
  run: Run,
  { place, about }: { readonly place: Place; readonly about: About },
  told: { readonly id: string; readonly groupIds: GroupId[]; readonly keeps?: GroupId[] },
): Promise<void> => {
  const body: Question = { taskId: told.id, askedAt: deps.clock.now(), groupIds: told.groupIds };
  await deps.store.putAll([{ key: questionKey(run.id, place.target, place.index, about), body }]);
  const task = tidyTaskOf(deps, run, place, told);
  await deps.tasks.send(task.siteId, [{ task }]);
};

/** Which question a task asks; undefined: its own run's reclaim, or nothing of the kind. */
const aboutOf = (taskId: string, runId: RunId): About | undefined => {
  if (taskId.startsWith(`${runId}/list/`)) return "list";
  return taskId.startsWith(`${runId}/tidy/`) ? "tidy" : undefined;
};

/** Whether a report is about such a task, which ends no step of the run that it is named after. */
export const isOfTidying = ({ taskId, runId }: { readonly taskId: string; readonly runId: RunId }): boolean =>
  aboutOf(taskId, runId) !== undefined;

/** The question that the task asks, if the site was asked it. */
export const readQuestion = async (
  deps: Deps,
  { taskId, runId, target, index }: { taskId: string; runId: RunId; target: SiteId; index: number },
): Promise<Question | undefined> => {
  const about = aboutOf(taskId, runId);
  const asked = about && (await deps.store.get<Question>(questionKey(runId, target, index, about)))?.body;
  return asked?.taskId === taskId ? asked : undefined;
};

/** A site has answered a question. Twice is as good as once. */
export const takeAnswer = async (
  deps: Deps,
  run: Run,
  place: Place,
  { question, result }: { readonly question: Question; readonly result: TaskResultOf<"reclaim"> },
): Promise<void> => {
  const siteId = siteOfTask(run, place.target, "reclaiming", place.index);
  const about = aboutOf(question.taskId, run.id);
  if (about === "list") await takeListOf(deps, run, place, { siteId, question, result });
  else await markDeleted(deps, { planId: run.planId, siteId, groupIds: result.deleted });
  if (about === undefined) return;
  const body: Question = { ...question, isAnswered: true };
  await deps.store.putAll([{ key: questionKey(run.id, place.target, place.index, about), body }]);
};

const takeListOf = async (
  deps: Deps,
  run: Run,
  place: Place,
  { siteId, question, result }: { siteId: SiteId; question: Question; result: TaskResultOf<"reclaim"> },
): Promise<void> => {
  const plan = await readPlan(deps, run);
  if (plan === undefined || question.taskId !== listTaskId(run.id, place, plan)) return;
  await takeList(deps, run, siteId, listIn(run, result));
  // What other sites hold may need it as a base, and nobody has said yet that it is all known.
  if (plan.adopted !== undefined) return;
  const chosen = await chooseForReclaim(deps, plan, siteId);
  if (chosen.groupIds.length === 0) return;
  await ask(deps, run, { place, about: "tidy" }, { id: tidyTaskId(run.id, place), ...chosen });
};
