import { join } from "node:path";
import { findTool } from "../../infra/local/demo/tools.ts";
import type { Images } from "../cases/images.ts";
import { type RivalName, rivalNames } from "../cases/options.ts";
import { borg } from "./borg.ts";
import { createRepositoryRival } from "./repository.ts";
import { restic } from "./restic.ts";
import type { Rival } from "./rival.ts";
import { createRsync } from "./rsync.ts";

const debianPackages: Readonly<Record<RivalName, string>> = { rsync: "rsync", restic: "restic", borg: "borgbackup" };

/** The rivals that are wanted. @throws Error naming what to install where one is missing */
export const requireRivals = async (without: readonly RivalName[]): Promise<readonly RivalName[]> => {
  const wanted = rivalNames.filter((name) => !without.includes(name));
  const paths = await Promise.all(wanted.map(findTool));
  const missing = wanted.filter((_, at) => paths[at] === undefined);
  if (missing.length > 0) {
    const install = missing.map((name) => debianPackages[name]).join(" ");
    throw new Error(`Missing here: ${missing.join(", ")}. Install ${install}, or use --without ${missing.join(",")}.`);
  }
  return wanted;
};

export const createRivals = (names: readonly RivalName[], dir: string, images: Images): readonly Rival[] => {
  const at = (name: string) => ({ dir: join(dir, name), images });
  const made: Record<RivalName, () => readonly Rival[]> = {
    rsync: () => [createRsync({ ...at("rsync"), zstd: false }), createRsync({ ...at("rsync-z"), zstd: true })],
    restic: () => [createRepositoryRival(restic, at("restic"))],
    borg: () => [createRepositoryRival(borg, at("borg"))],
  };
  return names.flatMap((name) => made[name]());
};
