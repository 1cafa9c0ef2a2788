import type { Command } from "commander";
import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, planIdOf } from "../../core/api/ids.ts";
import { answerOf } from "../client.ts";
import type { Answer, Api, Context } from "../context.ts";
import { readRun } from "../follow-run.ts";
import { groupId, siteOption } from "../options.ts";
import { listed } from "../pages.ts";
import { groupNotes, groupStateStyle, groupStateText, groupText, roleText } from "../render/group.ts";
import { runObjectsText } from "../render/run-objects.ts";
import { table } from "../render/table.ts";
import { bytesText, instantText } from "../render/units.ts";
import { readRunObjects } from "../run-objects.ts";
import type { Answering } from "./command.ts";

export const addGroupCommands = (program: Command, answering: Answering): void => {
  const group = program.command("group").description("snapshot groups: at a target, the restore points");
  group
    .command("show")
    .description("show a group at every site that has it: what is in it, and what is to be known of it")
    .argument("<group>", "the group's id", groupId)
    .addOption(siteOption("only this site's"))
    .action(answering(showGroup));
  group
    .command("list")
    .description("list a plan's snapshot groups, by site, the newest first")
    .requiredOption("--plan <plan>", "the plan's name or id")
    .addOption(siteOption("only this site's"))
    .action(
      answering(async (context, options: { plan: string; site?: string }) => {
        const api = await context.connect();
        const { plan, site } = options;
        const items = await listed(context, (page) => {
          const query = { ...page, ...(site === undefined ? {} : { site }) };
          return answerOf(api.v1.plans[":plan"].groups.$get({ param: { plan }, query }));
        });
        const { style } = context;
        const text = table(
          items,
          [
            { title: "SITE", value: ({ siteId }) => siteId, paint: style.strong },
            { title: "TAKEN", value: ({ takenAt }) => instantText(takenAt) },
            { title: "ROLE", value: roleText },
            { title: "OBJECTS", value: ({ objectCount }) => String(objectCount), align: "right" },
            { title: "SIZE", value: ({ sizeBytes }) => bytesText(sizeBytes), align: "right" },
            { title: "STATE", value: groupStateText, paint: (text, group) => groupStateStyle(group, style)(text) },
            { title: "GROUP", value: ({ id }) => id },
          ],
          { style, none: "No snapshot groups yet." },
        );
        return { json: { items }, text: [text, ...groupNotes(items)].join("\n") };
      }),
    );
};

const showGroup = async (context: Context, id: GroupId, { site }: { site?: string }): Promise<Answer> => {
  const api = await context.connect();
  const plan = planIdOf(id);
  const all = await listed(context, (page) => {
    const query = { ...page, ...(site === undefined ? {} : { site }) };
    return answerOf(api.v1.plans[":plan"].groups.$get({ param: { plan }, query }));
  });
  const groups = all.filter((group) => group.id === id);
  const [first] = groups;
  if (first === undefined) throw groupUnknown(id, plan, site);
  const run = await runOf(api, first.runId);
  const objects = run === undefined ? [] : await readRunObjects(context, api, run);
  const { style } = context;
  const parts = [groupText(groups, style, run?.planName), runObjectsText(objects, style, site)];
  return {
    json: { id, sites: groups, objects: objects[0]?.objects ?? [] },
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
