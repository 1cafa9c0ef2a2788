import type { Command } from "commander";
import { planIdOf } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import { askedFor, followRun } from "../../control-plane/follow-run.ts";
import { freshInventory } from "../../control-plane/inventory.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { groupOrLatest, groupText, latestOfOption, siteOption } from "../../input/options.ts";
import { askedForRun } from "../../json/run.ts";
import type { Answering } from "../command.ts";
import { addRebuildOptions, type RebuildWishOptions, rebuildWishes } from "./rebuild-options.ts";

interface RebuildOptions extends RebuildWishOptions {
  readonly site: string;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly damaged: boolean;
  readonly wait: boolean;
}

export const addRebuildCommand = (program: Command, answering: Answering): void => {
  const command = program
    .command("rebuild")
    .description("rebuild the objects of a group, or some of them, on a site that has it")
    .argument("<group>", groupText, groupOrLatest)
    .addOption(siteOption("the site that has the group: a target, or the protected one").makeOptionMandatory())
    .addOption(latestOfOption());
  addRebuildOptions(command)
    .option("--damaged", "also where damage was found in it: what is damaged can't be read then, the rest can", false)
    .option("--wait", "show how far it is until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, group: string, options: RebuildOptions) => {
        const { site: siteId, damaged: evenDamaged } = options;
        const wishes = rebuildWishes(options);
        const api = await context.connect();
        const groupId = await groupMeant(async () => api, group, options);
        // Names that somebody has there already are told before anything is made.
        await freshInventory(context, api, siteId);
        const json = { type: "rebuild", groupId, siteId, evenDamaged, ...wishes } as const;
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
