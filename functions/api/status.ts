import { createRoute } from "@hono/zod-openapi";
import { VisibleError } from "../../core/api/errors.ts";
import { type SiteId, siteIdSchema } from "../../core/api/ids.ts";
import type { Plan } from "../../core/api/plan.ts";
import { type StatusAnswer, statusAnswerSchema } from "../../core/api/status.ts";
import { targetsOf } from "../../core/plan/place.ts";
import { mapBounded } from "../concurrency/map-bounded.ts";
import { warningsOfMoved } from "../failover/answer.ts";
import { readablePlans, readLivingPlan } from "../queries/plans.ts";
import { listStatus, statusOfPlans } from "../queries/status.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, needs, refusals } from "./route.ts";
import { pageQuery, planParam } from "./schemas.ts";

const status = createRoute({
  method: "get",
  path: "/v1/status",
  summary: "See how every plan is at its targets: the newest restore point, the last result, what it waits for",
  ...needs("read"),
  request: { query: pageQuery.extend({ plan: planParam.shape.plan.optional(), site: siteIdSchema.optional() }) },
  responses: { 200: jsonAnswer(statusAnswerSchema, "Plans by name. A page may be short."), ...refusals },
});

export const statusRoutes = (deps: ApiDeps) =>
  createRouter().openapi(status, async (c) => {
    const { plan, site, ...page } = c.req.valid("query");
    if (site !== undefined) await readSite(deps, site);
    if (plan === undefined) return c.json(await withWarnings(deps, await listStatus(deps, site, page)), 200);
    const found = await readLivingPlan(deps, plan);
    const read = readablePlans(deps, [found]);
    if (site !== undefined) for (const one of read.items) refuseNoTarget(one, site);
    return c.json(await withWarnings(deps, { ...read, ...(await statusOfPlans(deps, read.items, site)) }), 200);
  });

const plansAtOnce = 8;

/** With what is to be known of plans that are somewhere else than at home. */
const withWarnings = async <T extends StatusAnswer>(deps: ApiDeps, answer: T): Promise<T> => ({
  ...answer,
  items: await mapBounded(answer.items, plansAtOnce, async (item) => {
    const { planId, source, place } = item;
    if (place === undefined || place.siteId === source) return item;
    const warnings = await warningsOfMoved(deps, planId);
    return warnings.length === 0 ? item : { ...item, warnings: [...warnings] };
  }),
});

/** Nothing would be wrong there: a script with a typo would be told that all is well. */
const refuseNoTarget = (plan: Plan, site: SiteId): void => {
  const sites = targetsOf(plan);
  if (sites.includes(site)) return;
  throw new VisibleError("SITE_UNKNOWN", `The plan “${plan.name}” has no target at site “${site}”.`, {
    hint: `It has: ${sites.join(", ")}. See: smtx-backup status --plan ${plan.id}`,
  });
};
