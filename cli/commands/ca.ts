import type { Command } from "commander";
import { siteIdSchema } from "../../core/api/ids.ts";
import { checkedBy } from "../input/options.ts";
import type { Answering } from "./command.ts";

export const addCaCommands = (program: Command, answering: Answering): void => {
  program
    .command("ca")
    .description("the authority of a multi-cluster, which signs its gateways' certificates")
    .command("init")
    .description("make an authority: a certificate, ca.crt, and its key, ca.key, which only the control plane needs")
    .requiredOption("--multi-cluster <name>", "whose", checkedBy(siteIdSchema))
    .requiredOption("--out <dir>", "the folder to put them in; what is there is never replaced")
    .action(
      answering(async ({ host, style }, { multiCluster, out }: { multiCluster: string; out: string }) => {
        const files = await host.makeAuthority(out, multiCluster);
        const text = [
          `${style.strong(files.certificate)} and ${style.strong(files.key)} are the authority of ${multiCluster}.`,
          "Whoever has the key can be any gateway of it: give it to the control plane as a secret, keep a copy offline, and delete it here.",
        ].join("\n");
        return { json: { multiCluster, ...files }, text };
      }),
    );
};
