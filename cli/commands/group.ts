import type { Command } from "commander";
import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, type PlanId, planIdOf } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Api, Context } from "../context/context.ts";
import { readRun } from "../control-plane/follow-run.ts";
import { groupMeant } from "../control-plane/latest-group.ts";
import { listed } from "../control-plane/pages.ts";
import { readRunObjects } from "../control-plane/run-objects.ts";
import { groupOrLatest, groupText, latestOfOption, sinceOption, siteOption } from "../input/options.ts";
import { groupLine } from "../json/group.ts";
import { groupNotes, groupTable, inOrderOfSites, namesakeNote, groupText as wholeGroupText } from "../render/group.ts";
import { runObjectsText } from "../render/run-objects.ts";
import type { Answering } from "./command.ts";
import { addGroupDelete } from "./deletions/group-delete.ts";
import { addAttachCommand } from "./restores/attach.ts";
import { addAttachmentCommands } from "./restores/attachments.ts";

export const addGroupCommands = (program: Command, answering: Answering): void => {
  const group = program.command("group").description("snapshot groups: at a target, the restore points");
  group
    .command("show")
    .description("show a group at every site that has it: what is in it, and what is to be known of it")
    .argument("<group>", groupText, groupOrLatest)
    .addOption(latestOfOption())
    .addOption(siteOption("only this site's"))
    .action(answering(showGroup));
  group
    .command("list")
    .description("list snapshot groups of all plans or of one, by plan and site, the newest first")
    .option("--plan <plan>", "only this plan's, by its name or id")
    .addOption(siteOption("only this site's"))
    .addOption(sinceOption("only those that were taken since then"))
    .action(answering(listGroups));
  addGroupDelete(group, answering);
  addAttachCommand(group, answering);
  addAttachmentCommands(group, answering);
};

interface ListOptions {
  readonly plan?: string;
  readonly site?: string;
  readonly since?: string;
}

const listGroups = async (context: Context, filter: ListOptions): Promise<Answer> => {
  const api = await context.connect();
  const namesakes: PlanId[] = [];
  const listedGroups = await listed(context, async (query) => {
    const page = await answerOf(api.v1.groups.$get({ query: { ...query, ...filter } }));
    namesakes.push(...(page.namesakes ?? []));
    return page;
  });
  const items = inOrderOfSites(listedGroups);
  const isFiltered = filter.site !== undefined || filter.since !== undefined;
  const text = groupTable(items, context.style, isFiltered ? "No snapshot groups fit these filters." : undefined);
  return {
    json: { items: items.map(groupLine) },
    text: [text, ...groupNotes(items), ...namesakes.map(namesakeNote)].join("\n"),
  };
};

interface ShowOptions {
  readonly plan?: string;
  readonly site?: string;
}

const showGroup = async (context: Context, group: string, options: ShowOptions): Promise<Answer> => {
  const api = await context.connect();
  const id = await groupMeant(async () => api, group, options);
  const { site } = options;
  const plan = planIdOf(id);
  const all = await listed(context, (page) => {
    const query = { ...page, plan, ...(site === undefined ? {} : { site }) };
    return answerOf(api.v1.groups.$get({ query }));
  });
  const groups = all.filter((group) => group.id === id);
  const [first] = groups;
  if (first === undefined) throw groupUnknown(id, plan, site);
  const run = await runOf(api, first.runId);
  const objects = run === undefined ? [] : await readRunObjects(context, api, run);
  const { planId, planName, runId, takenAt } = first;
  const alike = { id, planId, planName, runId, takenAt };
  const { style } = context;
  const parts = [wholeGroupText(groups, style), runObjectsText(objects, style, site)];
  return {
    json: { ...alike, sites: groups.map(groupLine), objects: objects[0]?.objects ?? [] },
    text: [
      ...parts.filter((part) => part !== undefined),
      ...groupNotes(groups.map(({ warnings: _, ...group }) => group)),
    ].join("\n\n"),
  };
};

/** Of a group that is unknown there is none. */
const runOf = async (api: Api, id: string) => {
  try {
    return await readRun(api, id);
  } catch (error) {
    if (VisibleError.is(error, "RUN_UNKNOWN")) return undefined;
    throw error;
  }
};

const groupUnknown = (id: GroupId, plan: string, site: string | undefined) =>
  new VisibleError("GROUP_UNKNOWN", `There is no group ${id}${site === undefined ? "" : ` on site “${site}”`}.`, {
    hint: `List those of its plan with: smtx-backup group list --plan ${plan}`,
  });
