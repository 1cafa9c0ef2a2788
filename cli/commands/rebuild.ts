import type { Command } from "commander";
import { restoreCreateSchema } from "../../core/api/restore.ts";
import { answerOf } from "../client.ts";
import { askedFor, followRun } from "../follow-run.ts";
import { freshInventory } from "../inventory.ts";
import { checkedBy, groupId, siteOption } from "../options.ts";
import type { Answering } from "./command.ts";

interface RebuildOptions {
  readonly site: string;
  readonly prefix: string;
  readonly damaged: boolean;
  readonly wait: boolean;
}

export const addRebuildCommand = (program: Command, answering: Answering): void => {
  program
    .command("rebuild")
    .description("rebuild the objects of a restore point, on the site that has it")
    .argument("<group>", "the group's id, of: smtx-backup group list", groupId)
    .addOption(siteOption("the site that has the group").makeOptionMandatory())
    .option(
      "--prefix <text>",
      "stands before the name of what is rebuilt",
      checkedBy(restoreCreateSchema.shape.namePrefix.unwrap()),
      "rebuilt-",
    )
    .option("--damaged", "also where damage was found in it: what is damaged can't be read then, the rest can", false)
    .option("--wait", "show how far it is until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, group: string, options: RebuildOptions) => {
        const api = await context.connect();
        const { site: siteId, prefix: namePrefix, damaged: evenDamaged } = options;
        // Names that somebody has there already are told before anything is made.
        await freshInventory(context, api, siteId);
        const json = { type: "rebuild", groupId: group, siteId, namePrefix, evenDamaged } as const;
        const asking = answerOf(api.v1.restores.$post({ json }));
        const run = await askedFor(context, asking, "smtx-backup run list --plan PLAN");
        if (options.wait) return followRun(context, api, run.id);
        return { json: run, text: `${run.id} has been asked for. See: smtx-backup run show ${run.id}` };
      }),
    );
};
