import { type Command, InvalidArgumentError, Option } from "commander";
import { VisibleError } from "../../../core/api/errors.ts";
import { planIdOf, type RunId } from "../../../core/api/ids.ts";
import { objectVolumesMax } from "../../../core/api/object/common.ts";
import { attachSeconds } from "../../../core/api/restore/attach.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { type ClientCertificates, makeClientCertificates } from "../../control-plane/attach-certificates.ts";
import { untilAttached } from "../../control-plane/attachments.ts";
import { askedFor } from "../../control-plane/follow-run.ts";
import { groupMeant } from "../../control-plane/latest-group.ts";
import { durationSeconds } from "../../input/duration.ts";
import { groupOrLatest, groupText, latestOfOption, siteOption, wholeNumber } from "../../input/options.ts";
import { attachmentLine } from "../../json/attachment.ts";
import { attachedText, socketAddresses, tlsAddresses } from "../../render/attachment.ts";
import type { Answering } from "../command.ts";

interface AttachOptions {
  readonly object: string;
  readonly disk?: number;
  readonly site: string;
  /** Of which plan the latest is meant. */
  readonly plan?: string;
  readonly for: number;
  readonly writable: boolean;
  readonly listen?: Listen;
  readonly certificates?: string;
}

export const addAttachCommand = (group: Command, answering: Answering): void => {
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
    .addOption(
      new Option(
        "--listen <address:port>",
        "also by TLS, at this address of the gateway's host; port 0: any that is free",
      ).argParser(listenAt),
    )
    .option("--certificates <folder>", "with --listen: a new folder for the certificates that its clients take")
    .action(answering(attach));
};

interface Listen {
  readonly host: string;
  readonly port: number;
}

const listenAt = (value: string): Listen => {
  const [, inBrackets, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9A-Za-z.-]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = inBrackets ?? plain;
  if (host !== undefined && Number(port) < 65_536) return { host, port: Number(port) };
  throw new InvalidArgumentError("An address and a port, such as 127.0.0.1:10809 or [::1]:0.");
};

const attach = async (context: Context, group: string, options: AttachOptions): Promise<Answer> => {
  const { listen, certificates } = options;
  if ((listen === undefined) !== (certificates === undefined)) {
    throw new VisibleError("BAD_REQUEST", "--listen and --certificates go together.", {
      hint: "For instance: --listen 127.0.0.1:10809 --certificates ./attached",
    });
  }
  const api = await context.connect();
  const { site: siteId, object, disk, for: forSeconds, writable } = options;
  const groupId = await groupMeant(async () => api, group, options);
  const made = certificates === undefined ? undefined : await makeClientCertificates(certificates, forSeconds);
  const json = {
    type: "attach",
    groupId,
    siteId,
    object,
    forSeconds,
    writable,
    ...(disk !== undefined && { disk }),
    ...(listen && made && { listen: { ...listen, clientAuthority: made.clientAuthority } }),
  } as const;
  const asking = answerOf(api.v1.restores.$post({ json }));
  const run = await askedFor(context, asking, `smtx-backup run list --plan ${planIdOf(groupId)}`);
  return attached(context, api, run.id, made);
};

const attached = async (
  context: Context,
  api: Api,
  runId: RunId,
  certificates: ClientCertificates | undefined,
): Promise<Answer> => {
  try {
    const found = await untilAttached(context, api, runId);
    const { tls } = found.attached;
    if (tls !== undefined) await certificates?.trust(tls.authority);
    const afar = certificates === undefined ? [] : tlsAddresses(found.attached, certificates.folder);
    const addresses = [...socketAddresses(found.attached), ...afar];
    return { json: attachmentLine(found, afar), text: attachedText(found, addresses, context.style) };
  } catch (error) {
    if (context.host.signal.aborted) {
      context.warn(`It goes on without you. To end it: smtx-backup group detach ${runId}`);
    }
    throw error;
  }
};
