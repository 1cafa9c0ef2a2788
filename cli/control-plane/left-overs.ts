import type { GroupListEntry, PlanListEntry } from "../../core/api/answers.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import type { LeftOver } from "../render/deletion/left-overs.ts";
import { lastInventory } from "./inventory.ts";
import { listed } from "./pages.ts";

/** What plans have at sites, by site and plan: groups, and mirrors as gateways saw them last. */
export const readLeftOvers = async (context: Context, site: string | undefined): Promise<readonly LeftOver[]> => {
  const api = await context.connect();
  const plans = await listed(context, (query) => answerOf(api.v1.plans.$get({ query })));
  const ofSite = site === undefined ? {} : { site };
  const groups = await listed(context, (page) => answerOf(api.v1.groups.$get({ query: { ...page, ...ofSite } })));
  const all = await listed(context, (query) => answerOf(api.v1.sites.$get({ query })));
  const sites = site === undefined ? all.map(({ id }) => id) : [site];
  const mirrors: MirrorOf[] = [];
  for (const id of sites) mirrors.push(...(await mirrorsAt(context, api, id)));
  return leftOvers(plans, groups, mirrors);
};

/** A mirror that a site has. */
interface MirrorOf {
  readonly site: string;
  readonly planId: string;
  readonly planName: string | undefined;
}

const mirrorsAt = async (context: Context, api: Api, site: string): Promise<readonly MirrorOf[]> => {
  // Of a site that no gateway has told of, groups are all that is known.
  const objects = (await lastInventory(context, api, site))?.objects ?? [];
  return objects.flatMap(({ origin }) =>
    origin?.role === "mirror" ? [{ site, planId: origin.planId, planName: origin.planName }] : [],
  );
};

type Plan = Pick<PlanListEntry, "id" | "name" | "source" | "targets">;

/** The lines of the list. */
export const leftOvers = (
  plans: readonly Plan[],
  groups: readonly GroupListEntry[],
  mirrors: readonly MirrorOf[],
): readonly LeftOver[] => {
  const places = new Map([
    ...mirrors.map(({ site, planId }) => [`${site} ${planId}`, { site, planId }] as const),
    ...groups.map(({ siteId: site, planId }) => [`${site} ${planId}`, { site, planId: planId as string }] as const),
  ]);
  return [...places.keys()].sort().flatMap((key) => {
    const place = places.get(key);
    if (place === undefined) return [];
    const { site, planId } = place;
    const there = groups.filter((group) => group.siteId === site && group.planId === planId);
    const newest = there.toSorted((one, other) => other.sequence - one.sequence)[0];
    const own = mirrors.filter((mirror) => mirror.site === site && mirror.planId === planId);
    const plan = plans.find(({ id }) => id === planId);
    return {
      ...{ site, planId },
      planName: plan?.name ?? newest?.planName ?? own.find(({ planName }) => planName)?.planName ?? "",
      why: whyOf(plan, newest, site),
      groups: there.length,
      ...(newest && { newestTakenAt: newest.takenAt }),
      mirrors: own.length,
      sizeBytes: newest?.sizeBytes ?? 0,
    };
  });
};

/** A deleted plan is in no list of plans, and its groups say so. */
const whyOf = (plan: Plan | undefined, group: GroupListEntry | undefined, site: string): LeftOver["why"] => {
  if (plan === undefined) return group === undefined ? "plan-unknown" : "plan-deleted";
  return plan.source === site || plan.targets.some((target) => target.site === site) ? "needed" : "no-target";
};
