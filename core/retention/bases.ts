import type { Group } from "../api/group.ts";
import type { GroupId, SiteId } from "../api/ids.ts";
import { isOfOrder } from "./order.ts";

/**
 * Which groups of a site an increment from or to other sites starts from: with each of them, the
 * newest that both have, in whichever role. A newer one that the other has lost may come back with
 * its disk, and is the base then.
 * @param others the groups of those sites
 * @returns by group, the sites that have it as theirs
 */
export const basesAmong = (
  here: readonly Group[],
  others: readonly Group[],
): ReadonlyMap<GroupId, readonly SiteId[]> => {
  const own = new Map(here.filter(isOfOrder).map((group) => [group.id, group]));
  const sitesByBase = new Map<GroupId, SiteId[]>();
  for (const [site, groups] of Map.groupBy(others, ({ siteId }) => siteId)) {
    const shared = groups
      .filter(({ id, takenAt }) => own.get(id)?.takenAt === takenAt)
      .sort((one, other) => other.sequence - one.sequence);
    const newestOrLost = shared.find((group) => isOfOrder(group) || group.state === "lost");
    for (const base of new Set([shared.find(isOfOrder)?.id, newestOrLost?.id])) {
      if (base !== undefined) sitesByBase.set(base, [...(sitesByBase.get(base) ?? []), site].sort());
    }
  }
  return sitesByBase;
};
