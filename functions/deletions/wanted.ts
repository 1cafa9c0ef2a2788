import { createHash } from "node:crypto";
import type { DeletionWish } from "../../core/api/deletion/request.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { planIdOf, type SiteId } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { type DeletionPlan, partsMax } from "../../core/api/run.ts";
import { targetsOf } from "../../core/plan/place.ts";
import { refuseMoved } from "../../core/plan/refuse-moved.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { isNeededAt, type MeantAt, meantOf, readSiteGroups } from "../deletable/going.ts";
import { refusalOf } from "../deletable/refusal.ts";
import { readGroups } from "../groups/groups.ts";
import type { Deps } from "../ports/deps.ts";
import { readPlan } from "../queries/plans.ts";
import { readSite } from "../sites/sites.ts";
import type { Wanted, WantedAt } from "./going-now.ts";
import { readRestored } from "./restored.ts";
import { withObjects } from "./taken-out.ts";

/**
 * Works out what a wish means now.
 * @throws VisibleError PLAN_UNKNOWN, PLAN_AMBIGUOUS, SITE_UNKNOWN, GROUP_UNKNOWN, and why it may
 *   not be: GROUP_HELD, GROUP_KEPT, GROUP_NEEDED, MIRROR_NEEDED, PLAN_BUSY; of what a restore
 *   made, as `readRestored`
 */
export const readWanted = async (deps: Deps, wish: DeletionWish): Promise<Wanted> => {
  if (wish.type === "restored") return readRestored(deps, wish);
  const plan = await readPlan(deps, wish.type === "group" ? planIdOf(wish.groupId) : wish.plan);
  const planThen: Plan = wish.type === "plan" ? { ...plan, status: "deleted" } : plan;
  const meant = await meantBy(deps, wish, plan);
  const known = await mapBounded(meant, sitesAtOnce, (one) => readSiteGroups(deps, planThen, one.siteId));
  const all = known.flatMap(({ here }) => here.map(({ body }) => body.sequence));
  const upTo = Math.max(1, plan.sequence, ...all);
  const sites = meant.map((one, index): WantedAt => {
    const at = known[index] ?? { here: [], rules: new Map() };
    return { ...one, at, going: meantOf(at, one, upTo) };
  });
  const allowed = { last: wish.type === "group" && wish.last, despiteKeepUntil: wish.despiteKeepUntil };
  if (wish.type === "group" && sites.every(({ going }) => going.length === 0)) throw noGroup(wish);
  await refuseAny(deps, planThen, sites, allowed);
  return { wish, plan, planThen, upTo, told: { sites: meant, ...allowed }, sites };
};

const sitesAtOnce = 4;

const meantBy = async (
  deps: Deps,
  wish: Exclude<DeletionWish, { type: "restored" }>,
  plan: Plan,
): Promise<MeantAt[]> => {
  switch (wish.type) {
    case "group":
      return [{ siteId: (await readSite(deps, wish.siteId)).id, groups: [wish.groupId], mirrors: false }];
    case "mirror": {
      const { id: siteId } = await readSite(deps, wish.siteId);
      if (wish.objects !== undefined) return [await withObjects(deps, plan, siteId, wish.objects)];
      if (isNeededAt(plan, siteId)) throw mirrorNeeded(plan, siteId);
      if (plan.lanes[siteId]?.active) throw laneBusy(plan, siteId);
      return [{ siteId, groups: "all", mirrors: siteId !== plan.source }];
    }
    case "plan": {
      refuseMoved(plan, "Nothing is deleted");
      const withGroups = (await readGroups(deps, plan.id)).filter(({ body }) => body.state !== "deleted");
      const sites = new Set([...targetsOf(plan), ...withGroups.map(({ body }) => body.siteId)]);
      if (sites.size > partsMax) throw tooManySites(plan);
      const hasMirrors = (siteId: SiteId) =>
        siteId !== plan.source || withGroups.some(({ body }) => body.siteId === siteId && body.role === "mirror");
      return [...sites].sort().map((siteId) => ({ siteId, groups: "all", mirrors: hasMirrors(siteId) }));
    }
  }
};

const refuseAny = async (
  deps: Deps,
  plan: Plan,
  sites: readonly WantedAt[],
  allowed: Pick<DeletionPlan, "last" | "despiteKeepUntil">,
): Promise<void> => {
  for (const { at, going } of sites) {
    const goes = new Set(going.map(({ body }) => body.id));
    for (const { body } of going) {
      const refusal = await refusalOf(deps, plan, body, { at, goes, allowed });
      if (refusal !== undefined) throw refusal;
    }
  }
};

/** A digest of all that would go: what is confirmed is this and nothing else. */
export const digestOf = ({ wish, plan, sites, told }: Wanted, until: string): string => {
  const groups = sites.map(({ siteId, mirrors, going }) => [siteId, mirrors, going.map(({ body }) => body.id)]);
  return createHash("sha256")
    .update(JSON.stringify([until, Object.entries(wish).sort(), plan.id, groups, told.restored]))
    .digest("base64url");
};

const noGroup = ({ groupId, siteId }: Extract<DeletionWish, { type: "group" }>) =>
  new VisibleError("GROUP_UNKNOWN", `Site ${siteId} has no group ${groupId}.`, {
    hint: `List the groups of the site with: smtx-backup group list --site ${siteId}`,
  });

const mirrorNeeded = ({ name, source }: Plan, siteId: SiteId): VisibleError =>
  new VisibleError(
    "MIRROR_NEEDED",
    `The plan “${name}” ${siteId === source ? `protects the site ${siteId}` : `copies to ${siteId}`}.`,
    {
      hint: `Take the site out of the plan first. What a deleted plan of the same name has left goes by its id; see: smtx-backup mirror list --site ${siteId}`,
    },
  );

const laneBusy = ({ name, lanes }: Plan, siteId: SiteId) =>
  new VisibleError("PLAN_BUSY", `The run ${lanes[siteId]?.active} to ${siteId} has not ended.`, {
    hint: `Wait until it has, or cancel it; see: smtx-backup run list --plan ${name}`,
  });

const tooManySites = ({ name }: Plan) =>
  new VisibleError("BAD_REQUEST", `The plan “${name}” has groups at more than ${partsMax} sites.`, {
    hint: `Release some of them first: smtx-backup mirror release ${name} --site SITE`,
  });
