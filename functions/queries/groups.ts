import type { GroupAnswer, RetentionAnswer } from "../../core/api/answers.ts";
import { damageSchema, type Group, groupSchema } from "../../core/api/group.ts";
import type { PlanId, SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { keyPart } from "../../core/object/place.ts";
import { siteOfObjects, targetsOf } from "../../core/plan/place.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { type Page, type PageRequest, readPage } from "../documents/page.ts";
import { damageKey, groupPrefix, planKey } from "../documents/records.ts";
import { reclaimVerdicts } from "../groups/reclaim.ts";
import type { Deps } from "../ports/deps.ts";

/** Of a group; one in which more is damaged is not worth a longer list. */
const damageShownMax = 100;
const lookUpsAtOnce = 8;

/**
 * A plan's groups, by site and within it the newest first, with what their sites say is damaged of
 * them, up to a hundred objects of each. A page may be short: deleted groups are left out of it.
 */
export const listGroups = async (
  deps: Pick<Deps, "store" | "log">,
  planId: PlanId,
  siteId: SiteId | undefined,
  request: PageRequest,
): Promise<Page<GroupAnswer>> => {
  const first = { partition: planKey(planId).partition, sort: groupPrefix(siteId) };
  const page = await readPage<Group>(deps, groupSchema, first, request, { descending: true });
  const there = page.items.filter((group) => group.state !== "deleted");
  const damaged = await damagedSites(deps, there);
  const items = await mapBounded(there, lookUpsAtOnce, async (group) =>
    damaged.has(group.siteId) ? withDamage(deps, group) : group,
  );
  return { ...page, items };
};

/**
 * The sites that tell of any damage in groups of the plan; mostly there are none, and no
 * more is to be asked.
 */
const damagedSites = async ({ store }: Pick<Deps, "store">, groups: readonly Group[]): Promise<ReadonlySet<SiteId>> => {
  const ofPlan = new Map(groups.map(({ siteId, id }) => [siteId, id.slice(0, id.lastIndexOf("_") + 1)]));
  const found = await mapBounded([...ofPlan], lookUpsAtOnce, async ([siteId, anyGroup]) => {
    const { partition, sort } = damageKey(siteId, keyPart(anyGroup));
    const { items } = await store.query({ partition, prefix: sort, limit: 1 });
    return items.length > 0 ? [siteId] : [];
  });
  return new Set(found.flat());
};

/** With what its site says is damaged of it. */
export const withDamage = async (deps: Pick<Deps, "store" | "log">, group: Group): Promise<GroupAnswer> => {
  const first = damageKey(group.siteId, `${keyPart(group.id)}#`);
  const { items } = await readPage(deps, damageSchema, first, { limit: damageShownMax });
  const damage = items.flatMap(({ groupId, ...each }) => (groupId === group.id ? [each] : []));
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
  const sites = new Set([plan.source, siteOfObjects(plan), ...targetsOf(plan)]);
  return {
    sites: await Promise.all(
      [...sites].map(async (site) => ({ site, groups: (await reclaimVerdicts(deps, plan, site, keepLast)).verdicts })),
    ),
  };
};
