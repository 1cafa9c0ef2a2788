import { type Command, Option } from "commander";
import type { FailoverId } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import { isToBeDone, nothingChanged } from "../../context/confirm.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { failoverMeant, listFailovers, readFailover } from "../../control-plane/failovers.ts";
import { followFailover, showFailover } from "../../control-plane/follow-failover.ts";
import { failoversText } from "../../render/failover/failover.ts";
import { printable } from "../../render/style.ts";
import type { Answering } from "../command.ts";
import { addFailoverBegin } from "./begin.ts";

const planText = "the plan's name or id, or a failover's id";

export const addFailoverCommands = (program: Command, answering: Answering): void => {
  const failover = program
    .command("failover")
    .description("bring a plan's objects to another site when theirs is lost, and see how far that is");
  addFailoverBegin(failover, answering);
  failover
    .command("show")
    .description("show how far a plan's newest failover is, what it waits for, and what may be said to it")
    .argument("<plan>", planText)
    .addOption(testOption())
    .action(answering(show));
  withSayOptions(
    failover
      .command("continue")
      .description(
        "go on with a failover that waits: what failed is tried again, and who waited for people goes on; after a failback was asked for, with that",
      ),
  ).action(
    answering((context, plan: string, options: SayOptions) => say(context, plan, { command: "continue", ...options })),
  );
  withSayOptions(
    failover
      .command("undo")
      .description(
        "undo a failover as if nothing had been, or during a failback that: the plan is at the other site again. It asks first, and ends with 1 when the answer is not yes",
      )
      .option("--discard-changes", "also where that gives up what was written at the other site", false),
  )
    .option("--yes", "don't ask", false)
    .action(
      answering((context, plan: string, options: SayOptions) => say(context, plan, { command: "undo", ...options })),
    );
  failover
    .command("list")
    .description("list failovers and their tests, also those that have ended")
    .option("--plan <plan>", "only this plan's, by its name or id")
    .action(answering(list));
  withWaiting(
    program
      .command("failback")
      .description(
        "bring a plan back home that was failed over, with what was written there. What has changed at home since is not overwritten: new objects are made beside it. It asks first, and ends with 1 when the answer is not yes",
      )
      .argument("<plan>", planText)
      .option("--discard-changes", "overwrite what has changed at home since as well", false),
  )
    .option("--yes", "don't ask", false)
    .action(
      answering((context, plan: string, options: SayOptions) =>
        say(context, plan, { ...options, command: "failback", test: false }),
      ),
    );
};

const testOption = () => new Option("--test", "its newest test, and not the failover that moves it").default(false);

const withWaiting = (command: Command): Command =>
  command.option("--wait", "show what it does until it rests or waits; exit code 1 when it waits", false);

const withSayOptions = (command: Command): Command =>
  withWaiting(command.argument("<plan>", planText).addOption(testOption()));

interface SayOptions {
  readonly test: boolean;
  readonly wait: boolean;
  readonly discardChanges?: boolean;
  /** Absent: nobody is asked. */
  readonly yes?: boolean;
}

const show = async (context: Context, plan: string, options: { readonly test: boolean }): Promise<Answer> => {
  const api = await context.connect();
  return showFailover(context, await readFailover(api, await failoverMeant(context, api, plan, options)));
};

const list = async (context: Context, { plan }: { readonly plan?: string }): Promise<Answer> => {
  const items = await listFailovers(context, await context.connect(), plan);
  return { json: { items }, text: failoversText(items, context.style) };
};

interface Saying extends SayOptions {
  readonly command: "continue" | "undo" | "failback";
}

const say = async (context: Context, plan: string, saying: Saying): Promise<Answer> => {
  const api = await context.connect();
  const id = await failoverMeant(context, api, plan, saying);
  if (saying.yes === false && !(await isWanted(context, api, id, saying))) return nothingChanged;
  const json = { discardChanges: saying.discardChanges ?? false };
  const said = await answerOf(api.v1.failovers[":failover"][saying.command].$post({ param: { failover: id }, json }));
  return saying.wait ? followFailover(context, api, id) : showFailover(context, said);
};

const isWanted = async (
  context: Context,
  api: Api,
  id: FailoverId,
  { command, discardChanges = false }: Saying,
): Promise<boolean> => {
  const { planName, home, to } = await readFailover(api, id);
  const plan = printable(planName);
  const about = {
    continue: [],
    undo: [
      discardChanges
        ? `What was written at ${to} since the failover is given up.`
        : `It halts where anything was written at ${to} since.`,
    ],
    failback: [
      `Its machines at ${to} are switched off meanwhile.`,
      discardChanges
        ? `What has changed at ${home} since is overwritten; a safety group of it is kept for 3 days.`
        : `What has changed at ${home} since stays, and gets a new object beside it.`,
    ],
  }[command];
  const what =
    command === "failback"
      ? `Bring the plan ${plan} home to ${home}`
      : `Undo the failover of the plan ${plan} to ${to}`;
  return isToBeDone(context.host, what, about);
};
