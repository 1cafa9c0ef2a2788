import { type Command, Option } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import { type GroupId, groupIdSchema, planIdOf, type RunId, runIdSchema } from "../../../core/api/ids.ts";
import { objectVolumesMax } from "../../../core/api/object/common.ts";
import { attachSeconds } from "../../../core/api/restore/attach.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { readAttachments, untilAttached } from "../../control-plane/attachments.ts";
import { askedFor } from "../../control-plane/follow-run.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { durationSeconds } from "../../input/duration.ts";
import { groupOrLatest, groupText, latestOfOption, siteOption, wholeNumber } from "../../input/options.ts";
import { attachmentLine } from "../../json/attachment.ts";
import { attachedText, attachmentTable, socketAddresses } from "../../render/attachment.ts";
import { counted } from "../../render/units.ts";
import type { Answering } from "../command.ts";

interface AttachOptions {
  readonly object: string;
  readonly disk?: number;
  readonly site: string;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly for: number;
  readonly writable: boolean;
}

export const addAttachCommands = (group: Command, answering: Answering): void => {
  group
    .command("attach")
    .description("serve an object of a group as NBD exports at its site, so that other tools can read its disks")
    .argument("<group>", groupText, groupOrLatest)
    .requiredOption("--object <object>", "the object, by the name or id that it had then")
    .addOption(
      new Option(
        "--disk <number>",
        "of a VM only this disk, as `group show` counts them; else each is an export",
      ).argParser(wholeNumber(0, objectVolumesMax - 1)),
    )
    .addOption(siteOption("the site that has the group").makeOptionMandatory())
    .addOption(latestOfOption())
    .addOption(
      new Option("--for <time>", "how long, such as 90m, 4h or 2d")
        .argParser(durationSeconds(attachSeconds.min, attachSeconds.max))
        .default(attachSeconds.usual, "4h"),
    )
    .option("--writable", "clients may write, into an overlay that is thrown away at the end", false)
    .action(answering(attach));
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

const attach = async (context: Context, group: string, options: AttachOptions): Promise<Answer> => {
  const api = await context.connect();
  const { site: siteId, object, disk, for: forSeconds, writable } = options;
  const groupId = await groupMeant(async () => api, group, options);
  const json = {
    type: "attach",
    groupId,
    siteId,
    object,
    forSeconds,
    writable,
    ...(disk !== undefined && { disk }),
  } as const;
  const asking = answerOf(api.v1.restores.$post({ json }));
  const run = await askedFor(context, asking, `smtx-backup run list --plan ${planIdOf(groupId)}`);
  return attached(context, api, run.id);
};

const attached = async (context: Context, api: Api, runId: RunId): Promise<Answer> => {
  try {
    const found = await untilAttached(context, api, runId);
    const { attached: where } = found;
    if (where === null) return { json: attachmentLine(found), text: "" };
    return {
      json: attachmentLine(found),
      text: attachedText({ ...found, attached: where }, socketAddresses(where), context.style),
    };
  } catch (error) {
    if (context.host.signal.aborted)
      context.warn(`It goes on without you. To end it: smtx-backup group detach ${runId}`);
    throw error;
  }
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
