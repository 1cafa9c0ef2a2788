import { createRoute, z } from "@hono/zod-openapi";
import { runAnswerSchema } from "../../core/api/answers.ts";
import { runIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { attachmentAnswerSchema } from "../../core/api/restore/attach.ts";
import { detach } from "../attach/detach.ts";
import { listToShow, readToShow } from "../attach/list-attachments.ts";
import { readRun } from "../queries/runs.ts";
import { readSite } from "../sites/sites.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

const siteParam = z.object({ site: siteIdSchema });
const runParam = z.object({ run: runIdSchema });

const list = createRoute({
  method: "get",
  path: "/v1/sites/{site}/attachments",
  summary: "List what is attached at a site: where, until when and by whom",
  ...needs("read"),
  request: { params: siteParam, query: pageQuery },
  responses: { 200: pageAnswer(attachmentAnswerSchema, "Those that go on."), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/v1/attachments/{run}",
  summary: "Look at an attachment that goes on, by its run",
  ...needs("read"),
  request: { params: runParam },
  responses: { 200: jsonAnswer(attachmentAnswerSchema, "The attachment."), ...refusals },
});

const end = createRoute({
  method: "post",
  path: "/v1/attachments/{run}/detach",
  summary: "End an attachment",
  ...needs("restore"),
  request: { params: runParam },
  responses: { 200: jsonAnswer(runAnswerSchema, "Its run as it is now."), ...refusals },
});

export const attachmentRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(list, async (c) => {
      const { id } = await readSite(deps, c.req.valid("param").site);
      return c.json(await listToShow(deps, id, c.req.valid("query")), 200);
    })
    .openapi(get, async (c) => c.json(await readToShow(deps, c.req.valid("param").run), 200))
    .openapi(end, async (c) => {
      const { run } = c.req.valid("param");
      await detach(deps, run);
      return c.json(await readRun(deps, run), 200);
    });
