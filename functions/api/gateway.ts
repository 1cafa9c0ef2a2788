import { createRoute, z } from "@hono/zod-openapi";
import { gatewayAnswerSchema } from "../../core/api/answers.ts";
import { readGateways } from "../gateways/list.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, needs, refusals } from "./route.ts";
import { siteParam } from "./site.ts";

const list = createRoute({
  method: "get",
  path: "/v1/sites/{site}/gateways",
  summary: "List a site's gateways, and which are alive",
  ...needs("read"),
  request: { params: siteParam },
  responses: { 200: jsonAnswer(z.object({ items: z.array(gatewayAnswerSchema) }), "Gateways by name."), ...refusals },
});

export const gatewayRoutes = (deps: ApiDeps) =>
  createRouter().openapi(list, async (c) => {
    const { id } = await readSite(deps, c.req.valid("param").site);
    return c.json({ items: [...(await readGateways(deps, id))] }, 200);
  });
