import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { credentialsPath } from "../../core/api/access.ts";
import { type Actor, auditEntrySchema } from "../../core/api/audit.ts";
import { jsonIn } from "../../core/api/json.ts";
import { listAudit, writeAudit } from "../audit/audit.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";
import { createRouter, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

const list = createRoute({
  method: "get",
  path: "/v1/audit",
  summary: "List who changed what",
  ...needs("admin"),
  request: { query: pageQuery },
  responses: { 200: pageAnswer(auditEntrySchema, "The newest first; 400 days are kept."), ...refusals },
});

export const auditRoutes = (deps: ApiDeps) =>
  createRouter().openapi(list, async (c) => c.json(await listAudit(deps, c.req.valid("query")), 200));

/** A longer request is written down without its body. */
const requestCharactersMax = 8192;

/**
 * Writes down every change that somebody asked for and got. It comes after the change, which
 * nothing takes back: when it can't be written the log has it, as an error.
 */
export const audited = (deps: ApiDeps) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    await next();
    const { method, path } = c.req;
    // Gateways ask for credentials every ten minutes, and nothing changes by it.
    if (method === "GET" || method === "HEAD" || c.res.status >= 300 || path === credentialsPath) return;
    const actor = actorOf(c);
    if (actor === undefined) return;
    const request = actor.kind === "token" ? await requestOf(c) : undefined;
    const entry = { actor, method, path, requestId: c.get("requestId"), ...(request !== undefined && { request }) };
    deps.log.info({ ...entry, request: undefined }, "changed");
    try {
      await writeAudit(deps, entry);
    } catch (error) {
      deps.log.error({ err: error, entry }, "a change could not be written into the audit trail");
    }
  });

/** Whose token or certificate it was. What nobody has set is not there, whatever the type says. */
const actorOf = (c: Context<ApiEnv>): Actor | undefined => {
  const { token, gateway, enrolment } = c.var as Partial<ApiEnv["Variables"]>;
  if (token !== undefined) return { kind: "token", id: token.id, name: token.name };
  const who = gateway ?? enrolment;
  return who === undefined ? undefined : { kind: "gateway", siteId: who.siteId, gatewayId: who.gatewayId };
};

const requestOf = async (c: Context<ApiEnv>): Promise<unknown> => {
  const text = await c.req.text();
  if (text === "" || text.length > requestCharactersMax) return undefined;
  return jsonIn(text);
};
