import type { Group } from "../../core/api/group.ts";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { pagesOf } from "../../core/api/pages.ts";
import { earlier, isAhead } from "../../core/ports/clock.ts";
import { isOfOrder } from "../../core/retention/order.ts";
import { groupPrefix, planKey } from "../documents/records.ts";
import type { Deps } from "../ports/deps.ts";

export interface Newest {
  /** By its number, whatever its instant. */
  readonly group: Group | undefined;
  /**
   * Of the newest whose instant is believed: one that lies well ahead of now is a wrong clock's.
   */
  readonly takenAt: Instant | undefined;
}

/**
 * When a group was taken, as far as its site is believed: not after it was published, which the
 * control plane's own clock says. So one that is dated years ahead ages from the day it came.
 */
export const believedAt = ({ takenAt, publishedAt }: Pick<Group, "takenAt" | "publishedAt">): Instant =>
  earlier(takenAt, publishedAt);

const groupsPerPage = 25;

/**
 * A plan's newest restore point at a site; on the source, its newest group of a run. Numbers say
 * which is the newest, and a slot may have been one of a wrong clock: so all of the first page are
 * looked at in which there is one, and mostly that is all that is read.
 */
export const readNewest = async (
  { store, clock }: Pick<Deps, "store" | "clock">,
  planId: PlanId,
  site: SiteId,
): Promise<Newest> => {
  const { partition } = planKey(planId);
  const now = clock.now();
  const published: Group[] = [];
  const query = { partition, prefix: groupPrefix(site), limit: groupsPerPage, descending: true };
  for await (const { items } of pagesOf((cursor) => store.query<Group>({ ...query, cursor }))) {
    published.push(...items.flatMap(({ body }) => (isOfOrder(body) ? [body] : [])));
    const believed = newestOf(published.filter((group) => !isAhead(believedAt(group), now)));
    if (believed !== undefined) return { group: newestOf(published), takenAt: believedAt(believed) };
  }
  return { group: newestOf(published), takenAt: undefined };
};

const newestOf = (groups: readonly Group[]): Group | undefined =>
  groups.reduce<Group | undefined>(
    (best, group) => ((best?.sequence ?? -1) > group.sequence ? best : group),
    undefined,
  );
