import type { Command } from "commander";
import { instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

export const addTableCommands = (program: Command, answering: Answering): void => {
  const table = program.command("table").description("the DynamoDB tables of an installation on AWS");
  table
    .command("take-over")
    .description("after an upgrade from a version with a single table: move tokens, certificates and audit trail, once")
    .argument("<name>", "the DynamoDB table that sst deploy prints; it is changed with AWS's credentials")
    .action(
      answering(async ({ host }, name: string) => {
        const { at, moved, isNew } = await host.takeOverTable(host.env, name);
        const text = isNew
          ? `Moved ${moved.access} documents of tokens, sites and certificates, and ${moved.audit} of the audit trail, out of ${name}. Look at what is good from now on: smtx-backup token list`
          : `${name} was taken apart already, at ${instantText(at)}.`;
        return { json: { table: name, at, moved, isNew }, text };
      }),
    );
};
