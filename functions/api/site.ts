import { createRoute, z } from "@hono/zod-openapi";
import { facilitiesAnswerSchema } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import {
  type Site,
  siteCreateSchema,
  siteLimitsPutSchema,
  siteSchema,
  switchMapPutSchema,
} from "../../core/api/site.ts";
import { CommitConflict } from "../../core/ports/store.ts";
import { siteKey } from "../documents/records.ts";
import { setLimits } from "../gateways/limits.ts";
import { lookAtFacilities } from "../queries/facilities.ts";
import { listSites, readSite } from "../sites/sites.ts";
import { setSwitchMap } from "../sites/switch-maps.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

export const siteParam = z.object({ site: siteIdSchema });

const create = createRoute({
  method: "post",
  path: "/v1/sites",
  summary: "Make a site known",
  ...needs("admin"),
  request: { body: jsonBody(siteCreateSchema) },
  responses: { 201: jsonAnswer(siteSchema, "The site. Its gateways can start now."), ...refusals },
});

const list = createRoute({
  method: "get",
  path: "/v1/sites",
  summary: "List the sites",
  ...needs("read"),
  request: { query: pageQuery },
  responses: { 200: pageAnswer(siteSchema, "Sites by name."), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/v1/sites/{site}",
  summary: "Look at a site",
  ...needs("read"),
  request: { params: siteParam },
  responses: { 200: jsonAnswer(siteSchema, "The site."), ...refusals },
});

const putLimits = createRoute({
  method: "put",
  path: "/v1/sites/{site}/limits",
  summary: "Limit how fast a site may send to its targets, also what is on its way now",
  ...needs("admin"),
  request: { params: siteParam, body: jsonBody(siteLimitsPutSchema) },
  responses: { 200: jsonAnswer(siteSchema, "The site. Its gateways go by the limits within 2 s."), ...refusals },
});

const facilities = createRoute({
  method: "get",
  path: "/v1/sites/{site}/facilities",
  summary: "See what a site has besides objects: kinds it can do, storage pools, virtual switches; and its mappings",
  ...needs("read"),
  request: { params: siteParam },
  responses: { 200: jsonAnswer(facilitiesAnswerSchema, "As its gateways saw it last."), ...refusals },
});

const putSwitchMap = createRoute({
  method: "put",
  path: "/v1/sites/{site}/switch-maps/{target}",
  summary:
    "Say which virtual switch of a target takes the place of which of a site's, in every plan that says nothing else",
  ...needs("admin"),
  request: { params: siteParam.extend({ target: siteIdSchema }), body: jsonBody(switchMapPutSchema) },
  responses: {
    200: jsonAnswer(siteSchema, "The site. What comes to be prepared from now on goes by it."),
    ...refusals,
  },
});

export const siteRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(create, async (c) => c.json(await createSite(deps, c.req.valid("json")), 201))
    .openapi(list, async (c) => c.json(await listSites(deps, c.req.valid("query")), 200))
    .openapi(get, async (c) => c.json(await readSite(deps, c.req.valid("param").site), 200))
    .openapi(putLimits, async (c) => {
      const { site } = c.req.valid("param");
      return c.json(await setLimits(deps, site, c.req.valid("json")), 200);
    })
    .openapi(facilities, async (c) => c.json(await lookAtFacilities(deps, c.req.valid("param").site), 200))
    .openapi(putSwitchMap, async (c) => {
      const { site, target } = c.req.valid("param");
      return c.json(await setSwitchMap(deps, site, target, c.req.valid("json").switches), 200);
    });

/** The queue comes first: a site that is known has one. @throws {VisibleError} SITE_EXISTS */
const createSite = async (deps: ApiDeps, wanted: Pick<Site, "id" | "multiCluster">): Promise<Site> => {
  const key = siteKey(wanted.id);
  if ((await deps.store.get<Site>(key)) !== undefined) throw siteExists(wanted.id);
  await deps.tasks.ensure(wanted.id);
  const site: Site = { ...wanted, createdAt: deps.clock.now() };
  try {
    await deps.store.commit([{ type: "put", key, body: site, expect: "absent" }]);
  } catch (error) {
    throw error instanceof CommitConflict ? siteExists(wanted.id, error) : error;
  }
  return site;
};

const siteExists = (id: string, cause?: unknown) =>
  new VisibleError("SITE_EXISTS", `There is a site “${id}” already.`, { hint: "Choose another name.", cause });
