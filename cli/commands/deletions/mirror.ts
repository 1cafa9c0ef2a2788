import type { Command } from "commander";
import type { SiteId } from "../../../core/api/ids.ts";
import type { Answer, Context } from "../../context/context.ts";
import { readLeftOvers } from "../../control-plane/left-overs.ts";
import { siteOption } from "../../input/options.ts";
import { leftOversText } from "../../render/deletion/left-overs.ts";
import type { Answering } from "../command.ts";
import { type DeletionOptions, deleteWhat } from "./delete-what.ts";
import { withDeletionOptions } from "./options.ts";

export const addMirrorCommands = (program: Command, answering: Answering): void => {
  const mirror = program.command("mirror").description("mirrors and restore points that no plan needs any more");
  mirror
    .command("list")
    .description("list what deleted plans and removed targets have left at sites")
    .addOption(siteOption("only this site's"))
    .option("--all", "also what plans need", false)
    .action(answering(listMirrors));
  withDeletionOptions(
    mirror
      .command("release")
      .description(
        "delete the mirrors and all groups that a plan has at a site to which it does not copy any more. It shows what goes and asks, and ends with 1 when the answer is not yes",
      )
      .argument("<plan>", "the plan's name or id; of a deleted one, as it was called")
      .option(
        "--object <object...>",
        "of a plan that copies there still: the groups that have what was taken out of it, with all that is in them",
      )
      .addOption(siteOption("the site that has them").makeOptionMandatory()),
  ).action(answering(releaseMirror));
};

const listMirrors = async (
  context: Context,
  { site, all }: { readonly site?: SiteId; readonly all: boolean },
): Promise<Answer> => {
  const items = (await readLeftOvers(context, site)).filter(({ why }) => all || why !== "needed");
  return { json: { items }, text: leftOversText(items, context.style) };
};

interface ReleaseOptions extends DeletionOptions {
  readonly site: SiteId;
  readonly object?: string[];
}

const releaseMirror = async (context: Context, plan: string, options: ReleaseOptions): Promise<Answer> => {
  const api = await context.connect();
  const { site: siteId, despiteKeepUntil, object: objects } = options;
  return deleteWhat(
    context,
    api,
    { type: "mirror", plan, siteId, despiteKeepUntil, ...(objects && { objects }) },
    ({ planName }) => ({
      what: `${objects === undefined ? "all" : "these groups"} that the plan ${planName} has at ${siteId}`,
      word: planName,
    }),
    options,
  );
};
