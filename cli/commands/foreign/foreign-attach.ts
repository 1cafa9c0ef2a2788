import { type Command, Option } from "commander";
import { instantSchema, restoreIdOf } from "../../../core/api/ids.ts";
import { objectVolumesMax } from "../../../core/api/object/common.ts";
import { attachSeconds } from "../../../core/api/restore/attach.ts";
import { meantAmong } from "../../../core/rebuild/meant.ts";
import type { Context } from "../../context/context.ts";
import { serveForeign } from "../../foreign/attach.ts";
import { trustedManifest } from "../../foreign/manifest.ts";
import { findGroup, findPlan, standingOf } from "../../foreign/plans.ts";
import { withForeignSite } from "../../foreign/site.ts";
import { durationSeconds } from "../../input/duration.ts";
import { wholeNumber } from "../../input/options.ts";
import type { ForeignAttachment } from "../../json/foreign.ts";
import { printedJson } from "../../json/print.ts";
import { servedText, socketAddresses } from "../../render/attachment.ts";
import type { Answering } from "../command.ts";
import { addForeignOptions, foreignGroupOption, type OfGroup, planText } from "./options.ts";

interface AttachOptions extends OfGroup {
  readonly object: string;
  readonly disk?: number;
  readonly for: number;
  readonly writable: boolean;
  readonly evenUnsigned: boolean;
}

export const addForeignAttach = (foreign: Command, answering: Answering): void => {
  const command = foreign
    .command("attach")
    .description("serve an object of a plan's group as NBD exports, until Ctrl-C or for a time")
    .argument("<plan>", planText)
    .addOption(foreignGroupOption())
    .requiredOption("--object <object>", "the object, by the name or id that it had then");
  addForeignOptions(command)
    .addOption(
      new Option("--disk <number>", "of a VM only this disk; else each is an export").argParser(
        wholeNumber(0, objectVolumesMax - 1),
      ),
    )
    .addOption(
      new Option("--for <time>", "how long, such as 90m, 4h or 2d")
        .argParser(durationSeconds(attachSeconds.min, attachSeconds.max))
        .default(attachSeconds.usual, "4h"),
    )
    .option("--writable", "clients may write, into an overlay that is thrown away at the end", false)
    .option("--even-unsigned", "also where the group has no signature, and an older one of the plan has", false)
    .action(answering(attach));
};

const attach = async (context: Context, wanted: string, options: AttachOptions): Promise<undefined> =>
  withForeignSite(context, options, async (site) => {
    const plan = await findPlan(site, wanted);
    const group = findGroup(plan, options.group, site);
    const manifest = await trustedManifest(context, site, group, options);
    const { groupId, planId, planName, objects } = manifest;
    const see = `smtx-backup foreign-plan show ${planId} --group ${groupId} -c ${site.at}`;
    const object = objects[(await meantAmong(objects, [options.object], { groupId, see }))(options.object)];
    if (object === undefined) throw new Error(`group ${groupId} has lost an object that it has`);
    const { disk, writable, for: forSeconds } = options;
    const { stdout, stderr } = context.host;
    await serveForeign(context, site, manifest, {
      restoreId: restoreIdOf(planId, instantSchema.parse(new Date().toISOString())),
      ...{ object, disk, writable, forSeconds },
      onAttached: (attached, until) => {
        const { host, socket, since } = attached;
        const addresses = [...socketAddresses(attached)];
        const told: ForeignAttachment = {
          ...{ siteId: site.config.siteId, groupId, planName, writable, until, since, host, socket, addresses },
          object: { kind: object.kind, name: object.name },
          ...(disk !== undefined && { disk }),
          manifest: standingOf(group),
        };
        const text = servedText({ ...told, objectName: object.name }, addresses, context.style);
        stdout.write(`${context.json ? printedJson(told) : text}\n`);
      },
    });
    if (!context.json) stderr.write("It has ended.\n");
    return undefined;
  });
