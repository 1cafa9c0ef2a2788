import type { Command } from "commander";
import type { RunAnswer } from "../../../core/api/answers.ts";
import { planIdOf } from "../../../core/api/ids.ts";
import { safetyDaysMax } from "../../../core/api/restore/rollback.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { askedFor, followRun, followUntil } from "../../control-plane/follow-run.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { addNotes } from "../../help/notes.ts";
import { exitCodes } from "../../host/exit-codes.ts";
import { groupOrLatest, groupText, latestOfOption, siteOption, wholeNumber } from "../../input/options.ts";
import { shownRun } from "../../json/run.ts";
import { runHasEnded, runHeading, runTotals } from "../../render/run.ts";
import type { Answering } from "../command.ts";

interface RollbackOptions {
  readonly site?: string;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly object?: string[];
  readonly discardChanges: boolean;
  readonly powerOff: boolean;
  readonly keepSafety?: number;
  readonly wait: boolean;
}

const notes = `First it is looked whether anything has changed since the group was taken, which would be lost: then nothing is touched,
unless --discard-changes is given. Before the objects become what they were, a safety group is taken of what they are;
the rollback is undone by a rollback to that, with --discard-changes.`;

export const addRollbackCommand = (program: Command, answering: Answering): void => {
  const command = program
    .command("rollback")
    .description("make the objects of a group, or some of them, on the protected site again what they were")
    .argument("<group>", groupText, groupOrLatest)
    .addOption(siteOption("take the data from this site; else from the nearest that has the group"))
    .addOption(latestOfOption())
    .option("--object <object...>", "only these objects, by the names or ids that they had then; else all")
    .option("--discard-changes", "also when they have changed since: that is kept in the safety group alone", false)
    .option("--power-off", "switch off VMs that are on; else they are in the way", false)
    .option("--keep-safety <days>", "keep the safety group so long; else 3 days", wholeNumber(1, safetyDaysMax))
    .option("--wait", "show how far it is until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, group: string, options: RollbackOptions) => {
        const api = await context.connect();
        const { site: from, object: objects, discardChanges, powerOff, keepSafety: keepSafetyDays } = options;
        const groupId = await groupMeant(async () => api, group, options);
        const json = {
          type: "rollback",
          ...{ groupId, discardChanges, powerOff },
          ...(from !== undefined && { from }),
          ...(objects && { objects }),
          ...(keepSafetyDays !== undefined && { keepSafetyDays }),
        } as const;
        const asking = answerOf(api.v1.restores.$post({ json }));
        const { id } = await askedFor(context, asking, `smtx-backup run list --plan ${planIdOf(groupId)}`);
        return options.wait ? followRun(context, api, id) : untilChecked(context, api, id);
      }),
    );
  addNotes(command, notes);
};

/** Whether it can be done, its site knows: that is waited for. */
const untilChecked = (context: Context, api: Api, id: string): Promise<Answer> =>
  followUntil(context, api, { runId: id, isEnough: isChecked }, (run) => {
    if (runHasEnded(run) && run.status !== "succeeded") {
      const text = `${runHeading(run, context.style)}\n${runTotals(run, context.style)}`;
      return { json: shownRun(run), text, exitCode: exitCodes.failed.code };
    }
    return {
      json: shownRun(run),
      text: `${id}: nothing is in the way, and it goes on. See: smtx-backup run show ${id} --watch`,
    };
  });

const isChecked = ({ targets }: RunAnswer): boolean =>
  targets.every(({ state, step }) => state !== "queued" && step !== "checking");
