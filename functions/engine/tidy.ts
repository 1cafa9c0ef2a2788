import type { RunId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import type { TaskReport } from "../../core/api/report.ts";
import type { Run } from "../../core/api/run.ts";
import { planKey } from "../documents/records.ts";
import { markDeleted } from "../groups/groups.ts";
import { chooseForReclaim, hasWork } from "../groups/reclaim.ts";
import { listIn, takeList } from "../groups/site-list.ts";
import type { Deps } from "../ports/deps.ts";
import { tidyTaskOf } from "./tasks.ts";

/*
 * Outside of a run's own reclaim the source is tidied up the same way: it is asked what it has,
 * and told what to delete. Nobody waits for the answers: what was marked and not deleted is taken
 * up by the next reclaim.
 */

/** The plan's number tells an answer that comes in time from one that newer runs have overtaken. */
const listTaskId = (runId: RunId, target: SiteId, { sequence }: Plan) => `${runId}/list/${target}/${sequence}`;
const tidyTaskId = (runId: RunId, target: SiteId) => `${runId}/tidy/${target}/1`;

/** Has the source delete what its plan needs no longer. */
export const tidySource = async (deps: Deps, run: Run, target: SiteId): Promise<void> => {
  const plan = await deps.store.get<Plan>(planKey(run.planId));
  if (plan === undefined || !(await hasWork(deps, plan.body, run.source))) return;
  const id = listTaskId(run.id, target, plan.body);
  await deps.tasks.send(run.source, [{ task: tidyTaskOf(deps, run, target, { id, groupIds: [] }) }]);
};

/** Whether a report is about such a task, which ends no step of the run that it is named after. */
export const isOfTidying = ({ taskId, runId }: Pick<TaskReport, "taskId" | "runId">): boolean =>
  taskId.startsWith(`${runId}/list/`) || taskId.startsWith(`${runId}/tidy/`);

/** The source has answered. */
export const goOnTidying = async (deps: Deps, run: Run, report: TaskReport): Promise<void> => {
  if (report.kind !== "completed" || report.result.kind !== "reclaim") return;
  const { result, siteId, target } = report;
  await markDeleted(deps, { planId: run.planId, siteId, groupIds: result.deleted });
  const plan = await deps.store.get<Plan>(planKey(run.planId));
  if (plan === undefined || report.taskId !== listTaskId(run.id, target, plan.body)) return;
  await takeList(deps, run, siteId, listIn(run, result));
  const chosen = await chooseForReclaim(deps, plan.body, siteId);
  if (chosen.groupIds.length === 0) return;
  const id = tidyTaskId(run.id, target);
  await deps.tasks.send(siteId, [{ task: tidyTaskOf(deps, run, target, { id, ...chosen }) }]);
};
