import type { Command } from "commander";
import type { ForeignPlanDetail } from "../../../core/api/foreign/answers.ts";
import { jsonIn } from "../../../core/api/json.ts";
import { readManifest } from "../../../core/api/manifest.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { type FoundGroup, findGroup, findPlan, findPlans, groupAnswer, planAnswer } from "../../foreign/plans.ts";
import { type ForeignOptions, type ForeignSite, withForeignSite } from "../../foreign/site.ts";
import { shownObject } from "../../json/object.ts";
import { foreignPlanTable, foreignPlanText } from "../../render/foreign/foreign-plan.ts";
import type { Answering } from "../command.ts";
import { addForeignAttach } from "./foreign-attach.ts";
import { addForeignRebuild } from "./foreign-rebuild.ts";
import { addForeignOptions, foreignGroupOption, type OfGroup, planText } from "./options.ts";

export const addForeignPlanCommands = (program: Command, answering: Answering): void => {
  const foreign = program
    .command("foreign-plan")
    .description("other sites' plans at a target, from its storage alone: with neither control plane nor that site");
  addForeignOptions(foreign.command("list").description("list the plans that the site has groups of, by name")).action(
    answering(async (context, options: ForeignOptions) =>
      withForeignSite(context, options, async (site) => {
        const items = (await findPlans(site)).map(planAnswer);
        return { json: { items }, text: foreignPlanTable(items, context.style, Date.now()) };
      }),
    ),
  );
  addForeignOptions(foreign.command("show").description("show a plan's groups, who signed them, and what one has"))
    .argument("<plan>", planText)
    .addOption(foreignGroupOption())
    .action(
      answering(async (context, wanted: string, options: OfGroup) =>
        withForeignSite(context, options, async (site) => {
          const plan = await findPlan(site, wanted);
          const group = findGroup(plan, options.group, site);
          const objects = await objectsShown(site, group);
          const detail: ForeignPlanDetail = {
            ...planAnswer(plan),
            groups: plan.groups.map(groupAnswer),
            groupId: group.of.group.groupId,
            objects: [...objects],
            rebuild: [...(await site.storage.rebuildWays(objects))],
          };
          return {
            json: { ...detail, objects: detail.objects.map(shownObject) },
            text: foreignPlanText(detail, context.style, Date.now()),
          };
        }),
      ),
    );
  addForeignRebuild(foreign, answering);
  addForeignAttach(foreign, answering);
};

/** What is not believed is not shown. */
const objectsShown = async ({ storage }: ForeignSite, group: FoundGroup): Promise<readonly ObjectConfig[]> => {
  const { groupId } = group.of.group;
  const text = group.refusal === undefined ? await storage.foreignManifest(groupId) : undefined;
  return text === undefined ? [] : readManifest(jsonIn(text), `group ${groupId}`).objects;
};
