import { createRoute, z } from "@hono/zod-openapi";
import { objectsAnswerSchema } from "../../core/api/answers.ts";
import { objectQuerySchema } from "../../core/api/object.ts";
import { askForInventory } from "../inventory/inventory.ts";
import { listObjects } from "../inventory/objects.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, needs, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";
import { siteParam } from "./site.ts";

const list = createRoute({
  method: "get",
  path: "/v1/sites/{site}/objects",
  summary: "List what a site has, as its gateways saw it last; all of it, or what has an id or a name",
  ...needs("read"),
  request: { params: siteParam, query: pageQuery.extend(objectQuerySchema.shape) },
  responses: { 200: jsonAnswer(objectsAnswerSchema, "Objects by id, and when all of them were seen."), ...refusals },
});

const refresh = createRoute({
  method: "post",
  path: "/v1/sites/{site}/inventory",
  summary: "Have a gateway look what the site has now",
  ...needs("operate"),
  request: { params: siteParam },
  responses: {
    202: jsonAnswer(z.object({ taskId: z.string() }), "A gateway was asked; `observedAt` of the objects will move on."),
    ...refusals,
  },
});

export const objectRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(list, async (c) => {
      const { limit, cursor, ...wanted } = c.req.valid("query");
      const { site } = c.req.valid("param");
      await readSite(deps, site);
      return c.json(await listObjects(deps, site, wanted, { limit, cursor }), 200);
    })
    .openapi(refresh, async (c) => {
      const { site } = c.req.valid("param");
      await readSite(deps, site);
      return c.json({ taskId: await askForInventory(deps, site) }, 202);
    });
