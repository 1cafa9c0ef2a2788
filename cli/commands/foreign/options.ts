import { type Command, Option } from "commander";
import type { ForeignOptions } from "../../foreign/site.ts";
import { groupOrLatest, latest } from "../../input/options.ts";

/** What each of these commands is told. */
export const addForeignOptions = (command: Command): Command =>
  command
    .requiredOption("-c, --config <file>", "the configuration of a gateway of the site, gateway.yaml")
    .option(
      "--authority <file>",
      "the certificate, ca.crt, of an authority that issued gateways' certificates before; believed as well",
    );

export const planText = "the plan, by its name or id";

/** Which of a plan's groups is meant. */
export const foreignGroupOption = () =>
  new Option("--group <group>", "the group's id, as `foreign-plan show` has it")
    .argParser(groupOrLatest)
    .default(latest);

export interface OfGroup extends ForeignOptions {
  readonly group: string;
}
