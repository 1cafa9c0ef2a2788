import { type Command, Option } from "commander";
import { type AdoptionAnswer, adoptionIdSchema } from "../../../core/api/adoption/adoption.ts";
import { VisibleError } from "../../../core/api/errors.ts";
import type { SiteId } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { exitCodes } from "../../host/exit-codes.ts";
import { readAuthorityFile } from "../../input/authority-file.ts";
import { checkedBy, siteOption } from "../../input/options.ts";
import { adoptionText } from "../../render/adoption/adoption.ts";
import type { Answering } from "../command.ts";

interface AdoptOptions {
  readonly site: SiteId;
  readonly authority?: string;
  readonly plan?: string[];
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly show?: string;
}

export const addAdoptCommand = (program: Command, answering: Answering): void => {
  program
    .command("adopt")
    .description(
      "make known what a site holds of plans of other sites: in a new control plane, or one whose table was set back. Plans that are new here are suspended until they are resumed",
    )
    .addOption(siteOption("the site that holds them").makeOptionMandatory())
    .option("--authority <file>", "the certificate of the authority that the control plane before had, as PEM")
    .option("--plan <plan...>", "only plans of these names or ids")
    .option("--dry-run", "only show what would become known", false)
    .option("--wait", "wait until all is known; exit code 1 when something was refused", false)
    .addOption(
      new Option("--show <id>", "what came of an adoption that was begun").argParser(checkedBy(adoptionIdSchema)),
    )
    .action(answering(adopt));
};

const adopt = async (context: Context, options: AdoptOptions): Promise<Answer> => {
  const { site, authority: file, plan: plans, dryRun, wait, show } = options;
  const authority = file === undefined ? undefined : await readAuthorityFile(file);
  const api = await context.connect();
  if (show !== undefined) return shown(context, await look(api, site, show));
  const json = { site, dryRun, ...(authority !== undefined && { authority }), ...(plans && { plans }) };
  const begun = await answerOf(api.v1.adoptions.$post({ json }));
  return shown(context, wait ? await untilDone(context, api, begun) : begun);
};

const look = (api: Api, site: SiteId, adoption: string): Promise<AdoptionAnswer> =>
  answerOf(api.v1.adoptions[":site"][":adoption"].$get({ param: { site, adoption } }));

const shown = ({ style }: Context, answer: AdoptionAnswer): Answer => {
  const isRefused = answer.groupNotes.some((note) => note.isRefused);
  const exitCode = isRefused ? exitCodes.failed.code : exitCodes.done.code;
  return { json: answer, text: adoptionText(answer, style), exitCode };
};

const pollMs = 500;
/** So long nothing may come. */
const quietMs = 5 * 60 * 1000;

const untilDone = async ({ host }: Context, api: Api, begun: AdoptionAnswer): Promise<AdoptionAnswer> => {
  let [answer, sinceMs] = [begun, host.time.nowMs()];
  while (answer.state !== "done") {
    if (host.time.nowMs() - sinceMs > quietMs) throw silent(answer);
    await host.time.sleep(pollMs, host.signal);
    host.signal.throwIfAborted();
    const next = await look(api, begun.siteId, begun.id);
    if (next.groups?.done !== answer.groups?.done) sinceMs = host.time.nowMs();
    answer = next;
  }
  return answer;
};

const silent = ({ id, siteId }: AdoptionAnswer) =>
  new VisibleError("TIMEOUT", `Site ${siteId} has said nothing more for ${quietMs / 60_000} minutes.`, {
    hint: `See what has come by then, or ask again: smtx-backup adopt --site ${siteId} --show ${id}`,
  });
