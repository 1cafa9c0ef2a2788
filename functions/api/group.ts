import { createRoute } from "@hono/zod-openapi";
import { groupAnswerSchema } from "../../core/api/answers.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { listGroups } from "../queries/groups.ts";
import { readPlan } from "../queries/plans.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery, planParam } from "./schemas.ts";

const list = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/groups",
  summary: "List a plan's snapshot groups: on a target, its restore points",
  ...needs("read"),
  request: { params: planParam, query: pageQuery.extend({ site: siteIdSchema.optional() }) },
  responses: { 200: pageAnswer(groupAnswerSchema, "By site; at each the newest first."), ...refusals },
});

export const groupRoutes = (deps: ApiDeps) =>
  createRouter().openapi(list, async (c) => {
    const { id } = await readPlan(deps, c.req.valid("param").plan);
    const { site, ...page } = c.req.valid("query");
    return c.json(await listGroups(deps, id, site, page), 200);
  });
