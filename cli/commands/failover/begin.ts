import { type Command, Option } from "commander";
import type { FailoverPreview } from "../../../core/api/failover/preview.ts";
import type { FailoverWish } from "../../../core/api/failover/request.ts";
import { failoverWishSchema } from "../../../core/api/failover/request.ts";
import { type GroupId, groupIdSchema, type RunId, type SiteId, siteIdSchema } from "../../../core/api/ids.ts";
import { answerOf } from "../../context/client.ts";
import { isToBeDone, nothingChanged } from "../../context/confirm.ts";
import type { Answer, Context } from "../../context/context.ts";
import { followFailover } from "../../control-plane/follow-failover.ts";
import { freshInventory } from "../../control-plane/inventory.ts";
import { durationSeconds } from "../../input/duration.ts";
import { namePairs } from "../../input/name-pairs.ts";
import { checkedBy, runId } from "../../input/options.ts";
import { failoverPreviewText, failoverText } from "../../render/failover/failover.ts";
import { printable } from "../../render/style.ts";
import type { Answering } from "../command.ts";

interface BeginOptions {
  readonly to: SiteId;
  readonly planned: boolean;
  readonly test: boolean;
  readonly for?: number;
  readonly rename?: string[];
  readonly switch?: string[];
  readonly pool?: string;
  readonly group?: GroupId;
  readonly madeBy?: RunId;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly yes: boolean;
}

const { forSeconds } = failoverWishSchema.shape;

/** `failover PLAN --to SITE` is short for it. */
export const addFailoverBegin = (failover: Command, answering: Answering): void => {
  failover
    .command("begin", { isDefault: true })
    .description(
      "bring a plan's objects to a site that it copies to: what is lost by it is shown first, for each object. It asks, and ends with 1 when the answer is not yes. Its name may be left out: failover PLAN --to SITE",
    )
    .argument("<plan>", "the plan's name or id")
    .addOption(
      new Option("--to <site>", "the target of the plan that its objects are made at")
        .argParser(checkedBy(siteIdSchema))
        .makeOptionMandatory(),
    )
    .addOption(
      new Option("--planned", "home answers: switch its machines off, send the last difference, and lose nothing")
        .default(false)
        .conflicts(["test", "group", "madeBy"]),
    )
    .addOption(
      new Option(
        "--test",
        "make copies beside everything, with no NIC connected, and remove them after a time",
      ).default(false),
    )
    .addOption(
      new Option("--for <time>", "so long a test lasts: 90m, 8h, 2d; else 8 hours").argParser(
        durationSeconds(forSeconds.unwrap().minValue ?? 60, forSeconds.unwrap().maxValue ?? 0),
      ),
    )
    .option("--rename <old=new...>", "what some of the objects are called there: web=shop; the others keep their names")
    .option("--pool <pool>", "the site's storage pool; else the mirror's")
    .addOption(
      new Option(
        "--switch <old=new...>",
        "connect what was connected to a virtual switch to this one of the site",
      ).conflicts("test"),
    )
    .addOption(
      new Option("--group <group>", "an older restore point than the newest there").argParser(checkedBy(groupIdSchema)),
    )
    .addOption(
      new Option(
        "--made-by <restore>",
        "take what this rebuild has made there before, such as one without a control plane, and make nothing",
      ).argParser(runId),
    )
    .option("--dry-run", "only show what it would do", false)
    .option("--wait", "show what it does until it rests or waits; exit code 1 when it waits", false)
    .option("--yes", "don't ask", false)
    .action(answering(begin));
};

const begin = async (context: Context, plan: string, options: BeginOptions): Promise<Answer> => {
  const api = await context.connect();
  const wish = wishOf(plan, options);
  // Names that somebody has there already are told before anything moves.
  await freshInventory(context, api, options.to);
  const preview = await answerOf(api.v1["failover-previews"].$post({ json: wish }));
  const text = failoverPreviewText(preview, {
    style: context.style,
    now: new Date(context.host.time.nowMs()).toISOString(),
  });
  const shown = shownPreview(preview);
  if (options.dryRun) {
    return { json: { preview: shown, failover: null }, text: `${text}\n\nThat it would do. Nothing was begun.` };
  }
  if (!options.yes) {
    context.host.stderr.write(`${text}\n\n`);
    const what = `${wish.kind === "test" ? "Test the failover" : "Fail over"} of the plan ${printable(preview.planName)} to ${preview.to}`;
    if (!(await isToBeDone(context.host, what, []))) return nothingChanged;
  }
  const { confirmation } = preview;
  const begun = await answerOf(api.v1.failovers.$post({ json: { wish, confirmation } }));
  if (options.wait) return followFailover(context, api, begun.id);
  return { json: { preview: shown, failover: begun }, text: failoverText(begun, context.style) };
};

const shownPreview = ({ confirmation: _, until: __, ...preview }: FailoverPreview) => preview;

const wishOf = (plan: string, options: BeginOptions): FailoverWish => {
  const { to, planned, test, rename, pool, group: groupId, madeBy, for: seconds } = options;
  const renames = rename && [...namePairs(rename, "--rename web=shop to have web made as shop.")];
  const switches =
    options.switch &&
    namePairs(options.switch, "--switch prod=dr-prod to connect to dr-prod what was connected to prod.");
  return {
    ...{ plan, to, kind: planned ? "planned" : test ? "test" : "unplanned" },
    ...(renames && { renames: renames.map(([object, name]) => ({ object, name })) }),
    ...(switches && { switches: Object.fromEntries(switches) }),
    ...(pool !== undefined && { pool }),
    ...(groupId !== undefined && { groupId }),
    ...(madeBy !== undefined && { madeBy }),
    ...(seconds !== undefined && { forSeconds: seconds }),
  };
};
