import { type Command, Option } from "commander";
import { planIdOf, siteIdSchema } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import { askedFor, followRun } from "../../control-plane/follow-run.ts";
import { freshInventory } from "../../control-plane/inventory.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { checkedBy, groupOrLatest, latestOfOption } from "../../input/options.ts";
import { askedForRun } from "../../json/run.ts";
import type { Answering } from "../command.ts";
import { addRebuildOptions, type RebuildWishOptions, rebuildWishes } from "./rebuild-options.ts";

interface CloneOptions extends RebuildWishOptions {
  readonly from?: string;
  readonly to: string;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly damaged: boolean;
  readonly wait: boolean;
}

const site = checkedBy(siteIdSchema);

export const addCloneCommand = (program: Command, answering: Answering): void => {
  const command = program
    .command("clone")
    .description("make the objects of a group, or some of them, at any site; what it lacks is sent there first")
    .argument("<group>", "the group's id, of: smtx-backup group list; or latest, with --plan and --from", groupOrLatest)
    .addOption(
      new Option("--from <site>", "the site that has the group; to be left out where one alone has it").argParser(site),
    )
    .addOption(
      new Option("--to <site>", "the site at which the objects are made").argParser(site).makeOptionMandatory(),
    )
    .addOption(latestOfOption());
  addRebuildOptions(command)
    .option("--damaged", "also where damage was found in it: what is damaged can't be read then, the rest can", false)
    .option("--wait", "show how far it is until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, group: string, options: CloneOptions) => {
        const api = await context.connect();
        const { from: fromSiteId, to: siteId, damaged: evenDamaged } = options;
        const wishes = rebuildWishes(options);
        const groupId = await groupMeant(async () => api, group, {
          plan: options.plan,
          site: fromSiteId,
          siteFlag: "--from",
        });
        // Names that somebody has there already are told before anything is sent.
        await freshInventory(context, api, siteId);
        const json = {
          type: "clone",
          groupId,
          ...(fromSiteId !== undefined && { fromSiteId }),
          siteId,
          evenDamaged,
          ...wishes,
        } as const;
        const asking = answerOf(api.v1.restores.$post({ json }));
        const run = await askedFor(context, asking, `smtx-backup run list --plan ${planIdOf(groupId)}`);
        if (options.wait) return followRun(context, api, run.id);
        return {
          json: askedForRun(run),
          text: `${run.id} has been asked for. See: smtx-backup run show ${run.id} --watch`,
        };
      }),
    );
};
