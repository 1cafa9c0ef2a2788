import type { z } from "@hono/zod-openapi";
import type { Plan } from "../../core/api/plan.ts";
import { sinceInstant } from "../../core/schedule/since.ts";
import type { NamedPlan } from "../queries/across-plans.ts";
import { readPlan } from "../queries/plans.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import type { acrossQuery } from "./schemas.ts";

/**
 * What a list across plans is asked for.
 * @throws {VisibleError} SITE_UNKNOWN, PLAN_UNKNOWN, PLAN_AMBIGUOUS
 */
export const filterOf = async (deps: ApiDeps, { plan, site, since, ...page }: z.infer<typeof acrossQuery>) => ({
  page,
  ...(plan !== undefined && { plan: namedPlanOf(await readPlan(deps, plan)) }),
  ...(site !== undefined && { site: (await readSite(deps, site)).id }),
  ...(since !== undefined && { since: sinceInstant(since, deps.clock.now()) }),
});

export const namedPlanOf = ({ id, name, status }: Plan): NamedPlan => ({ id, name, isDeleted: status === "deleted" });
