import type { GroupAnswer, RetentionAnswer } from "../../core/api/answers.ts";
import { type Damage, type Group, groupSchema } from "../../core/api/group.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { targetsOf } from "../../core/plan/decide.ts";
import type { Deps } from "../deps.ts";
import { reclaimVerdicts } from "../engine/reclaim.ts";
import { readDamage } from "../inventory.ts";
import { groupPrefix, planKey } from "../records.ts";
import { type Page, type PageRequest, readPage } from "./page.ts";

/**
 * A plan's groups, by site and within it the newest first, with what their sites say is damaged of
 * them. A page may be short: deleted groups are left out of it.
 */
export const listGroups = async (
  deps: Pick<Deps, "store" | "clock" | "log">,
  planId: PlanId,
  siteId: SiteId | undefined,
  request: PageRequest,
): Promise<Page<GroupAnswer>> => {
  const first = { partition: planKey(planId).partition, sort: groupPrefix(siteId) };
  const page = await readPage<Group>(deps, groupSchema, first, request, { descending: true });
  const there = page.items.filter((group) => group.state !== "deleted");
  const sites = new Set(there.map((group) => group.siteId));
  const damage = new Map(
    await Promise.all([...sites].map(async (site) => [site, await readDamage(deps, site)] as const)),
  );
  return { ...page, items: there.map((group) => withDamage(group, damage.get(group.siteId) ?? [])) };
};

const withDamage = (group: Group, ofSite: readonly Damage[]): GroupAnswer => {
  const damage = ofSite.filter(({ groupId }) => groupId === group.id).map(({ groupId: _, ...each }) => each);
  return damage.length === 0 ? group : { ...group, damage };
};

/**
 * What the next reclaim would keep and delete on each site of the plan, and why.
 * @param keepLast to see what another retention would do, on every site
 */
export const previewRetention = async (
  deps: Deps,
  plan: Plan,
  keepLast: number | undefined,
): Promise<RetentionAnswer> => {
  const sites = new Set([plan.source, ...targetsOf(plan)]);
  return {
    sites: await Promise.all(
      [...sites].map(async (site) => ({ site, groups: (await reclaimVerdicts(deps, plan, site, keepLast)).verdicts })),
    ),
  };
};
