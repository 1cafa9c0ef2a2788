import type { z } from "@hono/zod-openapi";
import { sinceInstant } from "../../core/schedule/since.ts";
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
  ...(plan !== undefined && { plan: await readPlan(deps, plan) }),
  ...(site !== undefined && { site: (await readSite(deps, site)).id }),
  ...(since !== undefined && { since: sinceInstant(since, deps.clock.now()) }),
});
