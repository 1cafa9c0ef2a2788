import type { FacilitiesAnswer } from "../../core/api/answers.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { inventoryObservedAt } from "../inventory/inventory.ts";
import type { Deps } from "../ports/deps.ts";
import { readFacilities } from "../sites/facilities.ts";
import { readSite } from "../sites/sites.ts";

/**
 * What a site has besides objects, as far as its gateways have told.
 * @throws {VisibleError} SITE_UNKNOWN
 */
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
