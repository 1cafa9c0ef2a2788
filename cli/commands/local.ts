import type { Command } from "commander";
import { z } from "zod";
import { siteIdSchema } from "../../core/api/ids.ts";
import { printableJson } from "../../core/api/name.ts";
import { checkedBy, wholeNumber } from "../input/options.ts";
import { fields } from "../render/table.ts";
import type { Answering } from "./command.ts";

const sites = checkedBy(
  z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(siteIdSchema).min(1).max(16))
    .refine((ids) => new Set(ids).size === ids.length, "a site is named twice"),
);
const gatewaysMax = 8;

interface Options {
  readonly sites?: string[];
  readonly gatewaysPerSite: number;
  readonly envoy?: string;
  readonly sharedHost?: boolean;
}

export const addLocalCommands = (program: Command, answering: Answering): void => {
  program
    .command("local")
    .description("everything on this machine")
    .command("up")
    .description("run the whole system here, with the gateways of some sites, until Ctrl-C")
    .option(
      "--sites <a,b>",
      "the sites, each with an extentstore of its own (those that the folder has; else a,b)",
      sites,
    )
    .option("--gateways-per-site <n>", "gateways of each site", wholeNumber(1, gatewaysMax), 1)
    .option("--envoy <program>", "send through an Envoy a gateway: its path, or auto to look for one")
    .option(
      "--shared-host",
      "let every user of this machine reach the emulators (SMTX_BACKUP_SHARED_HOST=1), where they can't be hidden",
    )
    .action(
      answering(async (context, options: Options) => {
        const { host, dir, json, style } = context;
        await context.refuseTraps();
        await host.localUp({
          dir,
          ...(options.sites !== undefined && { sites: options.sites }),
          gatewaysPerSite: options.gatewaysPerSite,
          sharedHost: options.sharedHost === true,
          ...(options.envoy !== undefined && { envoy: options.envoy }),
          signal: host.signal,
          onTrouble: context.warn,
          onReady: ({ url, tokenFile, sites: running }) => {
            const text = fields(
              [
                ["API", url],
                ["Token", tokenFile],
                ["Sites", running.join(", ")],
                ["Folder", dir],
              ],
              style,
            );
            const people = `${style.good("smtx-backup is running.")} Ctrl-C ends it; what it has stays in the folder.\n${text}`;
            host.stdout.write(
              `${json ? printableJson(JSON.stringify({ url, tokenFile, dir, sites: running })) : people}\n`,
            );
          },
        });
        return undefined;
      }),
    );
};
