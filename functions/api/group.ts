import { createRoute, z } from "@hono/zod-openapi";
import { groupAnswerSchema, groupListEntrySchema, groupListSchema } from "../../core/api/answers.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { readAcrossPlans } from "../queries/across-plans.ts";
import { listGroupsOf, namesakesWithGroups, readLatestGroup } from "../queries/group-list.ts";
import { listGroups } from "../queries/groups.ts";
import { readPlan } from "../queries/plans.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { filterOf, namedPlanOf } from "./filter.ts";
import { createRouter, jsonAnswer, needs, pageAnswer, refusals } from "./route.ts";
import { acrossQuery, pageQuery, planParam } from "./schemas.ts";

const list = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/groups",
  summary: "List a plan's snapshot groups: on a target, its restore points",
  ...needs("read"),
  request: { params: planParam, query: pageQuery.extend({ site: siteIdSchema.optional() }) },
  responses: { 200: pageAnswer(groupAnswerSchema, "By site; at each the newest first."), ...refusals },
});

const listAll = createRoute({
  method: "get",
  path: "/v1/groups",
  summary: "List snapshot groups of all plans, also of deleted ones, or of one",
  ...needs("read"),
  request: { query: acrossQuery },
  responses: {
    200: jsonAnswer(groupListSchema, "Plan after plan; of each by site, the newest first. A page may be short."),
    ...refusals,
  },
});

const latest = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/groups/latest",
  summary: "Look at a plan's newest snapshot group at a site: on a target, its newest restore point",
  ...needs("read"),
  request: { params: planParam, query: z.object({ site: siteIdSchema }) },
  responses: { 200: jsonAnswer(groupListEntrySchema, "The group."), ...refusals },
});

export const groupRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(list, async (c) => {
      const { id } = await readPlan(deps, c.req.valid("param").plan);
      const { site, ...page } = c.req.valid("query");
      if (site !== undefined) await readSite(deps, site);
      return c.json(await listGroups(deps, id, site, page), 200);
    })
    .openapi(listAll, async (c) => {
      const { plan, page, ...filter } = await filterOf(deps, c.req.valid("query"));
      if (plan !== undefined) {
        const isNamed = c.req.valid("query").plan === plan.name && page.cursor === undefined;
        const namesakes = isNamed ? await namesakesWithGroups(deps, plan, filter.site) : [];
        const groups = await listGroupsOf(deps, plan, filter, page);
        return c.json({ ...groups, ...(namesakes.length > 0 && { namesakes: [...namesakes] }) }, 200);
      }
      return c.json(await readAcrossPlans(deps, page, (one, some) => listGroupsOf(deps, one, filter, some)), 200);
    })
    .openapi(latest, async (c) => {
      const plan = await readPlan(deps, c.req.valid("param").plan);
      const { id } = await readSite(deps, c.req.valid("query").site);
      return c.json(await readLatestGroup(deps, namedPlanOf(plan), id), 200);
    });
