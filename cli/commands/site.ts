import { type Command, Option } from "commander";
import { type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import { listed } from "../control-plane/pages.ts";
import { checkedBy } from "../input/options.ts";
import { rate } from "../input/rate.ts";
import { limitText } from "../render/site.ts";
import { table } from "../render/table.ts";
import { instantText, rateText } from "../render/units.ts";
import type { Answering } from "./command.ts";
import { mapSwitches, showSite } from "./site-switches.ts";

export const addSiteCommands = (program: Command, answering: Answering): void => {
  const site = program.command("site").description("the clusters");
  site
    .command("list")
    .description("list the sites")
    .action(
      answering(async (context) => {
        const api = await context.connect();
        const items = await listed(context, (query) => answerOf(api.v1.sites.$get({ query })));
        const { style } = context;
        const text = table(
          items,
          [
            { title: "SITE", value: ({ id }) => id, paint: style.strong },
            { title: "MULTI-CLUSTER", value: ({ multiCluster }) => multiCluster },
            { title: "SINCE", value: ({ createdAt }) => instantText(createdAt) },
            { title: "LIMITS", value: ({ limits = [] }) => limits.map(limitText).join(", ") || "none" },
          ],
          { style, none: "No sites yet." },
        );
        return { json: { items }, text };
      }),
    );
  site
    .command("show")
    .description("show a site: its storage pools, its virtual switches, and what takes their place at its targets")
    .argument("<site>", "its name", checkedBy(siteIdSchema))
    .action(answering(showSite));
  site
    .command("map")
    .description("say which virtual switch of a target takes the place of which of a site's; without pairs, show it")
    .argument("<site>", "the site whose objects are protected", checkedBy(siteIdSchema))
    .argument("[pairs...]", "prod=dr-prod; prod=- takes it away")
    .addOption(new Option("--to <target>", "the target").argParser(checkedBy(siteIdSchema)).makeOptionMandatory())
    .action(answering(mapSwitches));
  site
    .command("create")
    .description("make a site known; its gateways can be invited then")
    .argument("<site>", "its name", checkedBy(siteIdSchema))
    .requiredOption("--multi-cluster <name>", "the sites that can be each other's targets", checkedBy(siteIdSchema))
    .action(
      answering(async (context, id: SiteId, { multiCluster }: { multiCluster: SiteId }) => {
        const api = await context.connect();
        const answer = await answerOf(api.v1.sites.$post({ json: { id, multiCluster } }));
        return { json: answer, text: `Site ${id} of ${multiCluster} is known.` };
      }),
    );
  site
    .command("limit")
    .description("limit how fast a site may send to another, also what is on its way now")
    .argument("<site>", "the site that sends", checkedBy(siteIdSchema))
    .addOption(
      new Option("--to <target>", "the site that it sends to").argParser(checkedBy(siteIdSchema)).makeOptionMandatory(),
    )
    .addOption(
      new Option(
        "--rate <rate>",
        "bytes per second, all of the site's gateways together: 50MB, 10MiB; off for no limit",
      )
        .argParser(rate)
        .makeOptionMandatory(),
    )
    .action(
      answering(async (context, source: SiteId, options: { to: SiteId; rate: number | "off" }) => {
        const api = await context.connect();
        const { to: target, rate: bytesPerSecond } = options;
        const param = { site: source };
        const { limits = [], limitsVersion = 0 } = await answerOf(api.v1.sites[":site"].$get({ param }));
        const others = limits.filter((limit) => limit.target !== target);
        const json = {
          limits: bytesPerSecond === "off" ? others : [...others, { target, bytesPerSecond }],
          // What somebody else has changed in between is not to be undone.
          limitsVersion,
        };
        const answer = await answerOf(api.v1.sites[":site"].limits.$put({ param, json }));
        const text =
          bytesPerSecond === "off"
            ? `${source} sends to ${target} without a limit.`
            : `${source} sends to ${target} at ${rateText(bytesPerSecond)} at most.`;
        return { json: answer, text };
      }),
    );
};
