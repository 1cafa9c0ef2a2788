import { createRoute, z } from "@hono/zod-openapi";
import { historyEntrySchema, runAnswerSchema, runListEntrySchema, runObjectSchema } from "../../core/api/answers.ts";
import { runIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { redrive } from "../dead-letters.ts";
import { cancelRun } from "../engine/commands.ts";
import { readAcrossPlans } from "../queries/across-plans.ts";
import { listHistory } from "../queries/history.ts";
import { readPlan } from "../queries/plans.ts";
import { listRunsOf } from "../queries/run-list.ts";
import { listRunObjects } from "../queries/run-objects.ts";
import { readRun } from "../queries/runs.ts";
import type { ApiDeps } from "./env.ts";
import { filterOf } from "./filter.ts";
import { createRouter, jsonAnswer, needs, pageAnswer, refusals } from "./route.ts";
import { acrossQuery, pageQuery, planParam } from "./schemas.ts";

const runParam = z.object({ run: runIdSchema });

const list = createRoute({
  method: "get",
  path: "/v1/plans/{plan}/runs",
  summary: "List a plan's runs, restores and skipped slots",
  ...needs("read"),
  request: { params: planParam, query: pageQuery },
  responses: { 200: pageAnswer(historyEntrySchema, "The newest first."), ...refusals },
});

const listAll = createRoute({
  method: "get",
  path: "/v1/runs",
  summary: "List runs, restores and skipped slots of all plans, also of deleted ones, or of one",
  ...needs("read"),
  request: { query: acrossQuery },
  responses: {
    200: pageAnswer(runListEntrySchema, "Plan after plan; of each the newest first. A page may be short."),
    ...refusals,
  },
});

const get = createRoute({
  method: "get",
  path: "/v1/runs/{run}",
  summary: "Look at a run: how far each target is, and what it waits for",
  ...needs("read"),
  request: { params: runParam },
  responses: { 200: jsonAnswer(runAnswerSchema, "The run."), ...refusals },
});

const objects = createRoute({
  method: "get",
  path: "/v1/runs/{run}/objects",
  summary: "List a run's objects: how far each is at one target",
  ...needs("read"),
  request: { params: runParam, query: pageQuery.extend({ target: siteIdSchema }) },
  responses: { 200: pageAnswer(runObjectSchema, "In the plan's order."), ...refusals },
});

const cancel = createRoute({
  method: "post",
  path: "/v1/runs/{run}/cancel",
  summary: "Cancel what has not ended of a run",
  ...needs("operate"),
  request: { params: runParam },
  responses: { 200: jsonAnswer(runAnswerSchema, "The run as it is now."), ...refusals },
});

const redriveRun = createRoute({
  method: "post",
  path: "/v1/runs/{run}/redrive",
  summary: "Take in once more the reports about a run that could not be taken in",
  ...needs("operate"),
  request: { params: runParam },
  responses: { 200: jsonAnswer(runAnswerSchema, "The run as it is now."), ...refusals },
});

export const runRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(list, async (c) => {
      const { id } = await readPlan(deps, c.req.valid("param").plan);
      return c.json(await listHistory(deps, id, c.req.valid("query")), 200);
    })
    .openapi(listAll, async (c) => {
      const { plan, page, ...filter } = await filterOf(deps, c.req.valid("query"));
      if (plan !== undefined) return c.json(await listRunsOf(deps, plan, filter, page), 200);
      return c.json(await readAcrossPlans(deps, page, (one, some) => listRunsOf(deps, one, filter, some)), 200);
    })
    .openapi(get, async (c) => c.json(await readRun(deps, c.req.valid("param").run), 200))
    .openapi(objects, async (c) => {
      const { target, ...page } = c.req.valid("query");
      return c.json(await listRunObjects(deps, c.req.valid("param").run, target, page), 200);
    })
    .openapi(redriveRun, async (c) => {
      const { run } = c.req.valid("param");
      await redrive(deps, run);
      return c.json(await readRun(deps, run), 200);
    })
    .openapi(cancel, async (c) => {
      const { id } = await cancelRun(deps, c.req.valid("param").run);
      return c.json(await readRun(deps, id), 200);
    });
