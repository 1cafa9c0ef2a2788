import type { Command } from "commander";
import { answerOf } from "../client.ts";
import { siteOption } from "../options.ts";
import { listed } from "../pages.ts";
import { groupNotes, groupStateStyle, groupStateText } from "../render/group.ts";
import { table } from "../render/table.ts";
import { bytesText, instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

const roles = { source: "source", mirror: "restore point" } as const;

export const addGroupCommands = (program: Command, answering: Answering): void => {
  program
    .command("group")
    .description("snapshot groups: at a target, the restore points")
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
            { title: "ROLE", value: ({ role }) => roles[role] },
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
