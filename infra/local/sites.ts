import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type SiteId, siteIdSchema } from "../../core/api/ids.ts";

const sitesOfNewFolder: readonly SiteId[] = ["a", "b"].map((site) => siteIdSchema.parse(site));

/** Those that were ever started in the folder, by name. */
const sitesIn = async (dir: string): Promise<readonly SiteId[]> => {
  const names = await readdir(join(dir, "sites")).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.sort().flatMap((name) => siteIdSchema.safeParse(name).data ?? []);
};

/**
 * The sites to start: those that are named, else those that the folder has.
 * @returns with the folder's sites that are not among them: they have no gateway then
 */
export const chooseSites = async (
  dir: string,
  named: readonly string[] | undefined,
): Promise<{ readonly sites: readonly SiteId[]; readonly leftOut: readonly SiteId[] }> => {
  const known = await sitesIn(dir);
  if (named === undefined) return { sites: known.length > 0 ? known : sitesOfNewFolder, leftOut: [] };
  const sites = named.map((site) => siteIdSchema.parse(site));
  return { sites, leftOut: known.filter((site) => !sites.includes(site)) };
};
