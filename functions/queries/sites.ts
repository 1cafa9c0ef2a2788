import type { FacilitiesAnswer, GatewayAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, SiteId } from "../../core/api/ids.ts";
import {
  type Gateway,
  gatewayAbsentAfterSeconds,
  gatewayForgottenAfterSeconds,
  gatewaySchema,
  type Site,
  siteSchema,
} from "../../core/api/site.ts";
import { isAhead, secondsBetween } from "../../core/ports/clock.ts";
import type { Stored } from "../../core/ports/store.ts";
import type { Deps } from "../deps.ts";
import { readFacilities } from "../facilities.ts";
import { inventoryObservedAt } from "../inventory.ts";
import { perObject, Recently } from "../recently.ts";
import { gatewayKey, siteKey } from "../records.ts";
import { type Page, type PageRequest, readPage } from "./page.ts";

/** @throws {VisibleError} SITE_UNKNOWN */
export const readSite = async (deps: Pick<Deps, "store">, siteId: SiteId): Promise<Site> =>
  (await readStoredSite(deps, siteId)).body;

/** With its version, to change it. @throws {VisibleError} SITE_UNKNOWN */
export const readStoredSite = async ({ store }: Pick<Deps, "store">, siteId: SiteId): Promise<Stored<Site>> => {
  const stored = await store.get<Site>(siteKey(siteId));
  if (stored !== undefined) return stored;
  throw new VisibleError("SITE_UNKNOWN", `There is no site “${siteId}”.`, {
    hint: "Create it first, or correct the name. List sites with: smtx-backup site list",
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

/** What a site has besides objects, as far as its gateways have told. @throws {VisibleError} SITE_UNKNOWN */
export const lookAtFacilities = async (
  deps: Pick<Deps, "store" | "clock" | "ids">,
  siteId: SiteId,
): Promise<FacilitiesAnswer> => {
  const { switchMaps = {} } = await readSite(deps, siteId);
  const facilities = await readFacilities(deps, siteId);
  const observedAt = await inventoryObservedAt(deps, siteId);
  const isKnown = facilities !== undefined && observedAt !== undefined;
  return { siteId, switchMaps, ...(isKnown && { observedAt, facilities }) };
};

/**
 * A site's gateways by name, and which of them are alive. Those that were not heard of for a day
 * are forgotten.
 */
export const readGateways = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  siteId: SiteId,
): Promise<readonly GatewayAnswer[]> => {
  const now = deps.clock.now();
  const gateways: GatewayAnswer[] = [];
  let cursor: string | undefined;
  do {
    const page = await readPage(deps, gatewaySchema, gatewayKey(siteId, ""), { limit: 100, cursor });
    for (const gateway of page.items) {
      const silentSeconds = secondsBetween(gateway.lastSeenAt, now);
      if (silentSeconds > gatewayForgottenAfterSeconds) continue;
      // A clock that was ahead says of the dead that they are heard of for as long.
      const alive = silentSeconds < gatewayAbsentAfterSeconds && !isAhead(gateway.lastSeenAt, now);
      gateways.push({ ...gateway, alive, ...certificateProblem(gateway, now) });
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return gateways;
};

/** What a process read of a site's gateways is good for so long, where a second more or less does not matter. */
const recentSeconds = 5;
const recentIn = perObject(() => new Recently<readonly GatewayAnswer[]>(recentSeconds));

/** The same, as they were some seconds ago at most. */
export const readGatewaysOfLate = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  siteId: SiteId,
): Promise<readonly GatewayAnswer[]> => {
  const recent = recentIn(deps.store);
  const known = recent.get(siteId, deps);
  if (known !== undefined) return known;
  const gateways = await readGateways(deps, siteId);
  recent.set(siteId, gateways, deps.clock.now());
  return gateways;
};

const certificateProblem = ({ certificate }: Gateway, now: Instant): Pick<GatewayAnswer, "certificateProblem"> => {
  if (certificate === undefined) return {};
  if (now > certificate.until) return { certificateProblem: "expired" };
  return now < certificate.from ? { certificateProblem: "not-yet-valid" } : {};
};
