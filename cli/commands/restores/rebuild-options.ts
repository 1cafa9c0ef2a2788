import { type Command, Option } from "commander";
import { rebuildCreateSchema } from "../../../core/api/restore/rebuild.ts";
import type { RebuildWishes } from "../../../core/api/restore/wishes.ts";
import { namePairs } from "../../input/name-pairs.ts";
import { checkedBy } from "../../input/options.ts";

/** What is rebuilt, and in what it is to be other than it was, as a command line says it. */
export interface RebuildWishOptions {
  readonly object?: string[];
  readonly prefix: string;
  readonly name?: string;
  readonly rename?: string[];
  readonly pool?: string;
  readonly switch?: string[];
  readonly disconnectNics?: true;
  readonly keepMacs?: true;
  readonly powerOn?: true;
}

/**
 * Options of each command that makes objects of a group.
 * @param prefix what stands before names, unless told otherwise; empty: nothing
 */
export const addRebuildOptions = (command: Command, prefix = "rebuilt-"): Command =>
  command
    .option("--object <object...>", "only these objects, by the names or ids that they had then; else all")
    .option(
      "--prefix <text>",
      "stands before the name of what is rebuilt; to rebuild it a second time, choose another one",
      checkedBy(rebuildCreateSchema.shape.namePrefix.unwrap()),
      prefix,
    )
    .addOption(new Option("--name <name>", "what the one object that is rebuilt is called").conflicts("rename"))
    .option("--rename <old=new...>", "what some of the objects are called: web=shop; a file by its whole path")
    .option("--pool <pool>", "the site's storage pool; else the mirror's, or on the protected site the original's")
    .addOption(
      new Option(
        "--switch <old=new...>",
        "connect what was connected to a virtual switch to this one of the site; the rest as the group says",
      ).conflicts("disconnectNics"),
    )
    .option("--disconnect-nics", "connect no NIC")
    .option("--keep-macs", "keep the MAC addresses; refused where another VM has one, unless the NIC is not connected")
    .option("--power-on", "switch VMs on once they are made");

/** The same as the API takes it; nothing of what was not said. */
export const rebuildWishes = (
  options: RebuildWishOptions,
): RebuildWishes & {
  readonly namePrefix: string;
  readonly objects?: string[];
  readonly name?: string;
  readonly renames?: { readonly object: string; readonly name: string }[];
} => {
  const { object: objects, prefix: namePrefix, name, rename, pool, disconnectNics, keepMacs, powerOn } = options;
  return {
    namePrefix,
    ...(objects && { objects }),
    ...(name !== undefined && { name }),
    ...(rename && { renames: renamesIn(rename) }),
    ...(pool !== undefined && { pool }),
    ...(options.switch && { switches: switchesIn(options.switch) }),
    ...(disconnectNics && { disconnectNics }),
    ...(keepMacs && { keepMacs }),
    ...(powerOn && { powerOn }),
  };
};

const renamesIn = (pairs: readonly string[]) =>
  [...namePairs(pairs, "--rename web=shop to have web rebuilt as shop.")].map(([object, name]) => ({ object, name }));

const switchesIn = (pairs: readonly string[]) =>
  Object.fromEntries(namePairs(pairs, "--switch prod=dr-prod to connect to dr-prod what was connected to prod."));
