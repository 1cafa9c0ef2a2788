import { createRoute, z } from "@hono/zod-openapi";
import { adoptionAnswerSchema, adoptionCreateSchema, adoptionIdSchema } from "../../../core/api/adoption/adoption.ts";
import { siteIdSchema } from "../../../core/api/ids.ts";
import { answerOf, showAdoption } from "../../adoption/answer.ts";
import { askForForeignPlans } from "../../adoption/ask.ts";
import type { ApiDeps } from "../env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, refusals } from "../route.ts";

const create = createRoute({
  method: "post",
  path: "/v1/adoptions",
  summary: "Take in what a site holds of plans that are not known here, or not all of them",
  ...needs("admin"),
  request: { body: jsonBody(adoptionCreateSchema) },
  responses: { 201: jsonAnswer(adoptionAnswerSchema, "The site is asked; its answer comes by itself."), ...refusals },
});

const show = createRoute({
  method: "get",
  path: "/v1/adoptions/{site}/{adoption}",
  summary: "See how far an adoption is, and what came of it",
  ...needs("admin"),
  request: { params: z.object({ site: siteIdSchema, adoption: adoptionIdSchema }) },
  responses: { 200: jsonAnswer(adoptionAnswerSchema, "What is known by now."), ...refusals },
});

export const adoptionRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(create, async (c) =>
      c.json(await answerOf(deps, await askForForeignPlans(deps, c.req.valid("json"))), 201),
    )
    .openapi(show, async (c) => {
      const { site, adoption } = c.req.valid("param");
      return c.json(await showAdoption(deps, site, adoption), 200);
    });
