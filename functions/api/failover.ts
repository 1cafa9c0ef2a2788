import { createRoute, z } from "@hono/zod-openapi";
import { failoverAnswerSchema } from "../../core/api/failover/answer.ts";
import { failoverPreviewSchema } from "../../core/api/failover/preview.ts";
import {
  failoverCommandBodySchema,
  failoverCreateSchema,
  failoverWishSchema,
} from "../../core/api/failover/request.ts";
import { failoverIdSchema } from "../../core/api/ids.ts";
import { answerFailover, shortAnswer } from "../failover/answer.ts";
import { confirmFailover } from "../failover/confirm.ts";
import { listFailovers, needFailover } from "../failover/failovers.ts";
import { previewFailover } from "../failover/preview.ts";
import { sayToFailover } from "../failover/say.ts";
import { readPlan } from "../queries/plans.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

const failoverParam = z.object({ failover: failoverIdSchema });
const answer = jsonAnswer(failoverAnswerSchema, "The failover, as it is now.");

const preview = createRoute({
  method: "post",
  path: "/v1/failover-previews",
  summary: "See what a failover would do, and what is lost by it",
  ...needs("restore"),
  request: { body: jsonBody(failoverWishSchema) },
  responses: { 200: jsonAnswer(failoverPreviewSchema, "What it would do, and its confirmation."), ...refusals },
});

const create = createRoute({
  method: "post",
  path: "/v1/failovers",
  summary: "Begin the failover that was previewed; refused where it would do something else now",
  ...needs("restore"),
  request: { body: jsonBody(failoverCreateSchema) },
  responses: { 201: answer, ...refusals },
});

const list = createRoute({
  method: "get",
  path: "/v1/failovers",
  summary: "List failovers and tests, also those that have ended",
  ...needs("read"),
  request: {
    query: pageQuery.extend({ plan: z.string().max(63).optional().meta({ description: "Only this plan's." }) }),
  },
  responses: { 200: pageAnswer(failoverAnswerSchema, "By plans; of each the newest first."), ...refusals },
});

const get = createRoute({
  method: "get",
  path: "/v1/failovers/{failover}",
  summary: "Look at a failover, what it waits for, and what may be said to it",
  ...needs("read"),
  request: { params: failoverParam },
  responses: { 200: answer, ...refusals },
});

const say = <Command extends "continue" | "undo" | "failback">(command: Command, summary: string) =>
  createRoute({
    method: "post",
    path: `/v1/failovers/{failover}/${command}` as const,
    summary,
    ...needs("restore"),
    request: { params: failoverParam, body: jsonBody(failoverCommandBodySchema) },
    responses: { 200: answer, ...refusals },
  });

const goOn = say("continue", "Go on with a failover that waits");
const undo = say("undo", "Undo a failover, or its failback");
const failback = say("failback", "Bring a plan back home that was failed over");

export const failoverRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(preview, async (c) => c.json(await previewFailover(deps, c.req.valid("json")), 200))
    .openapi(create, async (c) => {
      const { id } = await confirmFailover(deps, c.req.valid("json"));
      return c.json(await answerFailover(deps, await needFailover(deps, id)), 201);
    })
    .openapi(list, async (c) => {
      const { plan, ...page } = c.req.valid("query");
      const planId = plan === undefined ? undefined : (await readPlan(deps, plan)).id;
      const { items, ...rest } = await listFailovers(deps, page, planId);
      return c.json({ items: items.map(shortAnswer), ...rest }, 200);
    })
    .openapi(get, async (c) => {
      const found = await needFailover(deps, c.req.valid("param").failover);
      return c.json(await answerFailover(deps, found), 200);
    })
    .openapi(goOn, async (c) => {
      const said = { command: "continue", ...c.req.valid("json") } as const;
      return c.json(await answerFailover(deps, await sayToFailover(deps, c.req.valid("param").failover, said)), 200);
    })
    .openapi(undo, async (c) => {
      const said = { command: "undo", ...c.req.valid("json") } as const;
      return c.json(await answerFailover(deps, await sayToFailover(deps, c.req.valid("param").failover, said)), 200);
    })
    .openapi(failback, async (c) => {
      const said = { command: "failback", ...c.req.valid("json") } as const;
      return c.json(await answerFailover(deps, await sayToFailover(deps, c.req.valid("param").failover, said)), 200);
    });
