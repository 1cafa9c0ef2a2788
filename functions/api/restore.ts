import { createRoute } from "@hono/zod-openapi";
import { restoreCreateSchema } from "../../core/api/restore/restore.ts";
import { startAttach } from "../attach/start-attach.ts";
import { startClone } from "../clone/start-clone.ts";
import { startRebuild } from "../rebuild/start-rebuild.ts";
import { startRollback } from "../rollback/start-rollback.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, refusals } from "./route.ts";
import { runBody } from "./schemas.ts";

const create = createRoute({
  method: "post",
  path: "/v1/restores",
  summary: "Have something of a group back: objects rebuilt, rolled back to what they were, or one attached",
  ...needs("restore"),
  request: { body: jsonBody(restoreCreateSchema) },
  responses: {
    201: jsonAnswer(runBody, "The restore is a run; look at it as at any other."),
    ...refusals,
  },
});

export const restoreRoutes = (deps: ApiDeps) =>
  createRouter().openapi(create, async (c) => {
    const asked = c.req.valid("json");
    if (asked.type === "rollback") return c.json(await startRollback(deps, asked), 201);
    await readSite(deps, asked.siteId);
    switch (asked.type) {
      case "rebuild":
        return c.json(await startRebuild(deps, asked), 201);
      case "clone":
        return c.json(await startClone(deps, asked), 201);
      case "attach":
        return c.json(await startAttach(deps, { ...asked, by: c.get("token").name }), 201);
    }
  });
