import { createRoute, z } from "@hono/zod-openapi";
import { deletionAnswerSchema, deletionPreviewSchema } from "../../core/api/deletion/preview.ts";
import { deletionCreateSchema, deletionWishSchema } from "../../core/api/deletion/request.ts";
import { spaceAnswerSchema, spaceQuestionIdSchema } from "../../core/api/deletion/space.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { confirmDeletion } from "../deletions/confirm.ts";
import { previewDeletion } from "../deletions/preview.ts";
import { readSpace } from "../deletions/space.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, refusals } from "./route.ts";

const preview = createRoute({
  method: "post",
  path: "/v1/deletions/preview",
  summary: "See what deleting a group, a mirror, or a plan with all that it has would take",
  ...needs("delete"),
  request: { body: jsonBody(deletionWishSchema) },
  responses: { 200: jsonAnswer(deletionPreviewSchema, "What would go, and its confirmation."), ...refusals },
});

const space = createRoute({
  method: "get",
  path: "/v1/deletions/space/{site}/{question}",
  summary: "See how much space a site says that a previewed deletion gives back",
  ...needs("delete"),
  request: { params: z.object({ site: siteIdSchema, question: spaceQuestionIdSchema }) },
  responses: { 200: jsonAnswer(spaceAnswerSchema, "What it has said so far."), ...refusals },
});

const confirm = createRoute({
  method: "post",
  path: "/v1/deletions",
  summary: "Delete what was previewed; refused where that is not what would go now",
  ...needs("delete"),
  request: { body: jsonBody(deletionCreateSchema) },
  responses: {
    201: jsonAnswer(deletionAnswerSchema, "The deletion is a run; look at it as at any other."),
    ...refusals,
  },
});

export const deletionRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(preview, async (c) => c.json(await previewDeletion(deps, c.req.valid("json")), 200))
    .openapi(space, async (c) => {
      const { site, question } = c.req.valid("param");
      return c.json(await readSpace(deps, site, question), 200);
    })
    .openapi(confirm, async (c) => c.json(await confirmDeletion(deps, c.req.valid("json")), 201));
