import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { type Site, siteSchema } from "../../core/api/site.ts";
import { didYouMean } from "../../core/object/nearest-name.ts";
import type { Stored } from "../../core/ports/store.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { siteKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

/** A typo is looked for among so many names. */
const namesLookedAtMax = 100;

/** @throws {VisibleError} SITE_UNKNOWN */
export const readSite = async (deps: Pick<Deps, "store">, siteId: SiteId): Promise<Site> =>
  (await readStoredSite(deps, siteId)).body;

/** With its version, to change it. @throws {VisibleError} SITE_UNKNOWN */
export const readStoredSite = async ({ store }: Pick<Deps, "store">, siteId: SiteId): Promise<Stored<Site>> => {
  const stored = await store.get<Site>(siteKey(siteId));
  if (stored !== undefined) return stored;
  const { partition, sort: prefix } = siteKey("" as SiteId);
  const { items } = await store.query<Site>({ partition, prefix, limit: namesLookedAtMax });
  const instead = didYouMean(
    siteId,
    items.map(({ key }) => key.sort.slice(prefix.length)),
  );
  throw new VisibleError("SITE_UNKNOWN", `There is no site “${siteId}”.`, {
    hint: `${instead}Create it first, or correct the name. List sites with: smtx-backup site list`,
  });
};

/** Those of the sites that there are. */
export const readSites = async ({ store }: Pick<Deps, "store">, ids: readonly SiteId[]): Promise<readonly Site[]> => {
  const stored = await Promise.all([...new Set(ids)].map((id) => store.get<Site>(siteKey(id))));
  return stored.flatMap((site) => (site === undefined ? [] : [site.body]));
};

/** Sites by name. */
export const listSites = (deps: Pick<Deps, "store" | "log">, page: PageRequest): Promise<Page<Site>> =>
  readPage(deps, siteSchema, siteKey("" as SiteId), page);
