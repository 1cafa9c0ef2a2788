import { createRoute } from "@hono/zod-openapi";
import { restoreCreateSchema } from "../../core/api/restore/restore.ts";
import { startClone } from "../clone/start-clone.ts";
import { startRebuild } from "../rebuild/start-rebuild.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, refusals } from "./route.ts";
import { runBody } from "./schemas.ts";

const create = createRoute({
  method: "post",
  path: "/v1/restores",
  summary: "Rebuild the objects of a restore point, or some of them, on the site that has it",
  ...needs("restore"),
  request: { body: jsonBody(restoreCreateSchema) },
  responses: {
    201: jsonAnswer(runBody, "The restore is a run; look at it as at any other."),
    ...refusals,
  },
});

export const restoreRoutes = (deps: ApiDeps) =>
  createRouter().openapi(create, async (c) => {
    const wish = c.req.valid("json");
    await readSite(deps, wish.siteId);
    return c.json(await (wish.type === "clone" ? startClone(deps, wish) : startRebuild(deps, wish)), 201);
  });
