import type { Command } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import { type GroupId, groupIdSchema, type RunId, runIdSchema } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { readAttachments } from "../../control-plane/attachments.ts";
import { siteOption } from "../../input/options.ts";
import { attachmentLine } from "../../json/attachment.ts";
import { attachmentTable } from "../../render/attachment.ts";
import { counted } from "../../render/units.ts";
import type { Answering } from "../command.ts";

export const addAttachmentCommands = (group: Command, answering: Answering): void => {
  group
    .command("detach")
    .description("end an attachment, or all of a group's")
    .argument("<attachment>", "the attachment's run, or the group")
    .addOption(siteOption("of a group, only at this site"))
    .action(answering(detach));
  group
    .command("attachments")
    .description("list what is attached: where, since when, until when, by whom, and how much was read")
    .addOption(siteOption("only at this site"))
    .action(answering(listAttachments));
};

const detach = async (context: Context, which: string, { site }: { readonly site?: string }): Promise<Answer> => {
  const api = await context.connect();
  const runs = await runsMeant(context, api, which, site);
  for (const run of runs) await answerOf(api.v1.attachments[":run"].detach.$post({ param: { run } }));
  return { json: { detached: runs }, text: `Ended ${counted(runs.length, "attachment")}: ${runs.join(", ")}.` };
};

const runsMeant = async (
  context: Context,
  api: Api,
  which: string,
  site: string | undefined,
): Promise<readonly RunId[]> => {
  const run = runIdSchema.safeParse(which).data;
  if (run !== undefined) return [run];
  const groupId = groupIdSchema.safeParse(which).data;
  if (groupId === undefined) {
    throw new VisibleError("BAD_REQUEST", `“${which}” is neither a run's id nor a group's.`, {
      hint: "See what is attached with: smtx-backup group attachments",
    });
  }
  const found = await readAttachments(context, api, { site, groupId });
  if (found.length === 0) throw notAttached(groupId);
  return found.map(({ runId }) => runId);
};

const notAttached = (groupId: GroupId) =>
  new VisibleError("NOT_FOUND", `Nothing of ${groupId} is attached.`, {
    hint: "See what is attached with: smtx-backup group attachments",
  });

const listAttachments = async (context: Context, { site }: { readonly site?: string }): Promise<Answer> => {
  const api = await context.connect();
  const all = await readAttachments(context, api, { site });
  return { json: { items: all.map((one) => attachmentLine(one)) }, text: attachmentTable(all, context.style) };
};
