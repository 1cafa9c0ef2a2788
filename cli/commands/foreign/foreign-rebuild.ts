import type { Command } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import type { ForeignRestore } from "../../../core/api/foreign/answers.ts";
import { instantSchema, isRestoreId, type PlanId, planIdOf, type RunId, restoreIdOf } from "../../../core/api/ids.ts";
import { shownName } from "../../../core/api/name.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { Answer, Context } from "../../context/context.ts";
import { trustedManifest } from "../../foreign/manifest.ts";
import { findGroup, findPlan, standingOf } from "../../foreign/plans.ts";
import { carryOutRebuild, planForeignRebuild } from "../../foreign/rebuild.ts";
import { withForeignSite } from "../../foreign/site.ts";
import { exitCodes } from "../../host/exit-codes.ts";
import { runId } from "../../input/options.ts";
import { foreignRestoreText } from "../../render/foreign/foreign-plan.ts";
import type { Answering } from "../command.ts";
import { addRebuildOptions, type RebuildWishOptions, rebuildWishes } from "../restores/rebuild-options.ts";
import { addForeignOptions, foreignGroupOption, type OfGroup, planText } from "./options.ts";

interface RebuildOptions extends OfGroup, RebuildWishOptions {
  readonly damaged: boolean;
  readonly evenUnsigned: boolean;
  readonly restore?: RunId;
}

export const addForeignRebuild = (foreign: Command, answering: Answering): void => {
  const command = foreign
    .command("rebuild")
    .description("rebuild the objects of a plan's group here, or some of them, under the names that they had")
    .argument("<plan>", planText)
    .addOption(foreignGroupOption());
  addRebuildOptions(addForeignOptions(command), "")
    .option("--damaged", "also where damage was found in it: what is damaged can't be read then, the rest can", false)
    .option("--even-unsigned", "also where the group has no signature, and an older one of the plan has", false)
    .option("--restore <id>", "go on with a rebuild that was interrupted, by the id that it has told", runId)
    .action(answering(rebuild));
};

const rebuild = async (context: Context, wanted: string, options: RebuildOptions): Promise<Answer> =>
  withForeignSite(context, options, async (site) => {
    const plan = await findPlan(site, wanted);
    const group = findGroup(plan, options.group, site);
    const manifest = await trustedManifest(context, site, group, options);
    const { planId, groupId } = manifest;
    const restoreId = restoreOf(planId, options.restore);
    const wishes = { ...rebuildWishes(options), evenDamaged: options.damaged };
    const planned = await planForeignRebuild(site, manifest, restoreId, wishes);
    tell(context, `If it is interrupted, go on with --restore ${restoreId}`);
    const objects = await carryOutRebuild(site, planned, {
      signal: context.host.signal,
      onMade: (made, from) => tellOtherLun(context, made, from),
    });
    const { siteId } = site.config;
    const restore: ForeignRestore = { restoreId, planId, siteId, groupId, manifest: standingOf(group), objects };
    const isDone = objects.every(({ made }) => made !== null);
    return {
      json: restore,
      text: foreignRestoreText(restore, context.style),
      exitCode: (isDone ? exitCodes.done : exitCodes.failed).code,
    };
  });

/** What is to be known before it is over. */
const tell = ({ json, warn, host }: Context, text: string): void => {
  if (json) warn(text);
  else host.stderr.write(`${text}\n`);
};

/** Names what is made, as a control plane names a restore. */
const restoreOf = (planId: PlanId, given: RunId | undefined): RunId => {
  if (given === undefined) return restoreIdOf(planId, instantSchema.parse(new Date().toISOString()));
  if (isRestoreId(given) && planIdOf(given) === planId) return given;
  throw new VisibleError("BAD_REQUEST", `${given} is no restore of ${planId}.`, {
    hint: "Give the id that the interrupted command has told; or leave --restore out to begin another one.",
  });
};

/** Who uses a LUN goes by its id. */
const tellOtherLun = ({ warn }: Context, made: ObjectConfig, from: ObjectConfig): void => {
  if (made.kind !== "lun" || from.kind !== "lun" || made.lun === undefined || from.lun === undefined) return;
  const { target, lunId } = made.lun;
  if (lunId === from.lun.lunId) return;
  warn(`“${shownName(made.name)}” has the LUN id ${lunId}: ${from.lun.lunId} is taken in the target ${target}.`);
};
