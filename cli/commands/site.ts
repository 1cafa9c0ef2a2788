import type { Command } from "commander";
import { answerOf } from "../client.ts";
import { listed } from "../pages.ts";
import { table } from "../render/table.ts";
import { instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

export const addSiteCommands = (program: Command, answering: Answering): void => {
  program
    .command("site")
    .description("the clusters")
    .command("list")
    .description("list the sites")
    .action(
      answering(async (context) => {
        const api = await context.connect();
        const items = await listed((query) => answerOf(api.v1.sites.$get({ query })));
        const { style } = context;
        const text = table(
          items,
          [
            { title: "SITE", value: ({ id }) => id, paint: style.strong },
            { title: "MULTI-CLUSTER", value: ({ multiCluster }) => multiCluster },
            { title: "SINCE", value: ({ createdAt }) => instantText(createdAt) },
          ],
          { style, none: "No sites yet." },
        );
        return { json: { items }, text };
      }),
    );
};
