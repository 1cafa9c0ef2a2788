import type { GroupListEntry } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import type { Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import type { Page, PageRequest } from "../documents/page.ts";
import type { Deps } from "../ports/deps.ts";
import { type NamedPlan, ofPlan } from "./across-plans.ts";
import { listGroups, withDamage } from "./groups.ts";
import { readNewest } from "./newest-group.ts";
import { pastPlansOf } from "./plans.ts";

const plansAtOnce = 8;

export interface GroupFilter {
  readonly site?: SiteId | undefined;
  /** Groups that were not taken before this. */
  readonly since?: Instant | undefined;
}

/**
 * A page of a plan's groups that are wanted, by site and within it the newest first.
 * A page may be short.
 */
export const listGroupsOf = async (
  deps: Pick<Deps, "store" | "log">,
  plan: NamedPlan,
  { site, since }: GroupFilter,
  request: PageRequest,
): Promise<Page<GroupListEntry>> => {
  const { items, cursor, ...page } = await listGroups(deps, plan.id, site, request);
  const wanted = items.filter(({ takenAt }) => since === undefined || takenAt >= since);
  // Of one site they are in the order of time, which sites are not asked for.
  const last = items.at(-1);
  const isOver = site !== undefined && since !== undefined && last !== undefined && last.publishedAt < since;
  const next = isOver ? undefined : cursor;
  return {
    ...page,
    items: wanted.map((group) => ({ ...group, ...ofPlan(plan) })),
    ...(next !== undefined && { cursor: next }),
  };
};

/**
 * A plan's newest group at a site that is there, by its number.
 * @throws {VisibleError} GROUP_UNKNOWN
 */
export const readLatestGroup = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  plan: NamedPlan,
  site: SiteId,
): Promise<GroupListEntry> => {
  const { id, name } = plan;
  const { group } = await readNewest(deps, id, site);
  if (group !== undefined) return { ...(await withDamage(deps, group)), ...ofPlan(plan) };
  const [namesake] = await namesakesWithGroups(deps, plan, site);
  throw new VisibleError("GROUP_UNKNOWN", `The plan “${name}” has no restore point on site “${site}”.`, {
    hint:
      namesake === undefined
        ? `See which it has with: smtx-backup group list --plan ${name}`
        : `A deleted plan of that name, ${namesake}, has some: smtx-backup group list --plan ${namesake} --site ${site}`,
  });
};

/** Of a page of its groups, some of which may be deleted, whether any is there. */
const lookedAtMax = 25;

/** Deleted plans that were called what a living one is called now, and have groups, up to ten. */
export const namesakesWithGroups = async (
  deps: Pick<Deps, "store" | "log">,
  { name, isDeleted }: NamedPlan,
  site?: SiteId,
): Promise<readonly PlanId[]> => {
  if (isDeleted) return [];
  const namesakes = await mapBounded(await pastPlansOf(deps, name), plansAtOnce, async (id) => {
    const { items } = await listGroups(deps, id, site, { limit: lookedAtMax });
    return items.length > 0 ? [id] : [];
  });
  return namesakes.flat();
};
