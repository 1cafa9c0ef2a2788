import type { Command } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import { type GroupId, planIdOf, type SiteId } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { listed } from "../../control-plane/pages.ts";
import { groupOrLatest, groupText, latestOfOption, siteOption } from "../../input/options.ts";
import type { Answering } from "../command.ts";
import { type DeletionOptions, deleteWhat } from "./delete-what.ts";
import { withDeletionOptions } from "./options.ts";

interface GroupDeleteOptions extends DeletionOptions {
  readonly site?: SiteId;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly last: boolean;
}

export const addGroupDelete = (group: Command, answering: Answering): void => {
  withDeletionOptions(
    group
      .command("delete")
      .description(
        "delete a group at one site and give its space back. It shows what goes and asks, and ends with 1 when the answer is not yes",
      )
      .argument("<group>", groupText, groupOrLatest)
      .addOption(siteOption("the site that has it; need not be said where only one has"))
      .addOption(latestOfOption())
      .option("--last", "also where it is the last good restore point there, or the last that has an object", false),
  ).action(answering(deleteGroup));
};

const deleteGroup = async (context: Context, group: string, options: GroupDeleteOptions): Promise<Answer> => {
  const api = await context.connect();
  const groupId = await groupMeant(async () => api, group, options);
  const siteId = options.site ?? (await onlySiteOf(context, api, groupId));
  const { last, despiteKeepUntil } = options;
  const wish = { type: "group", groupId, siteId, last, despiteKeepUntil } as const;
  return deleteWhat(context, api, wish, () => ({ what: `the group ${groupId} at ${siteId}` }), options);
};

const onlySiteOf = async (context: Context, api: Api, groupId: GroupId): Promise<SiteId> => {
  const plan = planIdOf(groupId);
  const all = await listed(context, (page) => answerOf(api.v1.groups.$get({ query: { ...page, plan } })));
  const sites = all.filter(({ id }) => id === groupId).map(({ siteId }) => siteId);
  const [only, ...others] = sites;
  if (only === undefined) {
    throw new VisibleError("GROUP_UNKNOWN", `There is no group ${groupId}.`, {
      hint: `List those of its plan with: smtx-backup group list --plan ${plan}`,
    });
  }
  if (others.length === 0) return only as SiteId;
  throw new VisibleError("BAD_REQUEST", `The group ${groupId} is at ${sites.join(", ")}.`, {
    hint: "Say where it is to be deleted: --site SITE",
  });
};
