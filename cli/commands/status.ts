import type { Command } from "commander";
import type { StatusAnswer, TargetStatus } from "../../core/api/status.ts";
import { answerOf } from "../context/client.ts";
import type { Answer, Context } from "../context/context.ts";
import { listed } from "../control-plane/pages.ts";
import { exitCodes } from "../host/exit-codes.ts";
import { siteOption } from "../input/options.ts";
import { statusCounts, statusText } from "../render/status.ts";
import type { Answering } from "./command.ts";

interface StatusOptions {
  readonly plan?: string;
  readonly site?: string;
  readonly all: boolean;
}

export const addStatusCommand = (program: Command, answering: Answering): void => {
  program
    .command("status")
    .description(
      "show how every plan is at its targets: the newest restore point, the last result, what it waits for; exit code 1 when something is late, failing or damaged, or a plan can't be read",
    )
    .option("--plan <plan>", "only this plan, by its name or id")
    .addOption(siteOption("only this target"))
    .option("--all", "show every line, also where they are more than a screen holds", false)
    .action(answering(showStatus));
};

const showStatus = async (context: Context, { all, ...filter }: StatusOptions): Promise<Answer> => {
  const { items, absentSites, unreadable } = await readStatus(context, filter);
  const summary = statusCounts(items);
  const isWrong = unreadable > 0 || items.some(({ targets }) => targets.some(isWrongAt));
  return {
    json: { items, absentSites, summary, unreadable },
    text: statusText(
      { items, absentSites, unreadable },
      { style: context.style, all, isFiltered: filter.site !== undefined },
    ),
    exitCode: (isWrong ? exitCodes.failed : exitCodes.done).code,
  };
};

const readStatus = async (
  context: Context,
  filter: Pick<StatusOptions, "plan" | "site">,
): Promise<Pick<StatusAnswer, "items" | "absentSites"> & { readonly unreadable: number }> => {
  const api = await context.connect();
  const absent = new Set<StatusAnswer["absentSites"][number]>();
  let unreadable = 0;
  const items = await listed(context, async (query) => {
    const { unreadable: some = 0, ...page } = await answerOf(api.v1.status.$get({ query: { ...query, ...filter } }));
    for (const site of page.absentSites) absent.add(site);
    unreadable += some;
    return page;
  });
  return { items: [...items], absentSites: [...absent].sort(), unreadable };
};

const isWrongAt = ({ isLate, isFailing, newest }: TargetStatus): boolean =>
  isLate || isFailing || newest?.damage !== undefined;
