import { createRoute, z } from "@hono/zod-openapi";
import { VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import { inventorySchema } from "../../core/api/object.ts";
import type { InventoryTask } from "../../core/api/task.ts";
import { readInventory } from "../inventory.ts";
import { readSite } from "../queries/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, needs, refusals } from "./route.ts";
import { siteParam } from "./site.ts";

const list = createRoute({
  method: "get",
  path: "/v1/sites/{site}/objects",
  summary: "List what a site has, as its gateways saw it last",
  ...needs("read"),
  request: { params: siteParam },
  responses: { 200: jsonAnswer(inventorySchema, "All objects, and when they were seen."), ...refusals },
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
    .openapi(list, async (c) => c.json(await objectsOf(deps, c.req.valid("param").site), 200))
    .openapi(refresh, async (c) => c.json({ taskId: await askForInventory(deps, c.req.valid("param").site) }, 202));

/** @throws {VisibleError} SITE_UNKNOWN; NOT_FOUND while no gateway of the site has looked yet */
const objectsOf = async (deps: ApiDeps, siteId: SiteId) => {
  await readSite(deps, siteId);
  const inventory = await readInventory(deps, siteId);
  if (inventory !== undefined) return inventory;
  throw new VisibleError("NOT_FOUND", `It is not known yet what site “${siteId}” has.`, {
    hint: "Start a gateway at the site; if one runs, ask it with POST /v1/sites/{site}/inventory.",
  });
};

const askForInventory = async (deps: ApiDeps, siteId: SiteId): Promise<string> => {
  await readSite(deps, siteId);
  const issuedAt = deps.clock.now();
  const task: InventoryTask = { kind: "inventory", id: `inventory/${siteId}/${issuedAt}`, siteId, issuedAt };
  await deps.tasks.send(siteId, [{ task }]);
  return task.id;
};
