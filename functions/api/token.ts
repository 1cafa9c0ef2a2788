import { createRoute, z } from "@hono/zod-openapi";
import type { Instant } from "../../core/api/ids.ts";
import { tokenCreatedSchema, tokenCreateSchema, tokenIdSchema, tokenSchema } from "../../core/api/token.ts";
import { createToken, listTokens, revokeToken } from "../tokens/tokens.ts";
import type { ApiDeps } from "./env.ts";
import { createRouter, jsonAnswer, jsonBody, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

const create = createRoute({
  method: "post",
  path: "/v1/tokens",
  summary: "Make a token",
  ...needs("admin"),
  request: { body: jsonBody(tokenCreateSchema) },
  responses: { 201: jsonAnswer(tokenCreatedSchema, "The token. It is not shown again."), ...refusals },
});

const list = createRoute({
  method: "get",
  path: "/v1/tokens",
  summary: "List the tokens, without their secrets",
  ...needs("admin"),
  request: { query: pageQuery },
  responses: { 200: pageAnswer(tokenSchema, "In no particular order."), ...refusals },
});

const revoke = createRoute({
  method: "delete",
  path: "/v1/tokens/{token}",
  summary: "Revoke a token, by its id",
  ...needs("admin"),
  request: { params: z.object({ token: tokenIdSchema }) },
  responses: { 204: { description: "From now on it is refused." }, ...refusals },
});

export const tokenRoutes = (deps: ApiDeps) =>
  createRouter()
    .openapi(create, async (c) => {
      const { name, scopes, expiresAt } = c.req.valid("json");
      const expiry = expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() as Instant };
      const { token, record } = await createToken(deps, { name, scopes, ...expiry });
      return c.json({ ...record, token }, 201);
    })
    .openapi(list, async (c) => c.json(await listTokens(deps, c.req.valid("query")), 200))
    .openapi(revoke, async (c) => {
      await revokeToken(deps, c.req.valid("param").token);
      return c.body(null, 204);
    });
