import type { Command } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import { answerOf } from "../../context/client.ts";
import { isToBeDeleted, nothingDeleted } from "../../context/confirm.ts";
import type { Answer, Context } from "../../context/context.ts";
import { printable } from "../../render/style.ts";
import type { Answering } from "../command.ts";
import { type DeletionOptions, deleteWhat } from "./delete-what.ts";
import { withDeletionOptions } from "./options.ts";

interface PlanDeleteOptions extends DeletionOptions {
  readonly withRestorePoints: boolean;
}

export const addPlanDelete = (plan: Command, answering: Answering): void => {
  withDeletionOptions(
    plan
      .command("delete")
      .description(
        "delete a plan and cancel its runs; its restore points stay, unless they are to go as well. It asks first, and ends with 1 when the answer is not yes",
      )
      .argument("<plan>", "the plan's name or id")
      .option("--with-restore-points", "delete its mirrors and groups at all sites, too", false),
  ).action(answering(deletePlan));
};

const deletePlan = (context: Context, nameOrId: string, options: PlanDeleteOptions): Promise<Answer> =>
  options.withRestorePoints ? deleteAll(context, nameOrId, options) : deletePlanAlone(context, nameOrId, options);

const deleteAll = async (context: Context, plan: string, options: PlanDeleteOptions): Promise<Answer> =>
  deleteWhat(
    context,
    await context.connect(),
    { type: "plan", plan, despiteKeepUntil: options.despiteKeepUntil },
    ({ planName }) => ({ what: `the plan ${planName} with all its restore points`, word: planName }),
    options,
  );

const deletePlanAlone = async (
  context: Context,
  nameOrId: string,
  { yes, dryRun }: PlanDeleteOptions,
): Promise<Answer> => {
  const api = await context.connect();
  const { id, name, status } = await answerOf(api.v1.plans[":plan"].$get({ param: { plan: nameOrId } }));
  if (status === "deleted" && nameOrId !== id) throw deletedAlready(name);
  const about = "Its runs are cancelled; its restore points stay.";
  const what = `the plan ${printable(name)} (${id})`;
  if (dryRun) return { json: { deleted: null }, text: `That would delete ${what}. ${about} Nothing was deleted.` };
  if (!yes && !(await isToBeDeleted(context.host, what, [about]))) return nothingDeleted;
  await answerOf(api.v1.plans[":plan"].$delete({ param: { plan: id } }));
  const text = `The plan ${printable(name)} is deleted. Its restore points stay: smtx-backup group list --plan ${id}`;
  return { json: { deleted: id }, text };
};

const deletedAlready = (name: string) =>
  new VisibleError("PLAN_UNKNOWN", `The plan “${printable(name)}” is deleted already.`, {
    hint: "List plans with: smtx-backup plan list",
  });
