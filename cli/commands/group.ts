import type { Command } from "commander";
import type { GroupAnswer } from "../../core/api/answers.ts";
import { answerOf } from "../client.ts";
import { siteOption } from "../options.ts";
import { listed } from "../pages.ts";
import { table } from "../render/table.ts";
import { bytesText, instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

const namedMax = 3;

/** What is damaged of a group: `web1 (3 extents), db (1 extent)`. */
const damageText = (damage: NonNullable<GroupAnswer["damage"]>): string => {
  const named = damage
    .slice(0, namedMax)
    .map(({ name, extents }) => `${name} (${extents} ${extents === 1 ? "extent" : "extents"})`);
  return [...named, ...(damage.length > namedMax ? [`${damage.length - namedMax} more`] : [])].join(", ");
};

const stateText = ({ state, holds, damage = [] }: GroupAnswer): string =>
  [
    state,
    ...(holds.length > 0 ? ["in use"] : []),
    ...(damage.length > 0 ? [`damaged: ${damageText(damage)}`] : []),
  ].join(", ");

const aboutDamage =
  "What is damaged can't be restored. Check the disk of that site; the next run of the plan sends it again, which mends the newest\n" +
  "restore point, and older ones where they have the same content.";

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
            { title: "STATE", value: stateText },
            { title: "GROUP", value: ({ id }) => id },
          ],
          { style, none: "No snapshot groups yet." },
        );
        const damaged = items.some(({ damage }) => damage !== undefined);
        return { json: { items }, text: damaged ? `${text}\n${aboutDamage}` : text };
      }),
    );
};
