import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import { credentialsPath } from "../../core/api/access.ts";
import { type Actor, auditEntrySchema } from "../../core/api/audit.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { jsonIn } from "../../core/api/json.ts";
import { listAudit, writeAudit } from "../audit/audit.ts";
import { auditRefusal } from "../audit/refusals.ts";
import { NonceNeeded } from "../enrolment/nonce.ts";
import { GatewayWasRemoved } from "../gateways/removed.ts";
import type { ApiDeps, ApiEnv } from "./env.ts";
import { createRouter, needs, pageAnswer, refusals } from "./route.ts";
import { pageQuery } from "./schemas.ts";

const list = createRoute({
  method: "get",
  path: "/v1/audit",
  summary: "List who changed what, and what was refused",
  ...needs("admin"),
  request: { query: pageQuery },
  responses: { 200: pageAnswer(auditEntrySchema, "The newest first; 400 days are kept."), ...refusals },
});

export const auditRoutes = (deps: ApiDeps) =>
  createRouter().openapi(list, async (c) => c.json(await listAudit(deps, c.req.valid("query")), 200));

/** A longer request is written down without its body. */
const requestCharactersMax = 8192;

/** Who may not is not told of what else would be wrong. */
const refusedStatuses: readonly number[] = [401, 403];

/**
 * Writes down every change that somebody asked for and got, and counts what nobody may. It comes
 * after the change, which nothing takes back: when it can't be written the log has it, as an error.
 */
export const audited = (deps: ApiDeps) =>
  createMiddleware<ApiEnv>(async (c, next) => {
    await next();
    const { error } = c;
    if (error instanceof NonceNeeded && error.isFirst) return;
    if (VisibleError.is(error) && refusedStatuses.includes(error.status)) {
      const { method, path } = c.req;
      const actor = actorOf(c) ?? removedOf(error) ?? { kind: "stranger" };
      return auditRefusal(deps, { actor, code: error.code, method, path, requestId: c.get("requestId") });
    }
    if (c.res.status < 300 && mayChange(c)) await writeChange(deps, c);
  });

/** It shows what would go. */
const changeNothing: ReadonlySet<string> = new Set([credentialsPath, "/v1/deletions/preview"]);

/** What only needs `read` changes nothing, whatever its method: so a reader writes nothing. */
const mayChange = (c: Context<ApiEnv>): boolean => {
  const { method, path } = c.req;
  // Gateways ask for credentials every ten minutes, and nothing changes by it.
  if (method === "GET" || method === "HEAD" || changeNothing.has(path)) return false;
  return variablesOf(c).scope !== "read";
};

const writeChange = async (deps: ApiDeps, c: Context<ApiEnv>): Promise<void> => {
  const actor = actorOf(c);
  if (actor === undefined) return;
  const { method, path } = c.req;
  const request = actor.kind === "token" ? await requestOf(c) : undefined;
  const entry = { actor, method, path, requestId: c.get("requestId"), ...(request !== undefined && { request }) };
  deps.log.info({ ...entry, request: undefined }, "changed");
  try {
    await writeAudit(deps, entry);
  } catch (error) {
    deps.log.error({ err: error, entry }, "a change could not be written into the audit trail");
  }
};

/** What nobody has set is not there, whatever the type says. */
const variablesOf = (c: Context<ApiEnv>) => c.var as Partial<ApiEnv["Variables"]>;

/** Whose token or certificate it was. */
const actorOf = (c: Context<ApiEnv>): Actor | undefined => {
  const { token, gateway, enrolment } = variablesOf(c);
  if (token !== undefined) return { kind: "token", id: token.id, name: token.name };
  const who = gateway ?? enrolment;
  return who === undefined ? undefined : { kind: "gateway", siteId: who.siteId, gatewayId: who.gatewayId };
};

/** One that was removed may do nothing, and has proven all the same who it is. */
const removedOf = (error: Error): Actor | undefined => {
  if (!(error instanceof GatewayWasRemoved)) return undefined;
  const { siteId, gatewayId } = error.identity;
  return { kind: "gateway", siteId, gatewayId };
};

const requestOf = async (c: Context<ApiEnv>): Promise<unknown> => {
  const text = await c.req.text();
  if (text === "" || text.length > requestCharactersMax) return undefined;
  return jsonIn(text);
};
